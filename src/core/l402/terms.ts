/**
 * What a token's caveats allow, read once so that each call only compares.
 *
 * Each caveat must hold, and a repeated one must narrow what came before it. Conditions in our own namespace that we
 * do not know are refused, because their author relied on them; those of others are skipped, because we cannot judge
 * them.
 */
import { type Msat, msat, type UnixSeconds } from "../units.ts";
import { type Condition, SERVICE } from "./caveat.ts";
import { TIERS } from "./tier.ts";

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

/** The most that may be spent through a caveat, and where that caveat stands. */
export type SpendingCap = { readonly limit: Msat; readonly caveatIndex: number };

/** The caveats of one token, understood. */
export type Terms = {
  /** Whether any request is in scope: none is when a caveat cannot be read, is not known, or widens an earlier one. */
  readonly satisfiable: boolean;
  /** The rate tier, an index into `TIERS`. */
  readonly tier: number;
  /** Exclusive. Infinity when no caveat names an end. */
  readonly validUntil: number;
  /** Values of the request that are allowed; everything is when a list is absent. */
  readonly allowed: { readonly [name in ListName]?: ReadonlySet<string> };
  /** From the first caveat to the last, none greater than one before it. */
  readonly spendingCaps: readonly SpendingCap[];
};

/** Whether the caveats allow a request. */
export type CaveatVerdict = { ok: true } | { ok: false; reason: "expired" | "out-of-scope" };

/** Delegation this deep is enough, and each cap is one more row to debit. */
const MAX_SPENDING_CAPS = 4;

const NAMESPACE = "satrank_";
const SERVICES = "services";
const MAX_SATS = 2_100_000_000_000_000n;

type ListName = "operation" | "path" | "method" | "ip";

/** Terms while they are read. */
type Draft = {
  satisfiable: boolean;
  tier: number;
  services?: ReadonlySet<string>;
  validUntil: number;
  allowed: { [name in ListName]?: ReadonlySet<string> };
  spendingCaps: SpendingCap[];
};

/** How each condition of ours narrows what was read before it; false when it cannot be read, or would widen. */
const CONDITIONS: ReadonlyMap<string, (draft: Draft, value: string, caveatIndex: number) => boolean> = new Map([
  [SERVICES, narrowServices],
  [`${NAMESPACE}valid_until`, narrowEnd],
  [`${NAMESPACE}max_sats`, narrowSpending],
  [`${NAMESPACE}capabilities`, (draft, value) => narrowList(draft, "operation", value)],
  [`${NAMESPACE}route`, (draft, value) => narrowList(draft, "path", value)],
  [`${NAMESPACE}method`, (draft, value) => narrowList(draft, "method", value)],
  [`${NAMESPACE}ip`, (draft, value) => narrowList(draft, "ip", value)],
]);

/** Reads all caveats of a token, in their order. */
export function readTerms(conditions: readonly Condition[]): Terms {
  const draft: Draft = {
    satisfiable: true,
    tier: 0,
    validUntil: Number.POSITIVE_INFINITY,
    allowed: {},
    spendingCaps: [],
  };
  conditions.forEach(({ condition, value }, caveatIndex) => {
    const narrow = CONDITIONS.get(condition);
    const holds = narrow ? narrow(draft, value, caveatIndex) : !isOurs(condition);
    if (!holds) draft.satisfiable = false;
  });
  return draft;
}

/** To be asked again at each call. Scope comes before time: an expired token of too narrow a scope is out of scope. */
export function checkCaveats(token: { readonly terms: Terms }, request: TokenRequest): CaveatVerdict {
  const { satisfiable, allowed, validUntil } = token.terms;
  const inScope =
    satisfiable &&
    allows(allowed.operation, request.operation) &&
    allows(allowed.path, request.path) &&
    allows(allowed.method, request.method) &&
    (allowed.ip === undefined || allows(allowed.ip, request.ip));
  if (!inScope) return { ok: false, reason: "out-of-scope" };
  return request.now < validUntil ? { ok: true } : { ok: false, reason: "expired" };
}

function allows(list: ReadonlySet<string> | undefined, item: string): boolean {
  return list === undefined || list.has(item);
}

/**
 * `name:tier` of each service, ours exactly once. The first caveat of a token is the one its minter wrote, so only
 * that one sets the tier; a later one must repeat it, or a holder could write a better one.
 */
function narrowServices(draft: Draft, value: string, caveatIndex: number): boolean {
  const services = new Set<string>();
  let tier: number | undefined;
  for (const item of value.split(",")) {
    const [, name, digits] = /^([^:]+):(\d{1,3})$/.exec(item) ?? [];
    if (name === undefined || Number(digits) > 255 || (name === SERVICE && tier !== undefined)) return false;
    if (name === SERVICE) tier = Number(digits);
    services.add(`${name}:${Number(digits)}`);
  }
  if (tier === undefined || !TIERS[tier]) return false;
  if (caveatIndex === 0) draft.tier = tier;
  const narrows = tier === draft.tier && isSubset(services, draft.services);
  draft.services = services;
  return narrows;
}

function narrowEnd(draft: Draft, value: string): boolean {
  const until = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(until <= draft.validUntil)) return false;
  draft.validUntil = until;
  return true;
}

/** Whole satoshis, spelled in one way only. */
function narrowSpending(draft: Draft, value: string, caveatIndex: number): boolean {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(value)) return false;
  const sats = BigInt(value);
  if (sats > MAX_SATS || draft.spendingCaps.length === MAX_SPENDING_CAPS) return false;
  const limit = msat(sats * 1_000n);
  const above = draft.spendingCaps.at(-1);
  draft.spendingCaps.push({ limit, caveatIndex });
  return above === undefined || limit <= above.limit;
}

/** Items separated by commas. An empty list allows nothing. */
function narrowList(draft: Draft, name: ListName, value: string): boolean {
  const items = new Set(value.split(",").filter((item) => item !== ""));
  const narrows = isSubset(items, draft.allowed[name]);
  draft.allowed[name] = items;
  return narrows;
}

function isSubset(items: ReadonlySet<string>, whole: ReadonlySet<string> | undefined): boolean {
  return whole === undefined || [...items].every((item) => whole.has(item));
}

/** A slip of case or space must not turn a condition of ours into one that is skipped. */
function isOurs(condition: string): boolean {
  const name = condition.trim().toLowerCase();
  return name === SERVICES || name.startsWith(NAMESPACE);
}
