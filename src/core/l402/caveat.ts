/** Caveats as text: `condition=value`, cut at the first `=` (L402 `macaroon-spec.md`). What they allow is in terms.ts. */
import { fromHex, fromUtf8 } from "../bytes.ts";
import type { Caveat } from "../macaroon/macaroon.ts";

/** One caveat, cut in two. Without a `=` the value is empty. */
export type Condition = { readonly condition: string; readonly value: string };

/** Our name in the `services` caveat. */
export const SERVICE = "satrank";

/** The preimage, as some clients append it to the macaroon itself. */
export const PREIMAGE = "preimage";

/** The caveat every token of ours begins with: what it is good for, and the rate tier it was bought at. */
export function servicesCaveat(tier: number): string {
  return `services=${SERVICE}:${tier}`;
}

/** Condition and value. Bytes that are not UTF-8 become U+FFFD, which no condition of ours holds. */
export function parseCaveat({ id }: Caveat): Condition {
  const text = fromUtf8(id);
  const at = text.indexOf("=");
  return at === -1 ? { condition: text, value: "" } : { condition: text.slice(0, at), value: text.slice(at + 1) };
}

/** 64 hex digits in either case to 32 bytes; undefined for anything else. */
export function parsePreimage(text: string): Uint8Array | undefined {
  return text.length === 64 ? fromHex(text) : undefined;
}

/** The preimage that a client wrote into its macaroon; the last one, when there are several. */
export function readPreimageCaveat(caveats: readonly Caveat[]): Uint8Array | undefined {
  const last = caveats.map(parseCaveat).findLast(({ condition }) => condition === PREIMAGE);
  return last && parsePreimage(last.value);
}

/**
 * What a token may do, to be minted into the one that tops its account up: without them, whoever holds a narrowed
 * token could buy a wide one for the price of a call. Budgets cannot be carried: see `mayTopUp` in budget.ts.
 */
export function carriedCaveats(caveats: readonly Caveat[]): string[] {
  return caveats.filter((caveat) => parseCaveat(caveat).condition !== PREIMAGE).map(({ id }) => fromUtf8(id));
}
