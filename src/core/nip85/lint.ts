/**
 * The last look before a signature: an assertion or deletion that breaks one of these rules is never signed, because a
 * relay would refuse it, a client would misread it, or another language would compute another id.
 */
import { utf8 } from "../bytes.ts";
import type { UnixSeconds } from "../units.ts";
import { isHex, tagValue, type UnsignedEvent } from "./event.ts";
import { isAssertion, KIND } from "./kinds.ts";
import { type Fault, MAX_TAG_BYTES, subjectFaults } from "./subject-faults.ts";

/** What the signing key may say, and what it said last under the same address. */
export type LintContext = {
  pubkey: string;
  kinds: readonly number[];
  now: UnixSeconds;
  lastCreatedAt?: UnixSeconds | undefined;
};

const MAX_TAGS = 40;
const MAX_BYTES = 16_384;
/** A deletion names many events at once, and stays below what relays take. */
const MAX_DELETION = { tags: 210, bytes: 61_440 };
const MAX_LIFETIME_SEC = 31 * 86_400;
const MAX_AHEAD_SEC = 30;
const RANK = /^(0|[1-9][0-9]?|100)$/;
const NUMBER = /^(0|[1-9][0-9]*)$/;
const PRINTABLE = /^[\x20-\x7e]*$/;
const TEXT_TAGS = new Set(["d", "i", "k", "a", "p", "e", "proof", "method"]);
const FORBIDDEN_TAGS = new Set(["alt", "-", "client"]);
/** Tags that clients read as one value: a second one would leave the choice to chance. */
const REPEATABLE_TAGS = new Set(["proof"]);

/** Every rule the event breaks; an empty list is the permission to sign. Identity events (kinds 0, 10002) have their own lint. */
export function lintEvent(event: UnsignedEvent, context: LintContext): Fault[] {
  const byKind = isAssertion(event.kind) ? assertionFaults(event) : deletionFaults(event);
  return [...authorityFaults(event, context), ...byKind, ...formFaults(event), ...timeFaults(event, context)];
}

function authorityFaults(event: UnsignedEvent, context: LintContext): Fault[] {
  const faults: Fault[] = [];
  if (event.pubkey !== context.pubkey) faults.push({ rule: 1, message: "the author is not the key that would sign" });
  if (!context.kinds.includes(event.kind))
    faults.push({ rule: 1, message: `this key does not sign kind ${event.kind}` });
  return faults;
}

function assertionFaults(event: UnsignedEvent): Fault[] {
  return [
    ...subjectFaults(event),
    ...rankFaults(event),
    ...numberFaults(event),
    ...onceFaults(event),
    ...expirationFaults(event),
  ];
}

/** Rule 6: what every client reads. A subject about which too little is known gets no event at all. */
export function rankFaults(event: UnsignedEvent): Fault[] {
  const rank = tagValue(event, "rank");
  if (rank === undefined || !RANK.test(rank)) return [{ rule: 6, message: "rank must be an integer from 0 to 100" }];
  const low = tagValue(event, "rank_low") ?? rank;
  const high = tagValue(event, "rank_high") ?? rank;
  if (!RANK.test(low) || !RANK.test(high))
    return [{ rule: 6, message: "rank_low and rank_high must be integers from 0 to 100" }];
  const ordered = Number(low) <= Number(rank) && Number(rank) <= Number(high);
  return ordered ? [] : [{ rule: 6, message: "rank must lie between rank_low and rank_high" }];
}

function numberFaults(event: UnsignedEvent): Fault[] {
  return event.tags
    .filter(([name = ""]) => !TEXT_TAGS.has(name) && !FORBIDDEN_TAGS.has(name))
    .filter(([name = "", value = "", ...rest]) => {
      const pattern = name.endsWith("_pct") ? RANK : NUMBER;
      return rest.length > 0 || !pattern.test(value) || !Number.isSafeInteger(Number(value));
    })
    .map(([name]) => ({ rule: 7, message: `${name} must be one integer without sign or leading zero` }));
}

function onceFaults(event: UnsignedEvent): Fault[] {
  const names = event.tags.map(([name = ""]) => name).filter((name) => !REPEATABLE_TAGS.has(name));
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...repeated].map((name) => ({ rule: 7, message: `${name} occurs more than once` }));
}

function expirationFaults(event: UnsignedEvent): Fault[] {
  const values = event.tags.filter(([name]) => name === "expiration");
  const at = Number(values[0]?.[1]);
  const holds = values.length === 1 && at > event.created_at && at <= event.created_at + MAX_LIFETIME_SEC;
  return holds ? [] : [{ rule: 13, message: "needs exactly one expiration, at most 31 days after created_at" }];
}

/** Rule 17: one foreign target makes some relays reject the whole request. */
export function deletionFaults(event: UnsignedEvent): Fault[] {
  if (event.kind !== KIND.deletion)
    return [{ rule: 1, message: `kind ${event.kind} is neither an assertion nor a deletion` }];
  const own = new RegExp(`^\\d{1,5}:${event.pubkey}:`);
  const wrong = event.tags.filter(
    ([name, value = ""]) => (name === "a" && !own.test(value)) || (name === "e" && !isHex(value, 64)),
  );
  const targets = event.tags.filter(([name]) => name === "a" || name === "e");
  if (targets.length === 0) return [{ rule: 17, message: "a deletion needs a target" }];
  return wrong.map(([name]) => ({ rule: 17, message: `${name} does not name an event of this key` }));
}

/** Rules 8, 11, 12, 15, 16: forms that every relay takes and every language serialises alike. */
function formFaults(event: UnsignedEvent): Fault[] {
  const faults: Fault[] = [];
  const letters = isAssertion(event.kind) ? ["d", "i", "k", "a", "p"] : ["a", "e", "k"];
  for (const tag of event.tags) {
    const [name = "", value = ""] = tag;
    if (!tag.every((element) => PRINTABLE.test(element)))
      faults.push({ rule: 8, message: `${name} holds more than printable ASCII` });
    if (FORBIDDEN_TAGS.has(name)) faults.push({ rule: 16, message: `${name} does not belong here` });
    else if (name.length <= 1 && !letters.includes(name))
      faults.push({ rule: 11, message: `tag ${name} would be indexed by relays` });
    if (name.length === 1 && isAssertion(event.kind) && utf8(value).length > MAX_TAG_BYTES)
      faults.push({ rule: 11, message: `${name} is longer than ${MAX_TAG_BYTES} bytes` });
  }
  if (event.content !== "") faults.push({ rule: 12, message: "content must be empty" });
  const most = isAssertion(event.kind) ? { tags: MAX_TAGS, bytes: MAX_BYTES } : MAX_DELETION;
  if (event.tags.length > most.tags) faults.push({ rule: 15, message: `has more than ${most.tags} tags` });
  if (signedSize(event) >= most.bytes) faults.push({ rule: 15, message: `has ${most.bytes} bytes or more` });
  return faults;
}

/** Rule 14. */
export function timeFaults(event: UnsignedEvent, context: Pick<LintContext, "now" | "lastCreatedAt">): Fault[] {
  const faults: Fault[] = [];
  if (!Number.isSafeInteger(event.created_at) || event.created_at > context.now + MAX_AHEAD_SEC)
    faults.push({ rule: 14, message: "created_at lies in the future" });
  if (context.lastCreatedAt !== undefined && event.created_at <= context.lastCreatedAt)
    faults.push({ rule: 14, message: "created_at is not after the last version" });
  return faults;
}

function signedSize(event: UnsignedEvent): number {
  return utf8(JSON.stringify({ ...event, id: "0".repeat(64), sig: "0".repeat(128) })).length;
}
