/**
 * What LND's mission control keeps: for each ordered pair of nodes the last success and the last failure
 * (`routing/missioncontrol_state.go`). The reverse direction is never inferred, and parallel channels share one memory.
 */
import type { PairTable } from "./pairs.ts";

/** Amounts in msat, ages in seconds. A `failMsat` of 0 fails any amount; infinity never failed; a `successMsat` of 0 never succeeded. */
export type PairResult = {
  readonly successMsat: number;
  readonly successAgeSec: number;
  readonly failMsat: number;
  readonly failAgeSec: number;
};

const NEVER: PairResult = {
  successMsat: 0,
  successAgeSec: 0,
  failMsat: Number.POSITIVE_INFINITY,
  failAgeSec: 0,
};

/** Results by pair. Entries are replaced, never changed. */
export type LndMemory = Map<number, PairResult>;

/** Takes in a success. One at or above the failed amount moves that up. */
export function rememberSuccess(memory: LndMemory, pair: number, amountMsat: number, ageSec: number): void {
  const was = memory.get(pair) ?? NEVER;
  const successMsat = Math.max(was.successMsat, amountMsat);
  const failMsat = was.failMsat <= successMsat ? successMsat + 1 : was.failMsat;
  memory.set(pair, { ...was, successMsat, successAgeSec: ageSec, failMsat });
}

/** Takes in a failure; 0 stands for any amount. One at or below the amount that succeeded moves that down. */
export function rememberFailure(memory: LndMemory, pair: number, amountMsat: number, ageSec: number): void {
  const was = memory.get(pair) ?? NEVER;
  const successMsat = amountMsat <= was.successMsat ? Math.max(0, amountMsat - 1) : was.successMsat;
  memory.set(pair, { ...was, successMsat, failMsat: amountMsat, failAgeSec: ageSec });
}

/** The results of each pair's tail, for estimators that look beyond the pair. */
export function resultsByTail(memory: LndMemory, pairs: PairTable): Map<number, PairResult[]> {
  const byTail = new Map<number, PairResult[]>();
  for (const [pair, result] of memory) {
    const results = byTail.get(pairs.tail[pair]!) ?? [];
    results.push(result);
    byTail.set(pairs.tail[pair]!, results);
  }
  return byTail;
}
