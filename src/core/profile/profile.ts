/** All that is said about one node, as a value. Amounts of channels are in sat, of payments and fees in msat, ages in seconds. */
import type { Chance } from "../score/interval.ts";
import type { UnixSeconds } from "../units.ts";
import type { CoreCosts } from "./core-fee.ts";
import type { Flag } from "./flags.ts";
import type { Forwarding } from "./forwarding.ts";
import type { GossipFacts } from "./gossip.ts";
import type { HistoryDay } from "./history.ts";
import type { ListedChannel } from "./list-channels.ts";
import type { Survival } from "./survival.ts";

/** Names the computation behind a profile. */
export const PROFILE_MODEL = "node-profile-1";

/** The probability of one amount from a typical caller. */
export type Receivable = { readonly amountMsat: number } & Chance;

/** What could be paid in from the seeds; null in a graph in which none can be chosen. */
export type InboundWays = {
  readonly seeds: number;
  readonly mostSat: number;
  readonly expectedSat: number;
  readonly amountMsat: number;
  readonly channelDisjointPaths: number;
  readonly nodeDisjointPaths: number;
  /** Without either no path is left; null where there is no such one. */
  readonly onlyChannel: string | null;
  readonly onlyNode: string | null;
};

/** What is left of a probability without one neighbour. */
export type WithoutPeer = { readonly peer: string } & Chance;

/** Whose loss matters, to the node and because of it. */
export type Dependence = {
  /** The nearest node without which it is cut off from the bulk of the network, whatever the amount. */
  readonly cutOffBy: string | null;
  /** Nodes that are cut off without it. */
  readonly dependents: number;
  readonly amountMsat: number;
  readonly withAll: Chance | null;
  /** The neighbours whose loss costs most. */
  readonly withoutPeer: readonly WithoutPeer[];
};

/** That a node is online. */
export type Liveness = Chance & {
  /** What probes have told of it lately, and how old the newest is. */
  readonly observations: number;
  readonly newestAgeSec: number | null;
  /** Age of the newest announcement of it or of its channels by it; null when none is dated. */
  readonly announcedAgeSec: number | null;
};

/** Fees and locks between the core and a node, for one amount; null without seeds. */
export type CoreDistance = { readonly amountMsat: number; readonly fromCore: CoreCosts; readonly toCore: CoreCosts };

/** Whether anybody could pay it: some direction towards it is enabled; all that are known are disabled; none is known. */
export type Standing = "receivable" | "disabled" | "insufficient";

/** The profile of one node. */
export type NodeProfile = {
  readonly nodeKey: string;
  readonly alias: string;
  readonly standing: Standing;
  /** By decade of the amount; nothing where the standing is insufficient. */
  readonly receivable: readonly Receivable[];
  readonly ways: InboundWays | null;
  readonly dependence: Dependence;
  readonly core: CoreDistance | null;
  readonly survival: readonly Survival[];
  readonly liveness: Liveness;
  readonly forwarding: Forwarding;
  readonly gossip: GossipFacts;
  readonly flags: readonly Flag[];
  readonly unjudged: readonly Flag["code"][];
  readonly history: { readonly watchedSince: UnixSeconds | null; readonly days: readonly HistoryDay[] };
  readonly channels: { readonly total: number; readonly listed: readonly ListedChannel[] };
  /** Of the worlds' draws. */
  readonly seed: number;
  readonly model: typeof PROFILE_MODEL;
};
