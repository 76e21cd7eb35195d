/** What a client asks of a relay: one filter, read strictly out of JSON nobody vouches for. Source: NIP-01. */
import { isHex } from "../nip85/event.ts";

/** Conditions that must all hold. An empty set can never hold. `since` and `until` are inclusive unix seconds. */
export type Filter = {
  ids?: ReadonlySet<string>;
  authors?: ReadonlySet<string>;
  kinds?: ReadonlySet<number>;
  /** By the letter of the tag. */
  tags: ReadonlyMap<string, ReadonlySet<string>>;
  since?: number;
  until?: number;
  limit?: number;
};

/** `refused` is the text of a CLOSED message, with its prefix. */
export type Refused = { refused: string };

/** The longest value of a tag that is indexed, in bytes. */
const MAX_TAG_VALUE_BYTES = 1_024;
/** Values of one filter, all its conditions together. */
const MAX_FILTER_VALUES = 1_000;

const MAX_KIND = 65_535;
/** Tags whose values are ids and keys. */
const HEX_TAGS = new Set(["e", "p"]);

type Draft = { -readonly [Key in keyof Filter]: Filter[Key] } & { tags: Map<string, ReadonlySet<string>> };

/** Reads one filter. Lists are sets: a repeated value counts once. */
export function readFilter(value: unknown): Filter | Refused {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { refused: "invalid: a filter is a JSON object" };
  const draft: Draft = { tags: new Map() };
  let values = 0;
  for (const [name, given] of Object.entries(value)) {
    const fault = readCondition(draft, name, given);
    if (fault !== undefined) return { refused: fault };
    values += Array.isArray(given) ? given.length : 0;
  }
  return values > MAX_FILTER_VALUES
    ? { refused: `invalid: a filter has at most ${MAX_FILTER_VALUES} values` }
    : (draft as Filter);
}

/** How many values a filter names: what it costs to keep it. */
export function weightOf({ ids, authors, kinds, tags }: Filter): number {
  let weight = 1 + (ids?.size ?? 0) + (authors?.size ?? 0) + (kinds?.size ?? 0);
  for (const values of tags.values()) weight += values.size;
  return weight;
}

/** Adds one condition to the draft; what is wrong with it otherwise. */
function readCondition(draft: Draft, name: string, given: unknown): string | undefined {
  if (name === "ids" || name === "authors") {
    const set = readSet(given, isKey);
    if (set) draft[name] = set;
    return set ? undefined : `invalid: ${name} is a list of 64 lower-case hex digits each`;
  }
  if (name === "kinds") {
    const set = readSet(given, isKind);
    if (set) draft.kinds = set;
    return set ? undefined : "invalid: kinds is a list of whole numbers from 0 to 65535";
  }
  if (name === "since" || name === "until" || name === "limit") {
    if (typeof given !== "number" || !Number.isSafeInteger(given) || given < 0)
      return `invalid: ${name} is a whole number, not negative`;
    draft[name] = given;
    return undefined;
  }
  return readTag(draft, name, given);
}

function readTag(draft: Draft, name: string, given: unknown): string | undefined {
  if (!/^#[a-zA-Z]$/.test(name)) return `unsupported: the condition ${shown(name)}`;
  const letter = name.slice(1);
  const set = readSet(given, HEX_TAGS.has(letter) ? isKey : isTagValue);
  if (set) draft.tags.set(letter, set);
  if (set) return undefined;
  return HEX_TAGS.has(letter)
    ? `invalid: ${name} is a list of 64 lower-case hex digits each`
    : `invalid: ${name} is a list of strings of at most ${MAX_TAG_VALUE_BYTES} bytes`;
}

function readSet<Value>(given: unknown, holds: (value: unknown) => value is Value): Set<Value> | undefined {
  return Array.isArray(given) && given.every(holds) ? new Set(given) : undefined;
}

function isKey(value: unknown): value is string {
  return isHex(value, 64);
}

function isKind(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_KIND;
}

/** A character is at most three bytes of UTF-8 for each unit of its length, so most values need no count. NUL is in no event of ours. */
function isTagValue(value: unknown): value is string {
  if (typeof value !== "string" || value.includes("\0")) return false;
  return value.length * 3 <= MAX_TAG_VALUE_BYTES || bytesOf(value) <= MAX_TAG_VALUE_BYTES;
}

function bytesOf(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

/** A stranger's word, short enough to be said back. */
function shown(name: string): string {
  return name.length <= 32 ? name : `${name.slice(0, 32)}…`;
}
