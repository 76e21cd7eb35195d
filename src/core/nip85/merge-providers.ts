/**
 * Following an oracle without losing whom one follows already: a person's list (kind 10040) is replaced as a whole, so whatever others
 * put there, and the encrypted part, has to go into the next version as it is. Source: NIP-85.
 */
import { type UnixSeconds, unixSeconds } from "../units.ts";
import type { ProviderTag } from "./announcement.ts";
import type { UnsignedEvent } from "./event.ts";
import { KIND } from "./kinds.ts";

export type MergedProviders = {
  /** To be signed by whose list it is. */
  readonly event: UnsignedEvent;
  /** What was not there before; empty where nothing has to be signed. */
  readonly added: readonly ProviderTag[];
  /** How many entries were there, all of which stay. */
  readonly kept: number;
};

/**
 * The next version of a list: all of the old one, then ours in their order. An entry for the same slot and key is there already,
 * whatever relay it names. `old` must be the newest version there is, and genuine.
 */
export function mergeProviders(
  old: UnsignedEvent | undefined,
  ours: readonly ProviderTag[],
  { pubkey, now }: { pubkey: string; now: UnixSeconds },
): MergedProviders {
  const tags = (old?.tags ?? []).map((tag) => [...tag]);
  const added: ProviderTag[] = [];
  for (const tag of ours) {
    const [slot, key] = tag;
    if ([...tags, ...added].some((other) => other[0] === slot && other[1] === key)) continue;
    added.push([...tag]);
  }
  const createdAt = unixSeconds(old ? Math.max(now, old.created_at + 1) : now);
  const event = {
    pubkey,
    created_at: createdAt,
    kind: KIND.providers,
    tags: [...tags, ...added.map((tag) => [...tag])],
    content: old?.content ?? "",
  };
  return { event, added, kept: tags.length };
}
