/**
 * Calls of endpoints in the evidence log: the second form of an entry, beside observations of the network.
 *
 *   [2, observedAt, source, attempt, witness, "call", endpoint, method, stage, good, code, priceMsat, payee, latencyMs]
 *
 * A JSON array of fourteen fields in fixed places, without spaces; what does not apply is null, amounts are decimal strings.
 */
import { type Call, STAGES, type Stage } from "../endpoint/call.ts";
import { METHODS } from "../endpoint/endpoint.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";
import { amountOf, code, hex, malformed, oneOf, parseCells } from "./cells.ts";

/**
 * Whose word it is, the strongest first. "probe": our own call. Reports: "proven" shows the preimage of an invoice that we saw
 * at this endpoint or whose payee is the endpoint's; "holder" asked us about the endpoint with a paid token; "signed" is a
 * Nostr key that we know nothing of.
 */
export const CALL_SOURCES = ["probe", "proven", "holder", "signed"] as const;
export type CallSource = (typeof CALL_SOURCES)[number];

/** The stages a source's word counts for: a stranger is believed about nothing that only a payer sees. */
export type CallEvidence = {
  readonly observedAt: UnixSeconds;
  readonly source: CallSource;
  /** Names the call, 64 lower-case hex digits: random ones, so that no prober or reporter can be told from another by it. */
  readonly attempt: string;
  /**
   * Who saw it: of a probe our own node, 66 hex digits; of a report 64 hex digits that are the same for one reporter and one
   * endpoint, and tell neither of two endpoints that they had the same caller.
   */
  readonly witness: string;
  readonly call: Call;
};

const FORM = 2;
const FIELDS = 14;

/** The canonical text of an entry. */
export function encodeCall({ observedAt, source, attempt, witness, call }: CallEvidence): string {
  const { endpoint, method, stage, good, code: word, price, payee, latencyMs } = call;
  const amount = price === undefined ? null : String(price);
  return JSON.stringify([
    FORM,
    observedAt,
    source,
    attempt,
    witness,
    "call",
    endpoint,
    method,
    stage,
    good,
    word,
    amount,
    payee ?? null,
    latencyMs ?? null,
  ]);
}

/** Reads an entry back. Exact: whatever is not byte by byte what {@link encodeCall} writes is refused. @throws EVIDENCE_MALFORMED */
export function decodeCall(text: string): CallEvidence {
  const evidence = readCall(parseCells(text, FORM, FIELDS));
  if (encodeCall(evidence) !== text) throw malformed("it is not in canonical form");
  return evidence;
}

function readCall(cells: unknown[]): CallEvidence {
  const [, observedAt, source, attempt, witness, kind, endpoint, method, stage, good, word, price, payee, latency] =
    cells;
  if (kind !== "call" || typeof good !== "boolean") throw malformed("it is no call");
  const from: CallSource = oneOf(CALL_SOURCES, source);
  return {
    observedAt: unixSeconds(Number(observedAt)),
    source: from,
    attempt: hex(attempt, 64),
    witness: hex(witness, from === "probe" ? 66 : 64),
    call: {
      endpoint: hex(endpoint, 64),
      method: oneOf(METHODS, method),
      stage: oneOf<Stage>(STAGES, stage),
      good,
      code: code(word),
      ...(price !== null && { price: amountOf(price) }),
      ...(payee !== null && { payee: hex(payee, 66) }),
      ...(latency !== null && { latencyMs: wholeMs(latency) }),
    },
  };
}

/** A day is more than any call takes. */
const MAX_LATENCY_MS = 86_400_000;

function wholeMs(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > MAX_LATENCY_MS)
    throw malformed("a latency in whole milliseconds is missing");
  return value as number;
}
