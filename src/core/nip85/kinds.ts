/** The event kinds this project signs or reads, and how relays keep each (NIP-01, NIP-09, NIP-65, NIP-85). */

/** What this project publishes. */
export const KIND = {
  /** Who a key is (NIP-01, NIP-24). */
  profile: 0,
  /** A request to forget earlier events of the same key (NIP-09). */
  deletion: 5,
  /** A request to forget everything of the same key, and to take nothing of it any more (NIP-62). */
  vanish: 62,
  /** Where a key writes (NIP-65). */
  relayList: 10_002,
  /** Whose assertions a person follows (NIP-85). */
  providers: 10_040,
  /** Data of an application under a name of its own (NIP-78): our heartbeats. */
  heartbeat: 30_078,
  /** What an application can show of which kinds (NIP-89). */
  handler: 31_990,
  /** A trusted assertion about a Nostr key: only for keys that proved what they run. */
  aboutKey: 30_382,
  /** About an addressable event, such as an announced node or service. */
  aboutAddress: 30_384,
  /** About a NIP-73 identifier: Lightning nodes and URLs. A node key is not a Nostr key, so 30382 would not be true. */
  aboutIdentifier: 30_385,
} as const;

/** What others publish and this project reads. */
export const FOREIGN_KIND = {
  /** A reaction to what a NIP-73 identifier names, such as a URL (NIP-25). */
  reaction: 17,
  /** A comment, also about what a NIP-73 identifier names (NIP-22). */
  comment: 1_111,
  /** A label; as a report of how a call of a paid API ended (NIP-32). */
  label: 1_985,
  /** A paid API, announced by who offers it (draft, PR 2291). */
  paidApi: 31_402,
  /** A Lightning node, announced by who runs it: signed by both keys (CLIP, draft). */
  nodeAnnouncement: 38_171,
} as const;

/** The NIP-85 assertions that this project publishes. */
export const ASSERTION_KINDS: readonly number[] = [KIND.aboutKey, KIND.aboutAddress, KIND.aboutIdentifier];

/** Whether the kind is a NIP-85 assertion that this project publishes. */
export function isAssertion(kind: number): boolean {
  return ASSERTION_KINDS.includes(kind);
}

const IDENTITY_KINDS: ReadonlySet<number> = new Set([KIND.profile, KIND.relayList, KIND.providers, KIND.handler]);

/** Whether the kind says who a key is and where it is found. */
export function isIdentity(kind: number): boolean {
  return IDENTITY_KINDS.has(kind);
}

/** Which earlier events of the same author a relay drops when a new one arrives (NIP-01). */
export function retention(kind: number): "all" | "newest" | "newest-per-d" | "none" {
  if (kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)) return "newest";
  if (kind >= 20_000 && kind < 30_000) return "none";
  return kind >= 30_000 && kind < 40_000 ? "newest-per-d" : "all";
}
