/** POST, PATCH and DELETE /api/services/register: an operator's word on its own endpoint. Free; signed (NIP-98). */
import { z } from "zod";
import { readCategory } from "../../../core/endpoint/category.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import type { Claim } from "../../../core/endpoint/listing.ts";
import { line } from "../../../core/feed/values.ts";
import {
  amendEndpoint,
  type Registered,
  type RegisterPorts,
  registerEndpoint,
  withdrawEndpoint,
} from "../../../oracle/catalogue/register-endpoint.ts";
import type { Contract } from "../operation.ts";
import { amountMsatInput, hash, nodeKeyInput, unixTime } from "../schemas.ts";
import type { SignedOperation } from "../signed-door.ts";

const word = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((text) => line(text, most) === text, "one line of characters that can be shown");
const mediaType = z
  .string()
  .max(100)
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/, "a media type without parameters");
const json = z.string().refine(isJson, "JSON, as text").max(4_096);

const fields = {
  name: word(200),
  description: word(2_000),
  category: z
    .string()
    .max(100)
    .refine((text) => readCategory(text) !== undefined, "2 to 32 of a-z, 0-9, / _ -, a letter first"),
  tags: z.array(word(50).toLowerCase()).min(1).max(20),
  provider: word(200),
  contact: word(200),
  priceMsat: amountMsatInput,
  payee: nodeKeyInput.toLowerCase().meta({ override: { type: "string" }, description: "The node that invoices pay" }),
  input: z
    .strictObject({ contentType: z.literal("application/json"), body: json })
    .meta({ description: "A body that makes a call well-formed" }),
  promised: z
    .strictObject({ contentType: mediaType.optional(), fields: z.array(word(100)).min(1).max(50).optional() })
    .meta({ description: "What the body of a paid answer will be" }),
};
const name = {
  url: z.string().min(1).max(2_048).meta({ description: "The endpoint, on a host that names your key" }),
  method: z.enum(METHODS).default("GET"),
};

const registration = z.strictObject({ ...name, ...z.object(fields).partial().shape });
const amendment = z.strictObject({
  ...name,
  ...Object.fromEntries(Object.entries(fields).map(([field, schema]) => [field, schema.nullable().optional()])),
} as typeof name & { [Name in keyof typeof fields]: z.ZodOptional<z.ZodNullable<(typeof fields)[Name]>> });
const withdrawal = z.strictObject(name);

const registered = z.object({
  id: hash.meta({ description: "SHA-256 of the URL; with the method it names the endpoint" }),
  url: z.string(),
  method: z.enum(METHODS),
  operator: hash,
  proof: z.enum(["file", "challenge"]).meta({ description: "What on the host names the operator" }),
  provenUntil: unixTime.meta({ description: "Looked at again each day; ends sooner when the host names you no more" }),
});

const PATH = "/api/services/register";
export const registerServiceContract = {
  operation: "registerService",
  method: "post",
  path: PATH,
  summary: "Says what an endpoint of yours is and costs; your host must name your key",
  signed: true,
  body: registration,
  response: registered,
  created: registered,
} as const satisfies Contract;
export const amendServiceContract = {
  operation: "amendService",
  method: "patch",
  path: PATH,
  summary: "Changes some of what you said of an endpoint of yours; null takes a field back",
  signed: true,
  body: amendment,
  response: registered,
} as const satisfies Contract;
export const withdrawServiceContract = {
  operation: "withdrawService",
  method: "delete",
  path: PATH,
  summary: "Takes an endpoint of yours out of the catalogue, whoever lists it",
  signed: true,
  body: withdrawal,
  response: registered,
} as const satisfies Contract;

type Answer = z.infer<typeof registered>;
type Fields = { [Name in keyof typeof fields]?: z.infer<(typeof fields)[Name]> | null | undefined };

export function registerOperations(ports: RegisterPorts): SignedOperation<never, Answer>[] {
  const register: SignedOperation<z.infer<typeof registration>, Answer> = {
    ...registerServiceContract,
    async serve({ input: { url, method, ...rest }, pubkey, caller, response }) {
      const asked = { url, method, operator: pubkey, claim: amended({}, rest), signal: caller.signal };
      const result = await registerEndpoint(ports, asked);
      if (result.isNew) response.status(201);
      return present(result, pubkey);
    },
  };
  const amend: SignedOperation<z.infer<typeof amendment>, Answer> = {
    ...amendServiceContract,
    async serve({ input: { url, method, ...rest }, pubkey, caller }) {
      const change = (held: Claim) => amended(held, rest);
      const asked = { url, method, operator: pubkey, change, signal: caller.signal };
      return present(await amendEndpoint(ports, asked), pubkey);
    },
  };
  const withdraw: SignedOperation<z.infer<typeof withdrawal>, Answer> = {
    ...withdrawServiceContract,
    async serve({ input: { url, method }, pubkey, caller }) {
      return present(await withdrawEndpoint(ports, { url, method, operator: pubkey, signal: caller.signal }), pubkey);
    },
  };
  return [register, amend, withdraw];
}

/** A claim with what is given changed: absent stays, null goes. An endpoint that its operator registers is paid by L402. */
function amended(held: Claim, { priceMsat, category, ...given }: Fields): Claim {
  const changes = {
    ...given,
    ...(priceMsat !== undefined && { price: priceMsat }),
    ...(category !== undefined && { category: category === null ? null : readCategory(category) }),
  };
  const merged = { schemes: ["l402"], ...held, ...changes };
  return Object.fromEntries(
    Object.entries(merged).filter(([, value]) => value !== undefined && value !== null),
  ) as Claim;
}

function present({ named, held }: Registered, operator: string): Answer {
  const { endpoint, method } = named;
  return { id: endpoint.id, url: endpoint.url, method, operator, proof: held.proof, provenUntil: held.expiresAt };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
