/** Calls of endpoints for tests: said in a few words. */
import type { Call, Stage } from "../core/endpoint/call.ts";
import type { CallEvidence, CallSource } from "../core/evidence/call.ts";
import { unixSeconds } from "../core/units.ts";

const SOME_ENDPOINT = "ab".repeat(32);
const OUR_NODE = `02${"cd".repeat(32)}`;

type Said = {
  at: number;
  /** How far it came, and how it ended there; all stages well where nothing is said. */
  stage?: Stage;
  good?: boolean;
  source?: CallSource;
  /** Numbers of a reporter and of an attempt: others where nothing is said. */
  witness?: number;
  attempt?: number;
  call?: Partial<Call>;
};

let attempts = 0;

export function someCall({
  at,
  stage = "quality",
  good = true,
  source = "probe",
  witness,
  attempt,
  call,
}: Said): CallEvidence {
  const named = attempt ?? attempts++;
  return {
    observedAt: unixSeconds(at),
    source,
    attempt: named.toString(16).padStart(64, "0"),
    witness: source === "probe" ? OUR_NODE : (witness ?? named).toString(16).padStart(64, "f"),
    call: { endpoint: SOME_ENDPOINT, method: "GET", stage, good, code: good ? "OK" : "STATUS_5XX", ...call },
  };
}

/** So many of them, one after the other up to an instant. */
export function callsUpTo(at: number, count: number, everySec: number, said: Omit<Said, "at"> = {}): CallEvidence[] {
  return Array.from({ length: count }, (_, i) => someCall({ ...said, at: at - (count - 1 - i) * everySec }));
}
