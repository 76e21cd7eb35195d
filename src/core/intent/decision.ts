/** The question "can this caller pay this target this amount now?", and its answer, as values. */
import type { FittedPrior } from "../graph/prior.ts";
import type { Interval } from "../score/interval.ts";
import type { Msat, UnixSeconds } from "../units.ts";

/** Names the computation behind a decision; logged with each prediction, so that models can be compared. */
export const MODEL = "pair-reach-4";

/** What is asked. Keys are 66 hex digits; a caller that is not announced has none. */
export type DecisionRequest = {
  readonly target: string;
  readonly caller: string | undefined;
  readonly amount: Msat;
  /** What the caller allows a route; where it says nothing, what LND allows by default. */
  readonly limits?: AskedLimits | undefined;
  /** The channels the caller can send over, all of them; they are used for this answer and kept nowhere. */
  readonly callerChannels?: readonly CallerChannel[] | undefined;
  /** Equal parts the amount may be sent in besides, up to 16; without, one. */
  readonly maxParts?: number | undefined;
  readonly now: UnixSeconds;
};

/** Fees on top of the amount, blocks on top of the target's own final delta, and channels from caller to target. */
export type AskedLimits = {
  readonly maxFee?: Msat | undefined;
  readonly maxCltvDelta?: number | undefined;
  readonly maxHops?: number | undefined;
};

/** A channel of the caller's, announced or not: its peer's key, and what can be sent over it at once. */
export type CallerChannel = { readonly peer: string; readonly spendable: Msat };

/** What to do. `insufficient` means that too little is known to say anything. */
export type Verdict = "pay" | "caution" | "avoid" | "insufficient";

/** The probability that the amount arrives in up to so many equal parts; `worldsTried` is how many worlds flows were sought in. */
export type InParts = {
  readonly maxParts: number;
  readonly probability: number;
  readonly interval: Interval;
  readonly worldsTried: number;
};

/** A code for programs and a sentence for people. */
type Statement<Code extends string> = { readonly code: Code; readonly text: string };

/** One cause of the answer, with what would change it: recomputed in the same worlds, not a template. */
export type Reason = Statement<ReasonCode> & { readonly wouldChange: string | null };

export type ReasonCode =
  | "caller-is-target"
  | "target-unknown"
  | "target-policies-unknown"
  | "target-not-receivable"
  | "amount-above-limits"
  | "amount-below-minimum"
  | "caller-cannot-send"
  | "first-hop-decides"
  | "middle-decides"
  | "last-hop-decides"
  | "single-inbound-channel"
  | "target-may-be-offline"
  | "fee-limit-decides"
  | "lock-limit-decides"
  | "hop-limit-decides"
  | "no-route-within-limits"
  | "many-ways-in";

/** Something else the caller could do, with its own probability in the same worlds. */
export type Alternative = Statement<AlternativeCode> & {
  readonly kind: "amount" | "first-hop" | "last-hop" | "target";
  readonly amountMsat: Msat;
  /** The node to pay, to send through or to have a channel with; null for another amount. */
  readonly node: string | null;
  readonly probability: number;
  readonly interval: Interval;
};

export type AlternativeCode =
  | "smaller-amount"
  | "larger-amount"
  | "send-through-peer"
  | "open-channel-to"
  | "channel-to-target-from"
  | "pay-neighbour";

/** Something that would matter and was not known. */
export type Unknown = Statement<UnknownCode>;

export type UnknownCode =
  | "balances-never-probed"
  | "balances-partly-probed"
  | "target-never-tried"
  | "caller-balances"
  | "caller-not-in-graph"
  | "caller-peer-unknown"
  | "graph-stale"
  | "unannounced-channels"
  | "single-part-only";

/**
 * The route that an LND-like sender tries first: its nodes, target included, and the caller where it is announced. The lock excludes
 * the target's delta.
 */
export type Route = {
  readonly feeMsat: Msat;
  readonly cltvDelta: number;
  readonly hops: number;
  readonly path: readonly string[];
};

/** What probes have told of the channels at the target, at the caller and on the route tried first, and of the nodes there. */
export type Probed = {
  readonly channels: number;
  readonly ofChannels: number;
  /** Whether anybody has tried whether the target is online. */
  readonly targetSighted: boolean;
  readonly observations: number;
  /** Null when there are none. */
  readonly newestAgeSec: number | null;
};

/** The evidence that an answer was computed from: the log up to an entry, with ages counted to an instant. */
export type BeliefVersion = {
  /** Number of the newest entry; 0 for an empty log. */
  readonly position: bigint;
  /** Hash of that entry, in hex, which covers all before it. */
  readonly head: string;
  readonly at: UnixSeconds;
};

/** The evidence, and the prior that was fitted to it: with the graph and the seed, all that worlds are drawn from. */
export type StatedBelief = BeliefVersion & { readonly prior: FittedPrior };

/** The answer. Where nothing can be said the interval is everything, and the probability what is known: 0. */
export type Decision = {
  readonly verdict: Verdict;
  /** Probability that some route within the limits works within the sender's retries. */
  readonly probability: number;
  /** 90 % interval of it. */
  readonly interval: Interval;
  /** Probability that the first route tried works. */
  readonly firstTryProbability: number;
  readonly route: Route | null;
  /** The same in up to so many parts; null unless parts were asked for, and for a caller of which nothing is known. */
  readonly parts: InParts | null;
  /** What a route was allowed. */
  readonly limits: { readonly maxFeeMsat: Msat; readonly maxCltvDelta: number; readonly maxHops: number };
  readonly reasons: readonly Reason[];
  /** At most three, the likeliest first. */
  readonly alternatives: readonly Alternative[];
  readonly unknowns: readonly Unknown[];
  readonly evidence: {
    /** Announcements the answer leans on, and the age of the newest. */
    readonly observations: number;
    readonly newestAgeSec: number;
    readonly probed: Probed;
  };
  readonly belief: StatedBelief;
  /** Of the worlds' draws: with the graph and the evidence it gives the same answer again. */
  readonly seed: number;
  /** SHA-256 of the snapshot it was computed from, in hex. */
  readonly graphDigest: string;
  /** When that graph was read. */
  readonly asOf: UnixSeconds;
};
