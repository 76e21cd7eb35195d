/** What a service key says about itself: who controls it, what its algorithm does, where it writes. Sources: NIP-85, NIP-24, NIP-65. */
import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { npub } from "./key-text.ts";
import { KIND } from "./kinds.ts";

export type ServiceProfile = {
  pubkey: string;
  /** The key people follow, which answers for this one. */
  brandPubkey: string;
  /** Public origin of the oracle, without a slash at its end. */
  origin: string;
  name: string;
  /** What is rated and on which scale, in one sentence. */
  subject: string;
  /** Name of the current version of the algorithm; it changes without changing the key. */
  algorithm: string;
  /** Local part of the NIP-05 name under the origin's host; absent when the origin serves none. */
  nip05?: string;
  /** The log of predictions up to an entry: its number, and the hash (64 hex digits) that covers all before it. */
  predictions?: { readonly position: bigint; readonly head: string };
  createdAt: UnixSeconds;
};

/** Kind 0 of a service key. The order of fields is fixed, so that an unchanged profile keeps its content. */
export function serviceProfile(profile: ServiceProfile): UnsignedEvent {
  const { pubkey, brandPubkey, origin, name, subject, algorithm, nip05, predictions, createdAt } = profile;
  const about = `Automated. Controlled by ${npub(brandPubkey)}. ${subject} Algorithm ${algorithm}, method at ${origin}/method/node`;
  const named = nip05 === undefined ? {} : { nip05: `${nip05}@${new URL(origin).host}` };
  const content = JSON.stringify({ name, about, website: origin, ...named, bot: true });
  const tags = predictions ? [["satrank_predictions", String(predictions.position), predictions.head]] : [];
  return { pubkey, created_at: createdAt, kind: KIND.profile, tags, content };
}

/** Kind 0 of the key people follow. */
export function brandProfile(
  profile: Pick<ServiceProfile, "pubkey" | "origin" | "name" | "createdAt"> & { about: string },
): UnsignedEvent {
  const { pubkey, origin, name, about, createdAt } = profile;
  const content = JSON.stringify({ name, about, website: origin });
  return { pubkey, created_at: createdAt, kind: KIND.profile, tags: [], content };
}

/** Kind 10002: the relays a key writes to, the most complete one first. */
export function relayList(list: { pubkey: string; relays: readonly string[]; createdAt: UnixSeconds }): UnsignedEvent {
  const tags = list.relays.map((relay) => ["r", relay, "write"]);
  return { pubkey: list.pubkey, created_at: list.createdAt, kind: KIND.relayList, tags, content: "" };
}
