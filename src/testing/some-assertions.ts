/** Made-up events of an outbox, with signatures that nobody checks. */

import type { StagedEvent } from "../adapters/postgres/outbox.ts";
import { encodeEvent, eventId, type SignedEvent } from "../core/nip85/event.ts";

export const NODE_AUTHOR = "a1".repeat(32);
const SIGNATURE = "5a".repeat(64);

export type EventDraft = { kind?: number; pubkey?: string; createdAt?: number; tags?: string[][]; content?: string };

export function someEvent({
  kind = 30_385,
  pubkey = NODE_AUTHOR,
  createdAt = 1_790_000_000,
  tags = [],
  content = "",
}: EventDraft): SignedEvent {
  const event = { pubkey, created_at: createdAt, kind, tags, content };
  return { ...event, id: eventId(event), sig: SIGNATURE };
}

/** About one node, as it is published, about 700 bytes long. */
export function nodeAssertion(index: number, { createdAt = 1_790_000_000, rank = index % 101 } = {}): SignedEvent {
  const d = `lightning:node:${`02${index.toString(16).padStart(8, "0")}`.padEnd(66, "7")}`;
  const numbers = { rank, rank_low: Math.max(0, rank - 5), rank_high: Math.min(100, rank + 5), as_of: createdAt };
  const tags = [
    ["d", d],
    ["i", d],
    ["k", "lightning:node"],
    ...Object.entries(numbers).map(([name, value]) => [name, String(value)]),
  ];
  return someEvent({ createdAt, tags: [...tags, ["expiration", String(createdAt + 400_000_000)]] });
}

export const stage = (event: SignedEvent): StagedEvent => ({ event, subject: "made up", priority: 2 });
export const bodyOf = encodeEvent;
