/** What probes and payments have shown of each node's forwarding: who passed on what, who did not, and who was told a stale policy. */
import type { Evidence } from "../evidence/observation.ts";
import type { UnixSeconds } from "../units.ts";

/** A count of observations, with the newest one's time; 0 when there is none. */
export type Count = { readonly count: number; readonly newestAt: UnixSeconds };

/** What was observed of one node. */
export type Forwarding = {
  /** It passed an amount on. */
  readonly forwarded: Count;
  /** Its balance did not allow it. */
  readonly short: Count;
  /** Its policy was not the one that is announced, or its channel was gone. */
  readonly refused: Count;
  /** It said that it cannot forward at all. */
  readonly faulty: Count;
  /** An HTLC for it arrived. */
  readonly reached: Count;
  /** A neighbour had no connection to it. */
  readonly away: Count;
  /** The nodes it passed amounts on to. */
  readonly passedTo: ReadonlySet<string>;
};

const NONE: Count = { count: 0, newestAt: 0 as UnixSeconds };

/** Nothing was observed. */
export const NO_FORWARDING: Forwarding = {
  forwarded: NONE,
  short: NONE,
  refused: NONE,
  faulty: NONE,
  reached: NONE,
  away: NONE,
  passedTo: new Set(),
};

type Kind = Exclude<keyof Forwarding, "passedTo">;

/**
 * By node key. What our own node did with its own channels says nothing about others and is left out, so that nobody becomes known
 * for forwarding by standing at the beginning of our routes.
 */
export function tallyForwarding(evidence: Iterable<Evidence>): Map<string, Forwarding> {
  const tallies = new Map<string, Record<Kind, Count> & { readonly passedTo: Set<string> }>();
  for (const { observation: seen, observedAt, vantage, source } of evidence) {
    // What a node can say of itself is no evidence of its forwarding.
    if (source === "report") continue;
    const note = (node: string, kind: Kind, passedTo?: string) => {
      if (node === vantage) return;
      const tally = tallies.get(node) ?? { ...NO_FORWARDING, passedTo: new Set() };
      const { count, newestAt } = tally[kind];
      tally[kind] = { count: count + 1, newestAt: observedAt > newestAt ? observedAt : newestAt };
      if (passedTo !== undefined) tally.passedTo.add(passedTo);
      tallies.set(node, tally);
    };
    switch (seen.kind) {
      case "holds-at-least":
      case "pair-holds-at-least":
        note(seen.from, "forwarded", seen.to);
        break;
      case "holds-below":
        note(seen.from, "short");
        break;
      case "policy-stale":
      case "channel-gone":
        note(seen.from, "refused");
        break;
      case "node-fault":
        note(seen.node, "faulty");
        break;
      case "reached":
        note(seen.node, "reached");
        break;
      case "offline":
        note(seen.node, "away");
        break;
    }
  }
  return tallies;
}
