/**
 * A key's sign of life: how much it says, one hash over all of it, and how far our logs have come. With it a reader can tell what a relay
 * leaves out. Sources: NIP-78 (kind 30078), RFC 9162.
 */
import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { KIND } from "./kinds.ts";

/** A place in a hash-chained log: the number of the entry, and the hash (64 hex digits) that covers all up to it. */
export type LogHead = { position: bigint; head: string };

export type Heartbeat = {
  /** When the set was read; no event in it is newer. */
  asOf: UnixSeconds;
  /** How many events of each kind stand, and the root over them ({@link standingRoot}). */
  counts: readonly { kind: number; count: number }[];
  root: string;
  evidence: LogHead;
  /** The evidence log as a Merkle tree (RFC 9162); absent where none is kept. */
  evidenceTree?: { size: number; root: string } | undefined;
  predictions: LogHead;
  /** SHA-256 of the calibration report of an instant; absent before the first. */
  calibration?: { asOf: UnixSeconds; digest: string } | undefined;
};

/** The `d` of every heartbeat: each key has one. */
export const HEARTBEAT_NAME = "satrank:heartbeat";

/** Kind 30078 of one service key. Every tag but `d` and `as_of` is a number and what belongs to it. */
export function heartbeatEvent(
  heartbeat: Heartbeat,
  speaker: { pubkey: string; createdAt: UnixSeconds },
): UnsignedEvent {
  const { asOf, counts, root, evidence, evidenceTree, predictions, calibration } = heartbeat;
  const size = counts.reduce((sum, { count }) => sum + count, 0);
  const tags = [
    ["d", HEARTBEAT_NAME],
    ["as_of", String(asOf)],
    ...counts.map(({ kind, count }) => ["cnt", String(count), String(kind)]),
    ["set", String(size), root],
    ["evidence", String(evidence.position), evidence.head],
    ...(evidenceTree ? [["evidence_tree", String(evidenceTree.size), evidenceTree.root]] : []),
    ["predictions", String(predictions.position), predictions.head],
    ...(calibration ? [["calibration", String(calibration.asOf), calibration.digest]] : []),
  ];
  return { pubkey: speaker.pubkey, created_at: speaker.createdAt, kind: KIND.heartbeat, tags, content: "" };
}

/** The root that a heartbeat states, and when it was read. Whether the event is a heartbeat at all is for the lint to say. */
export function readHeartbeat(event: UnsignedEvent): {
  asOf: number;
  size: number;
  root: string;
  counts: Map<number, number>;
} {
  const named = (name: string) => event.tags.filter((tag) => tag[0] === name);
  const [, size, root = ""] = named("set")[0] ?? [];
  const counts = new Map(named("cnt").map(([, count, kind]) => [Number(kind), Number(count)]));
  return { asOf: Number(named("as_of")[0]?.[1]), size: Number(size), root, counts };
}
