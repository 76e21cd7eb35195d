/**
 * What a sender remembers of its attempts within one payment: per ordered pair of nodes the smallest amount that
 * failed and the largest that passed (LND's mission control, without its fading).
 */
import type { Failure } from "./failure.ts";
import type { Route } from "./route.ts";

export type Memory = { failed: Map<number, number>; passed: Map<number, number> };

export function emptyMemory(): Memory {
  return { failed: new Map(), passed: new Map() };
}

/** More nodes than any network has; it may grow while a payment is under way. */
const MAX_NODES = 2 ** 26;

/** One number for an ordered pair of nodes. */
export function pairOf(from: number, to: number): number {
  return from * MAX_NODES + to;
}

/**
 * The pairs before the report passed. A lack of liquidity fails the next pair in one direction at the amount;
 * anything else (no such peer, a refused fee) fails it in both at any amount. A report of the payee blames nobody.
 */
export function remember(memory: Memory, source: number, route: Route, failure: Failure): void {
  const nodes = [source, ...route.hops.map((hop) => hop.node)];
  const at = failure.sourceIndex;
  const amountOver = (hop: number) => (hop === 0 ? route.totalMsat : route.hops[hop - 1]!.forwardMsat);
  const pass = (hops: number) => {
    for (let hop = 0; hop < hops; hop++) {
      const pair = pairOf(nodes[hop]!, nodes[hop + 1]!);
      memory.passed.set(pair, Math.max(memory.passed.get(pair) ?? 0, amountOver(hop)));
    }
  };
  const fail = (hop: number, amount: number) => {
    const pair = pairOf(nodes[hop]!, nodes[hop + 1]!);
    memory.failed.set(pair, Math.min(memory.failed.get(pair) ?? Number.POSITIVE_INFINITY, amount));
  };
  const failBoth = (hop: number) => {
    fail(hop, 0);
    memory.failed.set(pairOf(nodes[hop + 1]!, nodes[hop]!), 0);
  };

  if (at >= route.hops.length) return;
  pass(at);
  if (failure.code === "TEMPORARY_CHANNEL_FAILURE") fail(at, amountOver(at));
  else failBoth(at);
}
