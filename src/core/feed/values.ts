/** Single values out of a stranger's document: what is not of the form is absent, and never a default that means something. */
import { readCategory } from "../endpoint/category.ts";
import { METHODS, type Method } from "../endpoint/endpoint.ts";
import type { Claim, Scheme } from "../endpoint/listing.ts";
import { MAX_MSAT, type Msat, msat } from "../units.ts";

/** Controls, lone surrogates, and what turns the direction of a line: with them a name can look like another one. */
const UNSHOWABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/gu;

export const MOST_CHARACTERS = {
  name: 200,
  description: 2_000,
  provider: 200,
  contact: 200,
  tag: 50,
  field: 100,
} as const;
const MOST_TAGS = 20;
export const MOST_FIELDS = 50;

/** A member of an object's own; undefined of anything that is no object, and of what only its prototype has. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return undefined;
  return (value as Record<string, unknown>)[name];
}

/** The members of an object as pairs; none of anything else. */
export function members(value: unknown): [name: string, value: unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** One line that can be shown and stored, cut to a number of characters; undefined when nothing is left. */
export function line(value: unknown, most: number): string | undefined {
  if (typeof value !== "string") return undefined;
  // No character is longer than two units, and none of ten megabytes is looked at in vain.
  const plain = value
    .slice(0, 4 * most)
    .replace(UNSHOWABLE, " ")
    .replace(/\s+/g, " ")
    .trim()
    .normalize("NFC");
  const cut = plain.length <= most ? plain : [...plain].slice(0, most).join("").trim();
  return cut === "" ? undefined : cut;
}

export function lower(value: unknown): string {
  return typeof value === "string" && value.length <= 100 ? value.trim().toLowerCase() : "";
}

/** An amount in JSON: a whole number, 0 or more, that JSON carries exactly. Text, fractions and infinities are no amounts. */
export function amount(value: unknown, msatPerUnit: 1n | 1_000n): Msat | undefined {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) return undefined;
  const inMsat = BigInt(value) * msatPerUnit;
  return inMsat <= MAX_MSAT ? msat(inMsat) : undefined;
}

/** How many msat one unit of a currency is; undefined for what is not counted in bitcoin. */
export function msatPerUnit(currency: unknown): 1n | 1_000n | undefined {
  const name = lower(currency);
  if (name === "msat" || name === "msats" || name === "millisatoshi") return 1n;
  return name === "sat" || name === "sats" || name === "satoshi" ? 1_000n : undefined;
}

export function payee(value: unknown): string | undefined {
  const key = lower(value);
  return /^0[23][0-9a-f]{64}$/.test(key) ? key : undefined;
}

export function category(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 100 ? readCategory(value) : undefined;
}

/** Up to twenty different tags in lower case. */
export function tags(value: unknown): readonly string[] | undefined {
  const found = new Set<string>();
  for (const each of items(value)) {
    const tag = line(each, MOST_CHARACTERS.tag)?.toLowerCase();
    if (tag !== undefined) found.add(tag);
    if (found.size === MOST_TAGS) break;
  }
  return found.size > 0 ? [...found] : undefined;
}

/** Names under which sources speak of the ways to be paid. */
const SCHEME_NAMES: ReadonlyMap<string, Scheme> = new Map([
  ["l402", "l402"],
  ["lsat", "l402"],
  ["lightning", "l402"],
  ["bolt11", "l402"],
  ["x402", "x402"],
  ["mpp", "mpp"],
  ["payment", "mpp"],
  ["cashu", "cashu"],
  ["xcashu", "cashu"],
]);
const MOST_SCHEME_NAMES = 20;

/** The schemes that some names mean; empty when there are names and none is known, undefined when there is no name. */
export function schemes(names: readonly unknown[]): readonly Scheme[] | undefined {
  const given = names.slice(0, MOST_SCHEME_NAMES).flatMap((name) => lower(name).split(/[\s,+/|;]+/));
  const named = given.filter((name) => name !== "");
  if (named.length === 0) return undefined;
  return [...new Set(named.flatMap((name) => SCHEME_NAMES.get(name) ?? []))];
}

/** "GET" of an absent method, since that is what every form means by it; undefined for one that no paid call is made with. */
export function method(value: unknown): Method | undefined {
  if (value === undefined || value === null || value === "") return "GET";
  const upper = lower(value).toUpperCase();
  return METHODS.find((name) => name === upper);
}

/** A claim of the members that are there. */
export function claimOf(given: { [Name in keyof Claim]: Claim[Name] | undefined }): Claim {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Claim;
}
