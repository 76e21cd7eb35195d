/** What a key says about itself: who controls it, what its algorithm does, where it writes. Sources: NIP-85, NIP-24, NIP-05, NIP-65. */
import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { npub } from "./key-text.ts";
import { KIND } from "./kinds.ts";
import { type KeyRole, NIP05_NAME } from "./roles.ts";

/** Who says it, and from where: `origin` without a slash at its end. */
type Speaker = { pubkey: string; role: KeyRole; origin: string; createdAt: UnixSeconds };

export type KeyProfile = Speaker & {
  /** The key people follow, which answers for this one. */
  brandPubkey: string;
  name: string;
  /** What is rated and on which scale, or what the oracle is, in one sentence. */
  subject: string;
  /** Name of the current version of the algorithm, which changes without changing the key; absent for the brand, which rates nothing. */
  algorithm?: string;
  /** The key that this one followed; absent for the first of its role. */
  predecessor?: string | undefined;
};

/** Kind 0 of a key in use. The order of fields is fixed, so that an unchanged profile keeps its content. */
export function keyProfile(profile: KeyProfile): UnsignedEvent {
  const { role, brandPubkey, subject, algorithm, predecessor, origin } = profile;
  const sentences = [
    ...(role === "brand" ? [] : [`Automated. Controlled by ${npub(brandPubkey)}.`]),
    subject,
    ...(algorithm === undefined ? [] : [`Algorithm ${algorithm}; how right it is: ${origin}/api/calibration.`]),
    ...(predecessor === undefined ? [] : [`Follows ${npub(predecessor)}.`]),
  ];
  const fields = { nip05: nip05Of(role, origin) };
  return profileEvent(profile, { name: profile.name, about: sentences.join(" "), fields });
}

/** Kind 0 of a key that another one has followed: the last thing it says. */
export function retiredProfile(profile: Omit<Speaker, "role"> & { name: string; successor: string }): UnsignedEvent {
  const about = `This key says nothing any more. Followed by ${npub(profile.successor)}.`;
  return profileEvent(profile, { name: `${profile.name} (retired)`, about, fields: {} });
}

/** Kind 10002: the relays a key writes to, the most complete one first. */
export function relayList(list: { pubkey: string; relays: readonly string[]; createdAt: UnixSeconds }): UnsignedEvent {
  const tags = list.relays.map((relay) => ["r", relay, "write"]);
  return { pubkey: list.pubkey, created_at: list.createdAt, kind: KIND.relayList, tags, content: "" };
}

/** The name of a key in use at the origin's host. */
function nip05Of(role: KeyRole, origin: string): string {
  return `${NIP05_NAME[role]}@${new URL(origin).host}`;
}

function profileEvent(
  { pubkey, origin, createdAt }: Omit<Speaker, "role">,
  { name, about, fields }: { name: string; about: string; fields: Record<string, string> },
): UnsignedEvent {
  const content = JSON.stringify({ name, about, website: origin, ...fields, bot: true });
  return { pubkey, created_at: createdAt, kind: KIND.profile, tags: [], content };
}
