/** An OpenAPI 3.x document with `x-l402-*` extensions (lightninglabs/L402 PR 27): operations of the host it is read from. */
import type { Claim, Promised } from "../endpoint/listing.ts";
import type { Msat } from "../units.ts";
import { parseUrl } from "../url.ts";
import { jsonContent, requestExample, resolveReference } from "./example.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { manifestPrice } from "./manifest.ts";
import {
  amount,
  claimOf,
  items,
  line,
  lower,
  MOST_CHARACTERS,
  MOST_FIELDS,
  member,
  members,
  payee,
  tags,
} from "./values.ts";

const VERBS = ["get", "post", "put", "patch", "delete"] as const;
const MOST_SERVERS = 10;

/** @returns undefined for a document of another form */
export function readOpenApi(document: unknown, context: FeedContext): Reading | undefined {
  const version = member(document, "openapi");
  const paths = member(document, "paths");
  if (typeof version !== "string" || !version.startsWith("3.") || typeof paths !== "object") return undefined;

  const host = new URL(context.url).host;
  const funnel = openFunnel(context, { source: "openapi", reference: context.url, host });
  for (const [path, given] of members(paths)) {
    const item = resolveReference(document, given);
    for (const verb of VERBS) {
      const operation = member(item, verb);
      if (operation === undefined) continue;
      if (isPaid(operation)) {
        const servers = [operation, item, document].map((level) => items(member(level, "servers")));
        const server = ownServer(servers.find((list) => list.length > 0) ?? [], context.url);
        const url = server && `${server.replace(/\/+$/, "")}${path.startsWith("/") ? "" : "/"}${path}`;
        if (url === undefined) funnel.drop("foreign_host");
        else funnel.offer({ url, base: context.url, method: verb, claim: claim(document, operation) });
      } else funnel.drop("not_l402");
    }
  }
  return funnel.end();
}

/** Priced, or said to belong to an L402 service and to answer 402. */
function isPaid(operation: unknown): boolean {
  if (member(operation, "x-l402-pricing") !== undefined) return true;
  const isOfService = members(operation).some(([name]) => name.startsWith("x-l402-"));
  return isOfService && member(member(operation, "responses"), "402") !== undefined;
}

/** The first server on the document's own host; the document's host itself when none is named. */
function ownServer(servers: readonly unknown[], url: string): string | undefined {
  if (servers.length === 0) return new URL("/", url).href;
  const hosts = servers.slice(0, MOST_SERVERS).flatMap((server) => {
    const text = member(server, "url");
    return (typeof text === "string" && text.length <= 2_048 && parseUrl(text, url)) || [];
  });
  return hosts.find(({ host, protocol }) => host === new URL(url).host && /^https?:$/.test(protocol))?.href;
}

function claim(document: unknown, operation: unknown): Claim {
  const info = member(document, "info");
  const provider = member(info, "x-l402-provider");
  return claimOf({
    name: line(member(operation, "summary") ?? member(operation, "operationId"), MOST_CHARACTERS.name),
    description: line(member(operation, "description"), MOST_CHARACTERS.description),
    tags: tags(member(operation, "tags")),
    provider: line(member(provider, "name") ?? member(info, "title"), MOST_CHARACTERS.provider),
    contact: line(member(member(info, "contact"), "email"), MOST_CHARACTERS.contact),
    price: price(member(operation, "x-l402-pricing")),
    payee: payee(member(provider, "node_pubkey")),
    schemes: ["l402"],
    input: requestExample(document, member(operation, "requestBody")),
    promised: promised(document, operation),
  });
}

/** The manifest's shape, or that of a converter which counts in sat: `{model, priceSats, tokenBudget, …}`. */
function price(pricing: unknown): Msat | undefined {
  if (member(pricing, "price_msat") !== undefined) return manifestPrice(pricing);
  const perCall = ["", "fixed", "per_request", "per-request"].includes(lower(member(pricing, "model")));
  const isBundle = ["tokenBudget", "durationMinutes", "unitCostSats"].some((name) => member(pricing, name) != null);
  return perCall && !isBundle ? amount(member(pricing, "priceSats"), 1_000n) : undefined;
}

/** What the first success promises of its body. */
function promised(document: unknown, operation: unknown): Promised | undefined {
  const responses = members(member(operation, "responses"));
  const success = responses.find(([status]) => /^2(?:\d\d|XX)$/i.test(status))?.[1];
  const json = jsonContent(member(resolveReference(document, success), "content"));
  if (!json) return undefined;
  const schema = resolveReference(document, member(json.media, "schema"));
  const names = items(member(schema, "required")).slice(0, MOST_FIELDS);
  const fields = names.flatMap((name) => line(name, MOST_CHARACTERS.field) ?? []);
  return { contentType: json.contentType, ...(fields.length > 0 && { fields: [...new Set(fields)] }) };
}
