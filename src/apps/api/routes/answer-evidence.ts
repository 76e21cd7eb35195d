/**
 * POST /api/services/{id}/reply and /dispute: what an operator says beside what is measured of its endpoint, signed (NIP-98); and
 * GET /api/services/{id}/statements, which shows it to everybody. Free.
 */
import { z } from "zod";
import type { Statements } from "../../../adapters/postgres/reply.ts";
import { METHODS, type Method } from "../../../core/endpoint/endpoint.ts";
import { OracleError } from "../../../core/errors.ts";
import { line } from "../../../core/feed/values.ts";
import { dispute, type ReplyPorts, reply } from "../../../oracle/catalogue/reply.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { hash, unixTime } from "../schemas.ts";
import type { SignedOperation } from "../signed-door.ts";

const params = z.object({ id: hash.meta({ description: "The endpoint's id: SHA-256 of its URL" }) });
const method = z.enum(METHODS).default("GET");
const text = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .refine((words) => line(words, 500) === words, "one line of characters that can be shown");

const replyBody = z.strictObject({ method, text: text.nullable().meta({ description: "null takes a reply back" }) });
const disputeBody = z.strictObject({
  method,
  attempt: hash.meta({ description: "Of the call in the evidence log that is disputed" }),
  text: text.meta({ description: "What was otherwise" }),
});
const done = z.object({ saved: z.boolean().meta({ description: "False: this call is disputed already" }) });
const statement = z.object({ operator: hash, text: z.string(), at: unixTime });
const statements = z.object({
  reply: statement.nullable(),
  disputeCount: z.int().min(0),
  disputes: z.array(statement.extend({ attempt: hash })).meta({ description: "The newest 100" }),
});

export const replyContract = {
  operation: "replyAsOperator",
  method: "post",
  path: "/api/services/{id}/reply",
  summary: "Says something beside what is measured of your endpoint",
  signed: true,
  params,
  body: replyBody,
  response: done,
} as const satisfies Contract;
export const disputeContract = {
  operation: "disputeCall",
  method: "post",
  path: "/api/services/{id}/dispute",
  summary: "Disputes one call of your endpoint; it stays evidence, and the dispute stands beside it",
  signed: true,
  params,
  body: disputeBody,
  response: done,
} as const satisfies Contract;
export const statementsContract = {
  operation: "getStatements",
  method: "get",
  path: "/api/services/{id}/statements",
  summary: "What an endpoint's operator says to what is measured of it",
  params,
  query: z.strictObject({ method }),
  response: statements,
} as const satisfies Contract;

type Named<Body> = Body & { id: string };

export function replyOperation(
  ports: ReplyPorts,
): SignedOperation<Named<z.infer<typeof replyBody>>, z.infer<typeof done>> {
  return {
    ...replyContract,
    async serve({ input: { id, method, text }, pubkey }) {
      await reply(ports, { id, method, operator: pubkey }, text ?? undefined);
      return { saved: true };
    },
  };
}

export function disputeOperation(
  ports: ReplyPorts,
): SignedOperation<Named<z.infer<typeof disputeBody>>, z.infer<typeof done>> {
  return {
    ...disputeContract,
    async serve({ input: { id, method, attempt, text }, pubkey }) {
      return { saved: await dispute(ports, { id, method, operator: pubkey }, attempt, text) };
    },
  };
}

export type StatementsPorts = LimitPorts & {
  statements(id: string, method: Method): Promise<Statements | undefined>;
  takeListing: TakeOne;
};

export function getStatements(
  ports: StatementsPorts,
): FreeOperation<{ id: string; method: Method }, z.infer<typeof statements>> {
  return {
    ...statementsContract,
    async serve({ id, method }, request, response) {
      await holdToLimit(ports, "services", ports.takeListing, request, response);
      const found = await ports.statements(id, method);
      if (!found) throw new OracleError("SUBJECT_UNKNOWN", "this endpoint is not in the catalogue");
      return { reply: found.reply ?? null, disputeCount: found.count, disputes: found.disputes };
    },
  };
}
