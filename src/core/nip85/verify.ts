/**
 * Decides whether anyone may rely on a published event, from its JSON alone: each check by name, so that a person can
 * read what holds and what does not. Sources: NIP-01, NIP-09, NIP-40, NIP-65, NIP-85, BIP-340.
 */
import type { UnixSeconds } from "../units.ts";
import {
  decodeEvent,
  eventId,
  MAX_EVENT_BYTES,
  readEvent,
  type SignedEvent,
  signatureHolds,
  tagValue,
} from "./event.ts";
import { identityFaults } from "./identity-faults.ts";
import { isAssertion, KIND } from "./kinds.ts";
import { deletionFaults, rankFaults } from "./lint.ts";
import { type Fault, subjectFaults } from "./subject-faults.ts";

export const CHECKS = [
  "form",
  "id",
  "signature",
  "author",
  "kind",
  "subject",
  "rank",
  "statement",
  "created-at",
  "expiration",
] as const;
export type CheckName = (typeof CHECKS)[number];
/** One check; `detail` says what was seen, in words. */
export type Check = { name: CheckName; holds: boolean; detail: string };

/** `holds` is true only when every check holds. `event` is absent when the text is no event at all. */
export type Verification = { holds: boolean; checks: Check[]; event?: SignedEvent };

export type VerifyOptions = {
  /** 64 lower-case hex digits; without it any author passes, and the check says who it is. */
  expectedPubkey?: string | undefined;
  now: UnixSeconds;
};

/** Clocks of publishers differ by this much at most; it is also what common relays allow. */
const MAX_AHEAD_SEC = 900;
const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(KIND));

/** Verifies an event given as JSON text or as parsed JSON. Never throws, whatever the input. */
export function verifyEvent(json: unknown, options: VerifyOptions): Verification {
  const event = typeof json === "string" ? decodeEvent(json) : readEvent(json);
  if (!event) {
    const detail = `not a Nostr event (NIP-01 fields, at most ${MAX_EVENT_BYTES} bytes)`;
    return { holds: false, checks: [{ name: "form", holds: false, detail }] };
  }
  const checks: Check[] = [
    { name: "form", holds: true, detail: "has the fields of NIP-01" },
    checkId(event),
    checkSignature(event),
    checkAuthor(event, options.expectedPubkey),
    checkKind(event),
    ...contentChecks(event),
    checkCreatedAt(event, options.now),
    checkExpiration(event, options.now),
  ];
  return { holds: checks.every((check) => check.holds), checks, event };
}

function checkId(event: SignedEvent): Check {
  const computed = eventId(event);
  const holds = computed === event.id;
  return {
    name: "id",
    holds,
    detail: holds ? `${event.id} is the hash of the content` : `the content hashes to ${computed}`,
  };
}

function checkSignature(event: SignedEvent): Check {
  const holds = signatureHolds(event);
  return {
    name: "signature",
    holds,
    detail: holds ? "is the author's over the id" : "is not the author's over the id",
  };
}

function checkAuthor(event: SignedEvent, expected: string | undefined): Check {
  const holds = expected === undefined || event.pubkey === expected;
  const other = holds ? "" : `, expected ${expected}`;
  return { name: "author", holds, detail: `${event.pubkey}${other}` };
}

function checkKind(event: SignedEvent): Check {
  const holds = KNOWN_KINDS.has(event.kind);
  return { name: "kind", holds, detail: holds ? `${event.kind}` : `${event.kind} is not a kind this oracle publishes` };
}

function checkSubject(event: SignedEvent): Check {
  return fromFaults("subject", subjectFaults(event), tagValue(event, "d") ?? "");
}

function checkRank(event: SignedEvent): Check {
  const interval = [tagValue(event, "rank_low"), tagValue(event, "rank_high")];
  const range = interval.every((end) => end !== undefined) ? `, between ${interval.join(" and ")}` : "";
  return fromFaults("rank", rankFaults(event), `${tagValue(event, "rank")}${range}`);
}

function contentChecks(event: SignedEvent): Check[] {
  if (isAssertion(event.kind)) return [checkSubject(event), checkRank(event)];
  return KNOWN_KINDS.has(event.kind) ? [checkStatement(event)] : [];
}

/** What else we publish: profiles and lists of keys, retractions, heartbeats. */
function checkStatement(event: SignedEvent): Check {
  const faults = event.kind === KIND.deletion ? deletionFaults(event) : identityFaults(event);
  return fromFaults("statement", faults, `says what kind ${event.kind} should`);
}

function checkCreatedAt(event: SignedEvent, now: UnixSeconds): Check {
  const aheadSec = event.created_at - now;
  const holds = aheadSec <= MAX_AHEAD_SEC;
  return { name: "created-at", holds, detail: holds ? `${event.created_at}` : `${aheadSec} s in the future` };
}

/** NIP-40: what has expired is no longer said by anyone. */
function checkExpiration(event: SignedEvent, now: UnixSeconds): Check {
  const text = tagValue(event, "expiration");
  if (text === undefined) {
    const holds = !isAssertion(event.kind);
    return { name: "expiration", holds, detail: holds ? "none" : "missing" };
  }
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return { name: "expiration", holds: false, detail: "is not a unix second" };
  const holds = Number(text) > now;
  return { name: "expiration", holds, detail: holds ? `${text}` : `expired ${now - Number(text)} s ago` };
}

function fromFaults(name: CheckName, faults: Fault[], whenFine: string): Check {
  const detail = faults.length === 0 ? whenFine : faults.map(({ message }) => message).join("; ");
  return { name, holds: faults.length === 0, detail };
}
