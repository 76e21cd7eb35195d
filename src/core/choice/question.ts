/** What is asked for: endpoints of a category, or that have certain words, within bounds. */
import type { Tally } from "../trust/weigh-calls.ts";
import type { Offer } from "./cost.ts";

export type Wanted = {
  /** At least one of the two. */
  readonly category: string | undefined;
  /** Each must be in its name, tags, provider, category or description. */
  readonly keywords: readonly string[];
  readonly mostMsat: bigint | undefined;
  readonly mostLatencyMs: number | undefined;
  /** Whether those whose price is not known are offered, last, and those whose latency is not known pass a bound on it. */
  readonly includeUnknown: boolean;
};

/** What ranking reads of an endpoint. */
export type RankedRow = Offer & {
  readonly id: bigint;
  readonly operatorGroup: string;
  readonly host: string;
  readonly payee: string | undefined;
  /** Undefined where the price is unknown. */
  readonly floorMsat: number | undefined;
  readonly paymentLow: number;
  readonly paymentSeen: Tally;
};

/** What might be worth a try: what it would cost if all that is not known were for the best. */
export type HopefulRow = RankedRow & { readonly hopeMsat: number };

/** Endpoints of which there are enough. */
export type Excluded = {
  readonly operatorGroups: readonly string[];
  readonly hosts: readonly string[];
  readonly payees: readonly string[];
};

/** How many there are, counted up to a limit, and how many of those are not offered and why, each for the first reason. */
export type Counts = {
  readonly matched: number;
  readonly isMore: boolean;
  readonly dropped: Readonly<Record<DropReason, number>>;
};
export const DROP_REASONS = ["notRated", "avoid", "priceUnknown", "overBudget", "latencyUnknown", "tooSlow"] as const;
export type DropReason = (typeof DROP_REASONS)[number];
