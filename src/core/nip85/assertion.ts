/** What this oracle says of its subjects, as unsigned trusted assertions. Source: NIP-85, with the NIP-73 extension for nodes. */
import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { type Network, NODE_TYPE, nodeIdentifier, URL_TYPE } from "./identifier.ts";
import { KIND } from "./kinds.ts";

/** A reader may rely on an assertion this long; it is renewed before. */
const ASSERTION_LIFETIME_SEC = 30 * 86_400;

/** What one key has to say under one address, whenever it is said. `subject` names it in our own tables. */
export type Statement = {
  readonly subject: string;
  readonly pubkey: string;
  readonly kind: number;
  readonly d: string;
  at(createdAt: UnixSeconds): UnsignedEvent;
};

/** `rank` with its 90 % interval, integers 0-100. */
export type Ranked = { readonly rank: number; readonly rankLow: number; readonly rankHigh: number };

/** Nostr comments (NIP-22) and reactions (NIP-25) about a subject; absent when they were not counted. */
type Mentions = { readonly commentCount?: number | undefined; readonly reactionCount?: number | undefined };

/** What is said of a node, what it rests on, and when the data was taken. */
export type NodeAssertion = Ranked &
  Mentions & {
    /** 66 lower-case hex digits. */
    readonly nodeKey: string;
    /** Share of payments of 100,000 sat that would find a way to the node, in [0, 1]; absent when it was not computed. */
    readonly reachRatio?: number | undefined;
    readonly observations: number;
    readonly asOf: UnixSeconds;
  };

/** What is said of a URL that is paid for: of the method that most is known of. Absent numbers were not measured. */
export type EndpointAssertion = Ranked &
  Mentions & {
    /** In its one spelling. */
    readonly url: string;
    readonly method: string;
    /** Calls of ours, those of them that were paid for, and those that went well as far as they went. */
    readonly probes: { readonly made: number; readonly paid: number; readonly good: number };
    /** What others told, weighed by its proof. */
    readonly reports: number;
    readonly latencyMs?: number | undefined;
    readonly priceMsat?: bigint | undefined;
    readonly asOf: UnixSeconds;
  };

/** The rank of something that was announced on Nostr, under the announcement's own address `kind:pubkey:d`. */
export type AddressAssertion = Ranked & { readonly address: string; readonly relay?: string | undefined };

/** What is said of a Nostr key, which has proved that it runs these. */
export type KeyAssertion = Ranked & {
  readonly key: string;
  readonly relay?: string | undefined;
  readonly nodes: number;
  readonly endpoints: number;
  /** Addresses of the announcements that prove it. */
  readonly proofs: readonly string[];
};

/** Who says it: the service key of the node algorithm, and the origin of the site that shows the node. */
export type AssertionContext = { pubkey: string; origin: string; network: Network; createdAt: UnixSeconds };

/** An assertion names so many proofs at most: it stays far below what relays take. */
const MAX_PROOFS = 10;

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
    ...rankTags(score),
    ["obs_cnt", String(score.observations)],
    ...optional("reach_pct", score.reachRatio === undefined ? undefined : Math.round(100 * score.reachRatio)),
    ["as_of", String(score.asOf)],
    ...mentionTags(score),
  ];
  return assertion(KIND.aboutIdentifier, tags, context);
}

/** The event that states what a call of a URL is worth (kind 30385, NIP-73 `web`). */
export function endpointAssertion(
  score: EndpointAssertion,
  context: { pubkey: string; createdAt: UnixSeconds },
): UnsignedEvent {
  const { made, paid, good } = score.probes;
  const tags = [
    ["d", score.url],
    ["i", score.url],
    ["k", URL_TYPE],
    ...rankTags(score),
    ["method", score.method],
    ["probe_cnt", String(made)],
    ["paid_cnt", String(paid)],
    ...optional("ok_pct", made === 0 ? undefined : Math.round((100 * good) / made)),
    ["report_cnt", String(score.reports)],
    ...optional("latency_ms", score.latencyMs),
    ...optional("price_msat", score.priceMsat),
    ["as_of", String(score.asOf)],
    ...mentionTags(score),
  ];
  return assertion(KIND.aboutIdentifier, tags, context);
}

/** The event that gives an announced node or service its rank (kind 30384). */
export function addressAssertion(
  { address, relay, ...score }: AddressAssertion,
  context: { pubkey: string; createdAt: UnixSeconds },
): UnsignedEvent {
  const tags = [["d", address], ["a", address, ...(relay === undefined ? [] : [relay])], ...rankTags(score)];
  return assertion(KIND.aboutAddress, tags, context);
}

/** The event that states how what a Nostr key runs is doing (kind 30382). */
export function keyAssertion(
  { key, relay, nodes, endpoints, proofs, ...score }: KeyAssertion,
  context: { pubkey: string; createdAt: UnixSeconds },
): UnsignedEvent {
  const tags = [
    ["d", key],
    ["p", key, ...(relay === undefined ? [] : [relay])],
    ...rankTags(score),
    ["ln_node_cnt", String(nodes)],
    ["l402_cnt", String(endpoints)],
    ...proofs.slice(0, MAX_PROOFS).map((proof) => ["proof", proof]),
  ];
  return assertion(KIND.aboutKey, tags, context);
}

function assertion(
  kind: number,
  tags: string[][],
  { pubkey, createdAt }: { pubkey: string; createdAt: UnixSeconds },
): UnsignedEvent {
  const expiration = ["expiration", String(createdAt + ASSERTION_LIFETIME_SEC)];
  return { pubkey, created_at: createdAt, kind, tags: [...tags, expiration], content: "" };
}

function rankTags({ rank, rankLow, rankHigh }: Ranked): string[][] {
  return [
    ["rank", String(rank)],
    ["rank_low", String(rankLow)],
    ["rank_high", String(rankHigh)],
  ];
}

function mentionTags({ commentCount, reactionCount }: Mentions): string[][] {
  return [...optional("comment_cnt", commentCount), ...optional("reaction_cnt", reactionCount)];
}

function optional(name: string, value: number | bigint | undefined): string[][] {
  return value === undefined ? [] : [[name, String(value)]];
}
