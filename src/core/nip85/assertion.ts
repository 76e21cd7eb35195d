/** A node's score as an unsigned trusted assertion. Source: NIP-85 (kind 30385) with the NIP-73 extension for nodes. */
import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { type Network, NODE_TYPE, nodeIdentifier } from "./identifier.ts";
import { KIND } from "./kinds.ts";

/** A reader may rely on an assertion this long; it is renewed before. */
const ASSERTION_LIFETIME_SEC = 30 * 86_400;

/** What is said of a node: `rank` with its 90 % interval, integers 0-100; what it rests on; when the data was taken. */
export type NodeAssertion = {
  /** 66 lower-case hex digits. */
  nodeKey: string;
  rank: number;
  rankLow: number;
  rankHigh: number;
  /** Share of payments of 100,000 sat that would find a way to the node, in [0, 1]; absent when it was not computed. */
  reachRatio?: number | undefined;
  observations: number;
  asOf: UnixSeconds;
  /** Nostr comments (NIP-22) and reactions (NIP-25) about the node; absent when they were not counted. */
  commentCount?: number;
  reactionCount?: number;
};

/** Who says it: the service key of the node algorithm, and the origin of the site that shows the node. */
export type AssertionContext = { pubkey: string; origin: string; network: Network; createdAt: UnixSeconds };

/**
 * The event that states a node's score. Numbers become integers; a value that was not measured gets no tag, because a
 * zero would claim something. The result still has to pass the lint.
 */
export function nodeAssertion(score: NodeAssertion, context: AssertionContext): UnsignedEvent {
  const identifier = nodeIdentifier(score.nodeKey, context.network);
  const tags = [
    ["d", identifier],
    ["i", identifier, `${context.origin}/node/${score.nodeKey}`],
    ["k", NODE_TYPE],
    ["rank", String(score.rank)],
    ["rank_low", String(score.rankLow)],
    ["rank_high", String(score.rankHigh)],
    ["obs_cnt", String(score.observations)],
    ...optional("reach_pct", score.reachRatio === undefined ? undefined : Math.round(100 * score.reachRatio)),
    ["as_of", String(score.asOf)],
    ...optional("comment_cnt", score.commentCount),
    ...optional("reaction_cnt", score.reactionCount),
    ["expiration", String(context.createdAt + ASSERTION_LIFETIME_SEC)],
  ];
  return { pubkey: context.pubkey, created_at: context.createdAt, kind: KIND.aboutIdentifier, tags, content: "" };
}

function optional(name: string, value: number | undefined): string[][] {
  return value === undefined ? [] : [[name, String(value)]];
}
