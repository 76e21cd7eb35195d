/** GET /api/services and /api/services/categories: the catalogue of paid endpoints. Free. */
import { z } from "zod";
import {
  MOST_COUNTED,
  type Service,
  type ServiceFilter,
  type ServicePage,
} from "../../../adapters/postgres/service.ts";
import { readCategory } from "../../../core/endpoint/category.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import { SCHEMES, SOURCES } from "../../../core/endpoint/listing.ts";
import { parsePublicKey } from "../../../core/nip85/key-text.ts";
import { isPrintable } from "../../../core/subject.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { amountMsat, amountMsatOrZero, hash, nodeKey, probability, unixTime } from "../schemas.ts";
import { sendUnlessUnchanged } from "../unchanged.ts";

const source = z.enum(SOURCES);
const category = z
  .string()
  .max(100)
  .transform((text, context) => {
    const name = readCategory(text);
    if (name === undefined) context.addIssue("2 to 32 of a-z, 0-9, / _ -, a letter first");
    return name ?? "";
  })
  .meta({ override: { type: "string" }, description: "Common other names are understood: `ai/llm` is `ai`" });
const operator = z
  .string()
  .max(100)
  .transform((text, context) => {
    const key = parsePublicKey(text);
    if (key === undefined) context.addIssue("64 hex digits or npub1...");
    return key ?? "";
  })
  .meta({ override: { type: "string" }, description: "Nostr key that proved to run the host: hex or npub" });

const query = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, "use the nextCursor of the page before")
    .optional(),
  q: z.string().trim().min(1).max(200).refine(isPrintable, "printable characters only").optional().meta({
    description:
      'Words of name, category, tags, provider, description and URL; `-word` and `"a phrase"` are understood',
  }),
  category: category.optional(),
  maxPriceMsat: amountMsatOrZero.optional(),
  unknownPrice: z.enum(["include", "exclude"]).default("exclude").meta({
    description: "Whether endpoints whose price nobody knows pass `maxPriceMsat`",
  }),
  scheme: z.enum(SCHEMES).optional(),
  operator: operator.optional(),
  host: z.string().min(1).max(253).toLowerCase().optional(),
});

const service = z.object({
  id: hash.meta({ description: "SHA-256 of the URL; with the method it names the endpoint" }),
  url: z.string(),
  method: z.enum(METHODS),
  host: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  provider: z.string().nullable(),
  contact: z.string().nullable(),
  priceMsat: amountMsat.nullable().meta({ description: "What invoices asked last, else as announced; null: unknown" }),
  announcedPriceMsat: amountMsat.nullable(),
  payee: nodeKey.nullable().meta({ description: "The node that invoices are said to pay" }),
  schemes: z.array(z.enum(SCHEMES)).meta({ description: "Ways to pay, as observed or announced" }),
  promised: z
    .object({ contentType: z.string().optional(), fields: z.array(z.string()).readonly().optional() })
    .nullable()
    .meta({ description: "What the body of a paid answer is said to be" }),
  sources: z.array(source).meta({ description: "Who lists it now" }),
  origin: z.record(z.string(), source).meta({ description: "Whose word each field is" }),
  operator: hash.nullable().meta({ description: "Nostr key that proved to run the host" }),
  reply: z.string().nullable().meta({ description: "The operator's word to what is measured" }),
  disputeCount: z
    .int()
    .min(0)
    .meta({ description: "Calls that the operator disputes: GET /api/services/{id}/statements" }),
  listedAt: unixTime,
  changedAt: unixTime,
  belief: z
    .object({
      probability,
      low: probability,
      high: probability,
      observations: z.int().min(0),
      newestAt: unixTime.nullable(),
    })
    .nullable()
    .meta({ description: "That a paid call is answered well, with a 90 % interval; null: not rated yet" }),
});

const list = z.object({
  services: z.array(service),
  nextCursor: z.string().nullable(),
  unknownPriceCount: z
    .int()
    .min(0)
    .max(MOST_COUNTED)
    .nullable()
    .meta({ description: `With maxPriceMsat: endpoints that fit but for an unknown price, ${MOST_COUNTED} at most` }),
});
const categories = z.object({
  categories: z.array(z.object({ category: z.string().nullable(), count: z.int().min(1) })),
});

type Query = z.infer<typeof query>;

export const listServicesContract = {
  operation: "listServices",
  method: "get",
  path: "/api/services",
  summary: "The catalogue of paid endpoints, with whose word each field is",
  query,
  response: list,
} as const satisfies Contract;

export const listCategoriesContract = {
  operation: "listServiceCategories",
  method: "get",
  path: "/api/services/categories",
  summary: "The catalogue's categories, and how many endpoints each has",
  response: categories,
} as const satisfies Contract;

export type ListServicesPorts = LimitPorts & {
  services(page: ServicePage): Promise<Service[]>;
  unpricedServices(filter: ServiceFilter): Promise<number>;
  categories(): Promise<{ category: string | undefined; count: number }[]>;
  /** Counts one reading against an address range. */
  takeListing: TakeOne;
};

const KEPT_SEC = 10;
const CATEGORIES_KEPT_SEC = 60;

export function listServices(ports: ListServicesPorts): FreeOperation<Query, z.infer<typeof list>> {
  return {
    ...listServicesContract,
    async serve(asked, request, response) {
      await holdToLimit(ports, "services", ports.takeListing, request, response);
      const { limit, cursor, q, category, maxPriceMsat, unknownPrice, scheme, operator, host } = asked;
      const price =
        maxPriceMsat === undefined ? undefined : { price: maxPriceMsat, withUnknown: unknownPrice === "include" };
      const filter = { text: q, category, scheme, operator, host, maxPrice: price };
      const [found, unknownPriceCount] = await Promise.all([
        ports.services({ ...filter, after: BigInt(cursor ?? 0), limit: limit + 1 }),
        price ? ports.unpricedServices(filter) : null,
      ]);
      const page = found.slice(0, limit);
      const nextCursor = found.length > limit ? String(page.at(-1)!.place) : null;
      const answer = { services: page.map(presentService), nextCursor, unknownPriceCount };
      sendUnlessUnchanged(request, response, answer, KEPT_SEC);
      return answer;
    },
  };
}

export function listCategories(ports: ListServicesPorts): FreeOperation<undefined, z.infer<typeof categories>> {
  return {
    ...listCategoriesContract,
    async serve(_query, request, response) {
      await holdToLimit(ports, "services", ports.takeListing, request, response);
      const counted = await ports.categories();
      const answer = { categories: counted.map(({ category, count }) => ({ category: category ?? null, count })) };
      sendUnlessUnchanged(request, response, answer, CATEGORIES_KEPT_SEC);
      return answer;
    },
  };
}

function presentService({ place: _place, ...given }: Service): z.infer<typeof service> {
  const { price, announcedPrice, belief, promised, ...rest } = given;
  return {
    ...rest,
    name: rest.name ?? null,
    description: rest.description ?? null,
    category: rest.category ?? null,
    provider: rest.provider ?? null,
    contact: rest.contact ?? null,
    priceMsat: price === undefined ? null : String(price),
    announcedPriceMsat: announcedPrice === undefined ? null : String(announcedPrice),
    payee: rest.payee ?? null,
    operator: rest.operator ?? null,
    reply: rest.reply ?? null,
    promised: promised ?? null,
    belief: belief ? { ...belief, newestAt: belief.newestAt ?? null } : null,
  };
}
