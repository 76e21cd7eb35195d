/**
 * The one text form of an entry of the evidence log: a JSON array of twelve fields in fixed places, without spaces. What
 * does not apply is null; amounts and channel ids are decimal strings. Its UTF-8 bytes are what the chain hashes, so the
 * same entry is the same bytes in any language.
 *
 *   [1, observedAt, source, attempt, vantage, kind, node or from, seenBy or to, channelId, amountMsat, code or fault, policy]
 *   policy: [feeBaseMsat, feePpm, cltvDelta, minHtlcMsat, maxHtlcMsat, disabled, updatedAt]
 */
import { unixSeconds } from "../units.ts";
import { amountOf, code, hex, malformed, oneOf, parseCells, whole } from "./cells.ts";
import {
  type AnnouncedPolicy,
  EVIDENCE_SOURCES,
  type Evidence,
  type Observation,
  POLICY_FAULTS,
} from "./observation.ts";

const FORM = 1;
const FIELDS = 12;
const POLICY_FIELDS = 7;

type Cells = {
  a: string | null;
  b: string | null;
  channelId: string | null;
  amount: string | null;
  word: string | null;
  policy: unknown[] | null;
};

/** The canonical text of an entry. */
export function encodeEvidence(evidence: Evidence): string {
  const { observedAt, source, attempt, vantage, observation } = evidence;
  const { a, b, channelId, amount, word, policy } = cellsOf(observation);
  return JSON.stringify([
    FORM,
    observedAt,
    source,
    attempt,
    vantage,
    observation.kind,
    a,
    b,
    channelId,
    amount,
    word,
    policy,
  ]);
}

function cellsOf(seen: Observation): Cells {
  return {
    a: "from" in seen ? seen.from : "node" in seen ? (seen.node ?? null) : null,
    b: "to" in seen ? seen.to : "seenBy" in seen ? seen.seenBy : null,
    channelId: "channelId" in seen ? String(seen.channelId) : null,
    amount: "amount" in seen ? String(seen.amount) : null,
    word: "code" in seen ? seen.code : "fault" in seen ? seen.fault : null,
    policy: "policy" in seen && seen.policy ? policyCells(seen.policy) : null,
  };
}

function policyCells(policy: AnnouncedPolicy): unknown[] {
  const { feeBaseMsat, feePpm, cltvDelta, minHtlc, maxHtlc, disabled, updatedAt } = policy;
  return [feeBaseMsat, feePpm, cltvDelta, String(minHtlc), String(maxHtlc), disabled, updatedAt];
}

/** Reads an entry back. Exact: whatever is not byte by byte what {@link encodeEvidence} writes is refused. @throws EVIDENCE_MALFORMED */
export function decodeEvidence(text: string): Evidence {
  const evidence = readEvidence(text);
  if (encodeEvidence(evidence) !== text) throw malformed("it is not in canonical form");
  return evidence;
}

function readEvidence(text: string): Evidence {
  const cells = parseCells(text, FORM, FIELDS);
  const [, observedAt, source, attempt, vantage, kind, a, b, channelId, amount, word, policy] = cells;
  return {
    observedAt: unixSeconds(Number(observedAt)),
    source: oneOf(EVIDENCE_SOURCES, source),
    attempt: hex(attempt, 64),
    vantage: hex(vantage, 66),
    observation: readObservation(kind, { a, b, channelId, amount, word, policy }),
  };
}

function readObservation(kind: unknown, cells: Record<keyof Cells, unknown>): Observation {
  const { a, b, channelId, amount, word, policy } = cells;
  const direction = () => ({ channelId: whole(channelId), from: hex(a, 66), to: hex(b, 66) });
  switch (kind) {
    case "holds-at-least":
    case "holds-below":
      return { kind, ...direction(), amount: amountOf(amount) };
    case "pair-holds-at-least":
      return { kind, from: hex(a, 66), to: hex(b, 66), amount: amountOf(amount) };
    case "online":
      return { kind, node: hex(a, 66) };
    case "offline":
      return { kind, node: hex(a, 66), seenBy: hex(b, 66) };
    case "channel-gone":
      return { kind, ...direction() };
    case "policy-stale":
      return {
        kind,
        ...direction(),
        fault: oneOf(POLICY_FAULTS, word),
        ...(policy !== null && { policy: readPolicy(policy) }),
      };
    case "reached":
      return { kind, node: hex(a, 66), amount: amountOf(amount), code: code(word) };
    case "node-fault":
      return { kind, node: hex(a, 66), code: code(word) };
    case "unattributed":
      return { kind, code: code(word), ...(a !== null && { node: hex(a, 66) }) };
    case "own-failure":
      return { kind, code: code(word) };
    default:
      throw malformed("its kind is not known");
  }
}

function readPolicy(cells: unknown): AnnouncedPolicy {
  if (!Array.isArray(cells) || cells.length !== POLICY_FIELDS) throw malformed("its policy has another form");
  const [feeBaseMsat, feePpm, cltvDelta, minHtlc, maxHtlc, disabled, updatedAt] = cells as unknown[];
  return {
    feeBaseMsat: Number(feeBaseMsat),
    feePpm: Number(feePpm),
    cltvDelta: Number(cltvDelta),
    minHtlc: amountOf(minHtlc),
    maxHtlc: amountOf(maxHtlc),
    disabled: disabled === true,
    updatedAt: unixSeconds(Number(updatedAt)),
  };
}
