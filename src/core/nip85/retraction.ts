/** Taking back what was said. Source: NIP-09; `a` and `e` together, because relays act on one or the other. */
import { type UnixSeconds, unixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { KIND } from "./kinds.ts";

/** The version of an address that stands. */
export type Standing = { readonly kind: number; readonly d: string; readonly id: string; readonly createdAt: number };

/** So many targets stay below what relays take of one event. */
export const MAX_TARGETS = 100;

/** The request to forget these versions, by the key that signed them: at most {@link MAX_TARGETS}. Dated not before any of them. */
export function retraction(pubkey: string, targets: readonly Standing[], now: UnixSeconds): UnsignedEvent {
  const createdAt = targets.reduce((latest, target) => Math.max(latest, target.createdAt), Number(now));
  const tags = [
    ...targets.flatMap(({ kind, d, id }) => [
      ["a", `${kind}:${pubkey}:${d}`],
      ["e", id],
    ]),
    ...[...new Set(targets.map(({ kind }) => kind))].map((kind) => ["k", String(kind)]),
  ];
  return { pubkey, created_at: unixSeconds(createdAt), kind: KIND.deletion, tags, content: "" };
}

/** The addresses that a retraction takes back: kind and `d`, of the key that signed it. */
export function takenBack(event: UnsignedEvent): { kind: number; d: string }[] {
  return event.tags.flatMap(([name, value = ""]) => {
    const [, kind, pubkey, d] = (name === "a" && /^(\d{1,5}):([0-9a-f]{64}):(.*)$/s.exec(value)) || [];
    return pubkey === event.pubkey ? [{ kind: Number(kind), d: d ?? "" }] : [];
  });
}
