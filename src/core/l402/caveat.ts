/**
 * What a token's caveats allow (L402 caveats: `condition=value`, cut at the first `=`).
 *
 * Each caveat must hold, and a repeated one must narrow what came before it. Conditions in our own namespace that we
 * do not know are refused, because their author relied on them; those of others are skipped, because we cannot judge
 * them.
 */
import { equalBytes, fromHex } from "../bytes.ts";
import type { Caveat } from "../macaroon/macaroon.ts";
import type { UnixSeconds } from "../units.ts";

/** The call a token is presented for. */
export type TokenRequest = {
  now: UnixSeconds;
  /** Name of the operation, as in the OpenAPI document. */
  operation: string;
  path: string;
  /** Upper case. */
  method: string;
  /** Address of the caller; compared as text. */
  ip: string;
};

/** Whether the caveats hold for a request. `forged` names another preimage than the one presented. */
export type CaveatVerdict = { ok: true } | { ok: false; reason: "expired" | "out-of-scope" | "forged" };

/** Our name in the `services` caveat. */
export const SERVICE = "satrank";

const NAMESPACE = "satrank_";
const SERVICES = "services";
const VALID_UNTIL = "satrank_valid_until";
const PREIMAGE = "preimage";

/** Conditions that list what is allowed, separated by commas, and what must be in the list. */
const LISTS: Record<string, (request: TokenRequest) => string> = {
  satrank_capabilities: (request) => request.operation,
  satrank_route: (request) => request.path,
  satrank_method: (request) => request.method,
  satrank_ip: (request) => request.ip,
};

const lenientUtf8 = new TextDecoder();

/** Condition and value; without a `=` the value is empty. Bytes that are not UTF-8 become U+FFFD. */
function parseCaveat(id: Uint8Array): { condition: string; value: string } {
  const text = lenientUtf8.decode(id);
  const at = text.indexOf("=");
  return at === -1 ? { condition: text, value: "" } : { condition: text.slice(0, at), value: text.slice(at + 1) };
}

/** 64 hex digits in either case to 32 bytes; undefined for anything else. */
export function parsePreimage(text: string): Uint8Array | undefined {
  return text.length === 64 ? fromHex(text) : undefined;
}

/** The preimage that a client wrote into its macaroon; the last one, when there are several. */
export function readPreimageCaveat(caveats: readonly Caveat[]): Uint8Array | undefined {
  const last = caveats.map(({ id }) => parseCaveat(id)).findLast(({ condition }) => condition === PREIMAGE);
  return last && parsePreimage(last.value);
}

/**
 * What a token may do, to be minted into the one that tops its account up: without them, whoever holds a narrowed
 * token could buy a wide one for the price of a call.
 */
export function carriedCaveats(caveats: readonly Caveat[]): string[] {
  return caveats.filter(({ id }) => parseCaveat(id).condition !== PREIMAGE).map(({ id }) => lenientUtf8.decode(id));
}

/** Checks every caveat in order. Scope comes before time: an expired token of too narrow a scope is out of scope. */
export function checkCaveats(caveats: readonly Caveat[], request: TokenRequest, preimage: Uint8Array): CaveatVerdict {
  const narrowed = new Map<string, readonly string[]>();
  let validUntil = Number.POSITIVE_INFINITY;
  for (const { id } of caveats) {
    const { condition, value } = parseCaveat(id);
    if (condition === PREIMAGE) {
      if (!equalBytes(parsePreimage(value) ?? new Uint8Array(), preimage)) return { ok: false, reason: "forged" };
    } else if (condition === VALID_UNTIL) {
      const until = parseSeconds(value);
      if (until === undefined || until > validUntil) return { ok: false, reason: "out-of-scope" };
      validUntil = until;
    } else {
      const allowed = parseAllowed(condition, value, request);
      if (allowed === "refused") return { ok: false, reason: "out-of-scope" };
      if (allowed === "foreign") continue;
      const before = narrowed.get(condition);
      if (before && !allowed.every((item) => before.includes(item))) return { ok: false, reason: "out-of-scope" };
      narrowed.set(condition, allowed);
    }
  }
  return request.now < validUntil ? { ok: true } : { ok: false, reason: "expired" };
}

/** The list of a condition that allows this request; or that it does not, or that it is not ours to judge. */
function parseAllowed(condition: string, value: string, request: TokenRequest): string[] | "refused" | "foreign" {
  if (condition === SERVICES) {
    const services = parseServices(value);
    return services?.some((service) => service.startsWith(`${SERVICE}:`)) ? services : "refused";
  }
  if (Object.hasOwn(LISTS, condition)) {
    const items = value.split(",").filter((item) => item !== "");
    return items.includes(LISTS[condition]!(request)) ? items : "refused";
  }
  return isOurs(condition) ? "refused" : "foreign";
}

/**
 * `name:tier` of each service, the tier as a number without leading zeros. A later list must repeat the tier of an
 * earlier one: a holder must not be able to write a better one.
 */
function parseServices(value: string): string[] | undefined {
  const services: string[] = [];
  for (const item of value.split(",")) {
    const [, name, tier] = /^([^:]+):(\d{1,3})$/.exec(item) ?? [];
    if (name === undefined || Number(tier) > 255) return undefined;
    services.push(`${name}:${Number(tier)}`);
  }
  return services;
}

function parseSeconds(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** A slip of case or space must not turn a condition of ours into one that is skipped. */
function isOurs(condition: string): boolean {
  const name = condition.trim().toLowerCase();
  return name === SERVICES || name.startsWith(NAMESPACE);
}
