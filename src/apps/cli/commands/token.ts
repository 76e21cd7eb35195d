/** `satrank token`: looks into a token, narrows it for somebody else, both without asking anybody; and withdraws one. */
import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { tokenTable } from "../../../adapters/postgres/token.ts";
import { fromBase64, fromHex, fromUtf8, toBase64, toHex } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import { type Condition, parseCaveat } from "../../../core/l402/caveat.ts";
import { decodeIdentifier, type Identifier, TOKEN_ID_BYTES } from "../../../core/l402/identifier.ts";
import { readTerms, type Terms } from "../../../core/l402/terms.ts";
import { TIERS } from "../../../core/l402/tier.ts";
import { encodeMacaroon } from "../../../core/macaroon/binary.ts";
import { attenuate } from "../../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../../core/macaroon/decode.ts";
import type { Macaroon } from "../../../core/macaroon/macaroon.ts";
import { now } from "../../clock.ts";
import { serverHmac } from "../../hmac.ts";
import { withDatabase } from "../database.ts";
import type { Output } from "../terminal.ts";

/** A token as it was given: its macaroon, and what stood behind the colon, which is handed on unread. */
type Given = { macaroon: Macaroon; identifier: Identifier; preimage: string };
type Narrowing = {
  maxSats?: string;
  validUntil?: string;
  capabilities?: string;
  route?: string;
  method?: string;
  ip?: string;
};

const TOKEN = "a macaroon in base64, or a credential <macaroon>:<preimage>";

export function tokenCommand(output: Output): Command {
  const group = new Command("token").description("tokens that were paid for").exitOverride();
  group
    .command("inspect")
    .description("show what a token is about and what it allows; asks nobody, so its signature is not checked")
    .argument("<token>", TOKEN)
    .action((text: string) => inspect(output, tokenOf(text)));
  group
    .command("attenuate")
    .description("print a narrower token to give away; asks nobody")
    .argument("<token>", TOKEN)
    .option("--max-sats <n>", "the most it may spend, in whole satoshis", satsOf)
    .option("--valid-until <time>", "when it ends: unix seconds, or a date such as 2030-01-31T12:00:00Z", timeOf)
    .option("--capabilities <names>", "operation ids of /api/openapi.json, comma-separated", listOf)
    .option("--route <paths>", "paths, comma-separated", listOf)
    .option("--method <methods>", "HTTP methods, comma-separated", (text) => listOf(text.toUpperCase()))
    .option("--ip <addresses>", "addresses of its caller, comma-separated", listOf)
    .action((text: string, narrowing: Narrowing) => narrow(output, tokenOf(text), narrowing));
  group
    .command("revoke")
    .description("withdraw an account: none of its tokens opens anything from here on; needs DATABASE_URL")
    .argument("<token>", `its 64-hex token id, or ${TOKEN}`)
    .action((text: string) => {
      const tokenId = tokenIdOf(text);
      return withDatabase((database) => revoke(output, tokenTable(database), tokenId));
    });
  return group;
}

function inspect(output: Output, { macaroon, identifier }: Given): void {
  const conditions = macaroon.caveats.map(parseCaveat);
  const terms = readTerms(conditions);
  const facts = {
    location: macaroon.location ?? null,
    tokenId: toHex(identifier.tokenId),
    keyId: identifier.tokenId[0],
    paymentHash: toHex(identifier.paymentHash),
    caveats: macaroon.caveats.map(({ id }) => fromUtf8(id)),
    allowsNothing: !terms.satisfiable,
    tier: terms.tier,
    ratePermille: Number(TIERS[terms.tier]!.ratePermille),
    validUntil: Number.isFinite(terms.validUntil) ? terms.validUntil : null,
    budgetsMsat: terms.spendingCaps.map(({ limit }) => String(limit)),
  };
  output.result(facts, [
    `token id      ${facts.tokenId} (key ${facts.keyId})`,
    `payment hash  ${facts.paymentHash}`,
    `tier          ${facts.tier}: calls at ${facts.ratePermille} thousandths of their price`,
    `ends          ${facts.validUntil === null ? "never" : iso(facts.validUntil)}`,
    `may spend     ${spending(terms)}`,
    ...listed(macaroon.caveats.length, conditions),
    ...(terms.satisfiable
      ? []
      : [output.paint("red", "It opens nothing: a caveat is unknown, unreadable or widens another.")]),
    output.paint("dim", "The signature was not checked: only its minter can."),
  ]);
}

