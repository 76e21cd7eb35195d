/** One errand: a probe and what follows from its answer, along the same route and in a bounded number of steps. */
import { mendedPolicy, type Narrowing, nextAmount } from "../../core/probe/follow-up.ts";
import type { ProbeLimits } from "../../core/spend/policy.ts";
import { type ProbeResult, type ProbeWish, type ProbingNode, type SendProbePorts, sendProbe } from "./send-probe.ts";

/** Amounts tried after the first, at most. */
const NARROWING_STEPS = 2;

export type ErrandPorts = SendProbePorts & {
  /** Hears of each probe as it ends. */
  onResult(result: ProbeResult): void;
  /** A while, of random length; ends early when the process stops. */
  pause(): Promise<void>;
};

/**
 * Sends the wish; once more under the policy that came back with a stale one; then other amounts, while they say much about
 * the channel that decides. What chance drew is sent as it was drawn: its share must stay unbiased.
 */
export async function runErrand(
  ports: ErrandPorts,
  node: ProbingNode,
  wish: ProbeWish,
  limits: ProbeLimits,
  signal: AbortSignal,
): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  let next: ProbeWish | undefined = wish;
  let known: Narrowing | undefined;
  let steps = 0;
  while (next && !signal.aborted) {
    if (results.length > 0) await ports.pause();
    const tried: ProbeWish = next;
    const result = await sendProbe(ports, node, tried, limits);
    ports.onResult(result);
    results.push(result);
    next = undefined;
    if (result.status !== "answered") break;
    const seen = result.evidence.map(({ observation }) => observation);
    const { paymentHash: follows } = result;
    const override = tried.override ? undefined : mendedPolicy(seen);
    // What follows is tried because of what was just learnt, which the forecast did not know.
    const { forecast: _, ...again } = tried;
    if (override) {
      next = { ...again, follows, override };
    } else if (wish.purpose !== "explore" && steps < NARROWING_STEPS) {
      const step = nextAmount(result.hops, seen, known);
      if (step) {
        next = { ...again, follows, amount: step.amount };
        known = step.known;
        steps++;
      }
    }
  }
  return results;
}
