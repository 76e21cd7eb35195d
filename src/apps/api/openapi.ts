/** The OpenAPI 3.1 document, generated from the contracts that also validate. */
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject } from "zod-openapi";
import { ERRORS } from "../../core/errors.ts";
import { SERVICE } from "../../core/l402/caveat.ts";
import { REFUSALS, type Refusal, refusalCode } from "../../core/l402/refusal.ts";
import { CAVEATS, pricing, TIER_LIST } from "./discovery.ts";
import type { Contract } from "./operation.ts";

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum([...Object.keys(ERRORS), ...(Object.keys(REFUSALS) as Refusal[]).map(refusalCode)] as [
      string,
      ...string[],
    ]),
    detail: z.string(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem with a stable code" });

const challenge = problem
  .extend({
    error: z.string(),
    invoice: z.string(),
    macaroon: z.string(),
    token: z.string(),
    paymentHash: z.string(),
    amountSats: z.int(),
    priceSats: z.int(),
    price_sats: z.int(),
  })
  .meta({ id: "Challenge", description: "A payable L402 challenge; the same as in WWW-Authenticate" });

/** One document for a set of contracts. `origin` is where the API is reached, without a trailing slash. */
export function openApiDocument(contracts: readonly Contract[], facts: { origin: string; version: string }): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const contract of contracts) {
    paths[contract.path] = { ...paths[contract.path], [contract.method]: describe(contract) };
  }
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "SatRank",
      version: facts.version,
      description: "A Lightning trust oracle that is paid over Lightning (L402).",
      license: { name: "MIT", identifier: "MIT" },
      "x-l402-version": "1.0",
      "x-l402-provider": { name: "SatRank", uri: facts.origin },
    },
    "x-l402-caveats": CAVEATS,
    servers: [{ url: facts.origin }],
    paths,
    components: {
      securitySchemes: {
        l402: {
          type: "apiKey",
          in: "header",
          name: "Authorization",
          description: "L402 <base64 macaroon>:<hex preimage>, from a 402 challenge",
          "x-l402-scheme": "L402",
        },
        nostr: {
          type: "http",
          scheme: "Nostr",
          description: "NIP-98: a kind 27235 event that signs this URL, method and body, base64; good for one request",
        },
      },
    },
  });
}

function describe(contract: Contract): ZodOpenApiOperationObject {
  const { operation, summary, price, access, signed, params, query, body, response, created } = contract;
  const sells = price !== undefined || access === "token-or-challenge";
  const problems = { content: { "application/problem+json": { schema: problem } } };
  return {
    operationId: operation,
    summary,
    ...((query || params) && { requestParams: { ...(query && { query }), ...(params && { path: params }) } }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    security: securityOf(contract),
    ...((price !== undefined || access) && { "x-l402-service": SERVICE, "x-l402-capability": operation }),
    ...(price !== undefined && { "x-l402-tiers": TIER_LIST, "x-l402-pricing": pricing(price) }),
    responses: {
      "200": { description: "Done", content: { "application/json": { schema: z.object({ data: response }) } } },
      ...(created && {
        "201": { description: "Made", content: { "application/json": { schema: z.object({ data: created }) } } },
      }),
      ...(sells && {
        "402": {
          description: "Payment required: pay the invoice and repeat",
          headers: z.object({ "WWW-Authenticate": z.string() }),
          content: { "application/problem+json": { schema: challenge } },
        },
      }),
      ...((price !== undefined || access) && {
        "401": {
          description: access === "token" ? "No credential of ours" : "Malformed or forged credential",
          ...problems,
        },
        "425": { description: "Paid, and not settled yet: repeat after Retry-After", ...problems },
      }),
      ...(signed && {
        "401": { description: "No NIP-98 signature of this very request", ...problems },
        "403": { description: "The endpoint's host does not name this key", ...problems },
      }),
      ...(access && { "403": { description: "This token does not open this operation", ...problems } }),
      "400": { description: "Bad input; nothing was charged", ...problems },
      "503": { description: "Try again after Retry-After; nothing was charged", ...problems },
      default: { description: "Any other refusal; its code says which", ...problems },
    },
  };
}

/** An empty requirement beside another says that it may be left out. */
function securityOf({ price, access, signed }: Contract): Record<string, string[]>[] {
  if (signed) return [{ nostr: [] }];
  if (access === "token-or-challenge") return [{}, { l402: [] }];
  return price === undefined && access === undefined ? [] : [{ l402: [] }];
}
