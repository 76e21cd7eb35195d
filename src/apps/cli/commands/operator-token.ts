/** `satrank operator-token`: makes, lists, revokes and audits what calls priced operations without paying. */
import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { operatorTokenTable } from "../../../adapters/postgres/operator-token.ts";
import { operatorUseTable } from "../../../adapters/postgres/operator-use.ts";
import { OracleError } from "../../../core/errors.ts";
import {
  checkOperatorToken,
  EVERY_OPERATION,
  isOperationName,
  isOperatorLabel,
  newOperatorToken,
  OPERATOR_TOKEN_MAX_LIFE_SEC,
  OPERATOR_TOKEN_MAX_OPERATIONS,
  OPERATOR_TOKEN_MAX_USES,
  OPERATOR_TOKEN_RANDOM_BYTES,
  type OperatorToken,
  parseOperatorTokenId,
} from "../../../core/operator-token.ts";
import { now } from "../../clock.ts";
import { withDatabase } from "../database.ts";
import type { Output } from "../terminal.ts";
import { iso, table } from "../text.ts";

const MAX_LISTED = 1_000;
const DEFAULT_USES = 20;
/** Stands for the one secret of the settings where an id is expected. */
const PLAIN_SECRET = "secret";

type Grant = { label: string; operations: string[]; expires: number; maxUses?: number };

export function operatorTokenCommand(output: Output): Command {
  const group = new Command("operator-token")
    .description("tokens that call priced operations without paying (X-Operator-Token); needs DATABASE_URL")
    .exitOverride();
  group
    .command("create")
    .description("make a token; it is printed once and never again")
    .requiredOption("--label <text>", "what it is for, at most 64 characters", labelOf)
    .requiredOption("--operations <names>", "operation ids of /api/openapi.json, comma-separated, or '*'", operationsOf)
    .requiredOption("--expires <duration>", "how long it lives: 12h, 30d; at most 366d", durationOf)
    .option("--max-uses <n>", "how many calls it may make (default: any number)", countOf(OPERATOR_TOKEN_MAX_USES))
    .action((grant: Grant) => withDatabase((database) => create(output, database, grant)));
  group
    .command("list")
    .description("show the newest tokens, without their secrets")
    .action(() => withDatabase((database) => list(output, database)));
  group
    .command("revoke")
    .description("end a token at once, in every process")
    .argument("<id>", "its 12-hex id", tokenIdOf)
    .action((tokenId: string) => withDatabase((database) => revoke(output, database, tokenId)));
  group
    .command("uses")
    .description("show the last calls that were served under a token")
    .argument("<id>", `its 12-hex id, or '${PLAIN_SECRET}' for OPERATOR_BYPASS_SECRET`, tokenIdOrSecret)
    .option("--limit <n>", "how many", countOf(MAX_LISTED), DEFAULT_USES)
    .action((tokenId: string, { limit }: { limit: number }) =>
      withDatabase((database) => showUses(output, database, tokenId, limit)),
    );
  return group;
}

async function create(output: Output, database: Database, grant: Grant): Promise<void> {
  const { label, operations, expires: lifeSec, maxUses } = grant;
  const random = randomBytes(OPERATOR_TOKEN_RANDOM_BYTES);
  const { text, token } = newOperatorToken(random, { label, operations, lifeSec, maxUses }, now());
  await operatorTokenTable(database).append(token);
  output.result({ token: text, ...publicFields(token) }, [
    text,
    "",
    output.paint("yellow", "This is the only time it is shown: keep it as you would a password."),
    `It opens ${scope(token)} until ${iso(token.expiresAt)}, ${maxUses === undefined ? "any number of times" : `${maxUses} times`}.`,
    "Send it as the header X-Operator-Token. To end it:",
    `  satrank operator-token revoke ${token.tokenId}`,
  ]);
}