function narrow(output: Output, given: Given, narrowing: Narrowing): void {
  const caveats = caveatsOf(narrowing);
  if (caveats.length === 0)
    throw new OracleError("VALIDATION_FAILED", "say what to narrow: see satrank token attenuate --help");
  const child = caveats.reduce((macaroon, caveat) => attenuate(serverHmac, macaroon, caveat), given.macaroon);
  if (!readTerms(child.caveats.map(parseCaveat)).satisfiable) {
    throw new OracleError("VALIDATION_FAILED", "this would open nothing: a token can only be narrowed, never widened");
  }
  const macaroon = toBase64(encodeMacaroon(child));
  const text = given.preimage === "" ? macaroon : `${macaroon}:${given.preimage}`;
  output.result({ macaroon, caveats }, [text]);
}

async function revoke(
  output: Output,
  tokens: Pick<ReturnType<typeof tokenTable>, "revoke" | "account">,
  tokenId: Uint8Array,
): Promise<void> {
  const id = toHex(tokenId);
  if (!(await tokens.revoke(tokenId, now())))
    throw new OracleError("SUBJECT_UNKNOWN", `no account has the token id ${id}`);
  const account = await tokens.account(tokenId);
  const revokedAt = account?.revokedAt ?? now();
  output.result({ tokenId: id, revokedAt, balanceMsat: String(account?.balance ?? 0n) }, [
    `${id} is revoked since ${iso(revokedAt)}; ${account?.balance ?? 0n} msat were left on it`,
  ]);
}

/** Two children of one text would share one budget: something random before the cap tells them apart. */
function caveatsOf({ maxSats, validUntil, capabilities, route, method, ip }: Narrowing): string[] {
  return [
    ...(capabilities === undefined ? [] : [`satrank_capabilities=${capabilities}`]),
    ...(route === undefined ? [] : [`satrank_route=${route}`]),
    ...(method === undefined ? [] : [`satrank_method=${method}`]),
    ...(ip === undefined ? [] : [`satrank_ip=${ip}`]),
    ...(validUntil === undefined ? [] : [`satrank_valid_until=${validUntil}`]),
    ...(maxSats === undefined ? [] : [`nonce=${randomBytes(8).toString("hex")}`, `satrank_max_sats=${maxSats}`]),
  ];
}

function spending({ spendingCaps }: Terms): string {
  if (spendingCaps.length === 0) return "whatever its account holds";
  return spendingCaps.map(({ limit }) => `${limit / 1_000n} sat`).join(", and of that ");
}

function listed(count: number, conditions: readonly Condition[]): string[] {
  return count === 0
    ? []
    : ["caveats", ...conditions.map(({ condition, value }) => `  ${printable(`${condition}=${value}`)}`)];
}

/** A caveat is a stranger's text: nothing in it may move the cursor. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

function iso(at: number): string {
  return at > 8_640_000_000_000 ? String(at) : new Date(at * 1000).toISOString().replace(".000", "");
}

/** Read by the action and not by commander, which prints what it refuses. @throws MACAROON_MALFORMED */
function tokenOf(text: string): Given {
  const credential = /^(?:(?:L402|LSAT)\s+)?([^:\s]+)(?::([0-9a-f]{64}))?$/i.exec(text.trim());
  const bytes = fromBase64(credential?.[1] ?? "");
  if (!credential || !bytes) throw new OracleError("MACAROON_MALFORMED", `${TOKEN} is needed`);
  const macaroon = decodeMacaroon(bytes);
  const identifier = decodeIdentifier(macaroon.identifier);
  if (!identifier) throw new OracleError("MACAROON_MALFORMED", "not an L402 token: its identifier is of another kind");
  return { macaroon, identifier, preimage: credential[2] ?? "" };
}

function tokenIdOf(text: string): Uint8Array {
  const tokenId = text.length === 2 * TOKEN_ID_BYTES ? fromHex(text) : undefined;
  return tokenId ?? tokenOf(text).identifier.tokenId;
}

function satsOf(text: string): string {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) throw new InvalidArgumentError("a whole number of satoshis is needed");
  return text;
}

function timeOf(text: string): string {
  if (/^\d{1,15}$/.test(text)) return text;
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new InvalidArgumentError("unix seconds, or a date such as 2030-01-31T12:00:00Z, are needed");
  return String(Math.floor(ms / 1000));
}

function listOf(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new InvalidArgumentError("a comma-separated list without spaces is needed");
  return text;
}
