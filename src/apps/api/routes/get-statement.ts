/** GET /api/balance/statement: every payment and every charge of an account, newest first. Free; needs the account's own token. */
import { z } from "zod";
import type { StatementLine } from "../../../adapters/postgres/token.ts";
import { fromBase64, fromUtf8, toBase64, utf8 } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { type AccountPorts, readAccount } from "../../../oracle/account/read-account.ts";
import { type AccountDoorPorts, type AccountOperation, refuseHolder } from "../account-door.ts";
import type { Contract } from "../operation.ts";
import { amountMsat, unixTime } from "../schemas.ts";

const query = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});
const line = z.object({
  kind: z.enum(["deposit", "charge", "move"]).meta({
    description: "`move`: the balance of the account that this one replaced",
  }),
  amountMsat,
  at: unixTime,
  operation: z.string().nullable(),
  refundedAt: unixTime.nullable().meta({ description: "When a charge was given back in full" }),
  paymentHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  chargeId: z.string().regex(/^\d+$/).nullable(),
});
const answer = z.object({ lines: z.array(line), nextCursor: z.string().nullable() });

type Query = z.infer<typeof query>;
type Answer = z.infer<typeof answer>;
type Place = { at: number; reference: string };

export const getStatementContract = {
  operation: "getStatement",
  method: "get",
  path: "/api/balance/statement",
  summary: "What came into an account and what was taken from it, newest first",
  access: "token",
  query,
  response: answer,
} as const satisfies Contract;

export type StatementPorts = AccountPorts &
  AccountDoorPorts & {
    statement(tokenId: Uint8Array, page: { before: Place | undefined; limit: number }): Promise<StatementLine[]>;
    now(): UnixSeconds;
  };

export function getStatement(ports: StatementPorts): AccountOperation<Query, Answer> {
  const { operation } = getStatementContract;
  return {
    ...getStatementContract,
    async serve({ limit, cursor }, token, _request, response) {
      const before = cursor === undefined ? undefined : parseCursor(cursor);
      const view = token.budgets.length === 0 ? await readAccount(ports, token, ports.now()) : undefined;
      if (!view) {
        const reason = token.budgets.length > 0 ? "out-of-scope" : "revoked";
        refuseHolder(ports, response, { operation, reason });
        return undefined;
      }
      const lines = await ports.statement(token.tokenId, { before, limit });
      const last = lines.length === limit ? lines.at(-1) : undefined;
      return { lines: lines.map(present), nextCursor: last ? writeCursor(last) : null };
    },
  };
}

function present({ kind, amount, at, operation, refundedAt, reference }: StatementLine): Answer["lines"][number] {
  const name = reference.slice(1);
  return {
    kind,
    amountMsat: String(amount),
    at,
    operation: operation ?? null,
    refundedAt: refundedAt ?? null,
    paymentHash: kind === "deposit" ? name : null,
    chargeId: kind === "charge" ? String(BigInt(name)) : null,
  };
}

function writeCursor({ at, reference }: Place): string {
  return toBase64(utf8(`${at}.${reference}`))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Where the last page ended. @throws VALIDATION_FAILED */
function parseCursor(text: string): Place {
  const plain = fromUtf8(fromBase64(text) ?? new Uint8Array());
  const [, at, reference] = /^(\d{1,15})\.(p[0-9a-f]{64}|[cm]\d{19})$/.exec(plain) ?? [];
  if (at === undefined || reference === undefined)
    throw new OracleError("VALIDATION_FAILED", "cursor: use the nextCursor of the page before");
  return { at: Number(at), reference };
}