async function list(output: Output, database: Database): Promise<void> {
  const tokens = await operatorTokenTable(database).list(MAX_LISTED);
  const rows = tokens.map((token) => [
    token.tokenId,
    stateOf(token),
    `${token.uses}${token.maxUses === undefined ? "" : `/${token.maxUses}`}`,
    iso(token.expiresAt),
    token.lastUsedAt === undefined ? "never" : iso(token.lastUsedAt),
    token.operations.join(","),
    token.label,
  ]);
  output.result(
    tokens.map(publicFields),
    tokens.length === 0
      ? ["no tokens yet; satrank operator-token create makes one"]
      : table(["ID", "STATE", "USES", "EXPIRES", "LAST USED", "OPERATIONS", "LABEL"], rows),
  );
}

async function revoke(output: Output, database: Database, tokenId: string): Promise<void> {
  const token = found(tokenId, await operatorTokenTable(database).revoke(tokenId, now()));
  output.result(publicFields(token), [`${tokenId} (${token.label}) is revoked since ${iso(token.revokedAt ?? now())}`]);
}

async function showUses(output: Output, database: Database, tokenId: string, limit: number): Promise<void> {
  const plain = tokenId === PLAIN_SECRET;
  if (!plain) found(tokenId, await operatorTokenTable(database).find(tokenId));
  const uses = await operatorUseTable(database).last(plain ? null : tokenId, limit);
  const rows = uses.map((use) => [iso(use.at), use.operation, use.address, use.requestId]);
  output.result(uses, uses.length === 0 ? ["no uses yet"] : table(["AT", "OPERATION", "FROM", "REQUEST"], rows));
}

/** What may be shown of a token: everything but the hash of its secret. */
function publicFields(token: OperatorToken): Record<string, unknown> {
  const { secretHash: _hidden, tokenId, ...fields } = token;
  return { id: tokenId, state: stateOf(token), ...fields };
}

function stateOf(token: OperatorToken): string {
  return checkOperatorToken(token, { operation: token.operations[0] ?? "", now: now() }) ?? "active";
}

function scope(token: OperatorToken): string {
  return token.operations.includes(EVERY_OPERATION) ? "every operation" : token.operations.join(", ");
}

function found(tokenId: string, token: OperatorToken | undefined): OperatorToken {
  if (!token) throw new OracleError("OPERATOR_TOKEN_INVALID", `no operator token has the id ${tokenId}`);
  return token;
}

function labelOf(text: string): string {
  if (!isOperatorLabel(text)) throw new InvalidArgumentError("1 to 64 printable characters are needed");
  return text;
}

function operationsOf(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.length > OPERATOR_TOKEN_MAX_OPERATIONS || !names.every(isOperationName))
    throw new InvalidArgumentError(`'*', or up to ${OPERATOR_TOKEN_MAX_OPERATIONS} names like resolveIntent`);
  return names;
}

const UNIT_SEC: Record<string, number> = { m: 60, h: 3_600, d: 86_400 };

function durationOf(text: string): number {
  const [, digits, unit = ""] = /^([1-9]\d{0,6})([mhd])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNIT_SEC[unit] ?? Number.NaN);
  if (!(seconds <= OPERATOR_TOKEN_MAX_LIFE_SEC))
    throw new InvalidArgumentError("minutes, hours or days are needed, like 90m, 12h or 30d, and at most 366d");
  return seconds;
}

function countOf(maximum: number): (text: string) => number {
  return (text) => {
    const count = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(count <= maximum)) throw new InvalidArgumentError(`a whole number from 1 to ${maximum} is needed`);
    return count;
  };
}

/** A whole token is taken for its id, so that commander does not print its secret as a wrong value. */
function tokenIdOf(text: string): string {
  const tokenId = parseOperatorTokenId(text);
  if (tokenId === undefined) throw new InvalidArgumentError("12 hex digits are needed (satrank operator-token list)");
  return tokenId;
}

function tokenIdOrSecret(text: string): string {
  return text === PLAIN_SECRET ? text : tokenIdOf(text);
}
