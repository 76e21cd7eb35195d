/**
 * Who runs a Lightning node, by the word of both keys: a Nostr event that the node has signed as well. Source: CLIP, kind 38171
 * with `k` 0 (draft, feelancer21). The node's signature covers the Nostr key and the second, so nobody else can show it as its own.
 */
import { eventId, type SignedEvent, tagValue } from "../nip85/event.ts";
import { FOREIGN_KIND } from "../nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";
import { nodeThatSigned } from "./node-signature.ts";

/** A later one is not taken: dated far ahead it would stand against every other for as long. */
const MAX_AHEAD_SEC = 600;

/** Both keys lower-case hex: 66 digits of the node, 64 of the Nostr key. */
export type NodeAnnouncement = {
  readonly nodeKey: string;
  readonly pubkey: string;
  readonly eventId: string;
  readonly createdAt: UnixSeconds;
};

/** Why an event announces no node. "time": of the future; "node-signature": the node it names has not signed it. */
export type AnnouncementFault = "form" | "time" | "node-signature";

/** Whether an event is of CLIP's first kind, as far as its tags say. */
export function isNodeAnnouncement(event: SignedEvent): boolean {
  return event.kind === FOREIGN_KIND.nodeAnnouncement && tagValue(event, "k") === "0";
}

/** The announcement in an event whose Nostr signature is checked; the node's is recovered last, since that takes the longest. */
export function readNodeAnnouncement(event: SignedEvent, now: UnixSeconds): NodeAnnouncement | AnnouncementFault {
  const nodeKey = onlyValue(event, "d");
  const signature = onlyValue(event, "sig");
  if (!isNodeAnnouncement(event) || onlyValue(event, "k") !== "0") return "form";
  if (nodeKey === undefined || !/^0[23][0-9a-f]{64}$/.test(nodeKey) || signature === undefined) return "form";
  if (event.content !== "" && event.content !== "{}") return "form";
  if (event.created_at > now + MAX_AHEAD_SEC) return "time";
  if (nodeThatSigned(signedText(event), signature) !== nodeKey) return "node-signature";
  return { nodeKey, pubkey: event.pubkey, eventId: event.id, createdAt: unixSeconds(event.created_at) };
}

/** What the node signs: the id the event has without the tag that the signature is put into, as 64 hex digits of text. */
export function signedText(event: SignedEvent): string {
  return eventId({ ...event, tags: event.tags.filter(([name]) => name !== "sig") });
}

/** Under which relays keep the announcement, and NIP-85 names it. */
export function nodeAddress({ pubkey, nodeKey }: Pick<NodeAnnouncement, "pubkey" | "nodeKey">): string {
  return `${FOREIGN_KIND.nodeAnnouncement}:${pubkey}:${nodeKey}`;
}

/**
 * Whether one announcement of a node stands against another one of the same node, whoever signed either: the later, and of two of one
 * second the one with the lower id.
 */
export function outdates(
  one: Pick<NodeAnnouncement, "createdAt" | "eventId">,
  other: Pick<NodeAnnouncement, "createdAt" | "eventId">,
): boolean {
  return one.createdAt === other.createdAt ? one.eventId < other.eventId : one.createdAt > other.createdAt;
}

/** The value of a tag that is there once. */
function onlyValue(event: SignedEvent, name: string): string | undefined {
  const found = event.tags.filter(([tag]) => tag === name);
  return found.length === 1 ? found[0]![1] : undefined;
}
