/** Warnings about a node, each by one rule that is stated in docs/scoring.md and says nothing where it cannot be applied. */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { defaultFeeLimitMsat } from "../graph/limits.ts";
import type { UnixSeconds } from "../units.ts";
import { type CoreCosts, feeOf } from "./core-fee.ts";
import type { Cuts } from "./cuts.ts";
import { livePeers, quantiles } from "./gossip.ts";
import { channelsAt, DAY_SEC, type NodeHistory } from "./history.ts";
import type { Ages } from "./seeds.ts";

export const FLAG_CODES = ["new", "fading", "dead-end", "fee-trap", "suspected-self-cluster"] as const;
type FlagCode = (typeof FLAG_CODES)[number];

/** A warning: a code for programs and a sentence for people. */
export type Flag = { readonly code: FlagCode; readonly text: string };

/** What the rules look at. */
export type FlagCase = {
  readonly graph: ChannelGraph;
  readonly cuts: Cuts;
  readonly ages: Ages;
  readonly node: number;
  readonly amountMsat: number;
  /** Undefined without seeds. */
  readonly fromCore: CoreCosts | undefined;
  readonly history: NodeHistory;
  readonly now: UnixSeconds;
};

/** 30 days of blocks. */
const NEW_BLOCKS = 4_320;
const FADING_DAYS = 30;
/** A quarter of the channels gone, on balance. */
const FADING_SHARE = 0.25;
/** Peers that hang on a node, at least, and for each that does not. */
const CLUSTER_LEAST = 3;

/** A sentence where the rule holds, null where it does not, undefined where too little is known. */
type Rule = (asked: FlagCase) => string | null | undefined;

const RULES: Record<FlagCode, Rule> = {
  new: ({ ages, node }) => {
    const oldest = ages.oldestBlock[node]!;
    if (oldest === 0) return undefined;
    const blocks = ages.tip - oldest;
    return blocks < NEW_BLOCKS
      ? `Its oldest live channel was funded ${blocks} blocks before the network's newest.`
      : null;
  },

  fading: ({ history, now }) => {
    const then = (now - FADING_DAYS * DAY_SEC) as UnixSeconds;
    if (history.watchedSince === undefined || history.watchedSince > then) return undefined;
    const [before, after] = [channelsAt(history, then), channelsAt(history, now)];
    const isFading = before > 0 && before - after >= FADING_SHARE * before;
    return isFading ? `It had ${before} channels ${FADING_DAYS} days ago and has ${after} now.` : null;
  },

  "dead-end": ({ graph, cuts, node }) => {
    const { inStart, inTail, outStart, outHead } = graph.rows;
    const leadsOut = (peers: Uint32Array) => peers.some((peer) => !cuts.hangsOn(peer, node));
    if (!leadsOut(inTail.subarray(inStart[node]!, inStart[node + 1]!))) return null;
    if (leadsOut(outHead.subarray(outStart[node]!, outStart[node + 1]!))) return null;
    return "It can be paid, but has no enabled channel back to the network: what comes in cannot go out.";
  },

  "fee-trap": (asked) => {
    const limit = defaultFeeLimitMsat(asked.amountMsat);
    const own = medianOwnFee(asked);
    const inward = asked.fromCore?.cheapest?.feeMsat;
    if (own !== undefined && own > limit)
      return `Half of its channels ask for ${own} msat or more to pass on ${asked.amountMsat} msat.`;
    if (inward === undefined) return own === undefined || asked.fromCore === undefined ? undefined : null;
    return inward > limit
      ? `The cheapest way to it from the core costs ${inward} msat for ${asked.amountMsat} msat.`
      : null;
  },

  "suspected-self-cluster": ({ graph, cuts, node }) => {
    if (isClusterHead(graph, cuts, node)) return "Nearly all its peers are connected to the network through it alone.";
    const head = cuts.cutOf[node]!;
    return head >= 0 && isClusterHead(graph, cuts, head)
      ? "It is connected to the network only through such a node."
      : null;
  },
};

/** The flags that hold, and those that could not be judged. */
export function raiseFlags(asked: FlagCase): { flags: Flag[]; unjudged: FlagCode[] } {
  const judged = FLAG_CODES.map((code) => ({ code, text: RULES[code](asked) }));
  return {
    flags: judged.flatMap(({ code, text }) => (text ? { code, text } : [])),
    unjudged: judged.flatMap(({ code, text }) => (text === undefined ? code : [])),
  };
}

/** What the node asks for passing the amount on, over half of its enabled channels. */
function medianOwnFee({ graph, node, amountMsat }: FlagCase): number | undefined {
  const { outStart, outArc } = graph.rows;
  const own = outArc.subarray(outStart[node]!, outStart[node + 1]!);
  if (own.length === 0) return undefined;
  return quantiles(Float64Array.from(own, (arc) => feeOf({ graph, amountMsat }, arc))).p50;
}

/** Whether at least three peers hang on a node, and at least three for each one that does not. */
function isClusterHead(graph: ChannelGraph, cuts: Cuts, node: number): boolean {
  const peers = [...livePeers(graph, node)];
  const hanging = peers.filter((peer) => cuts.hangsOn(peer, node)).length;
  return hanging >= CLUSTER_LEAST * Math.max(1, peers.length - hanging);
}
