/** Everything that the keys in use say of themselves and of each other, from what they are. */

import type { UnixSeconds } from "../units.ts";
import { parseUrl } from "../url.ts";
import { handlerInformation, providerList } from "./announcement.ts";
import type { UnsignedEvent } from "./event.ts";
import { type OracleKey, predecessors, retiredKeys } from "./key-ring.ts";
import { keyProfile, relayList, retiredProfile } from "./profile.ts";
import { KEY_ROLES, type KeyRole, type ServiceRole } from "./roles.ts";

export type Identity = {
  pubkeys: Readonly<Record<KeyRole, string>>;
  /** Those in use and those that they followed. */
  keys: readonly OracleKey[];
  /** Public origin of the oracle, without a slash at its end. */
  origin: string;
  /** Relays that are published to beside our own. */
  relays: readonly string[];
  algorithms: Readonly<Record<ServiceRole, string>>;
  createdAt: UnixSeconds;
};

/** Readers fetch from two to four relays; whatever is beyond that nobody asks. Source: NIP-65. */
const MAX_RELAYS = 4;

/** Name and subject of each key, as people read them. */
const KEY_TEXT: Readonly<Record<KeyRole, { name: string; subject: string }>> = {
  brand: { name: "SatRank", subject: "A Lightning trust oracle that is paid over Lightning." },
  "lightning-node": {
    name: "SatRank: Lightning nodes",
    subject: "How likely a payment reaches a Lightning node, 0-100.",
  },
  "l402-endpoint": {
    name: "SatRank: paid APIs",
    subject: "How likely a paid call of an L402 endpoint is answered well, 0-100.",
  },
  operator: {
    name: "SatRank: operators",
    subject: "How reliable what a Nostr key provably runs is: its Lightning nodes and paid APIs, 0-100.",
  },
};

/**
 * Kinds 0 and 10002 of every key in use, 10040 and 31990 of the brand, and the last word of each key that was followed. One that
 * somebody else may have says nothing more.
 */
export function identityEvents(identity: Identity): UnsignedEvent[] {
  const { pubkeys, origin, createdAt, algorithms } = identity;
  const followed = predecessors(identity.keys);
  const [relay, ...others] = writeRelays(origin, identity.relays) as [string, ...string[]];
  const brand = { pubkey: pubkeys.brand, origin, createdAt, ...KEY_TEXT.brand };
  return [
    ...KEY_ROLES.map((role) =>
      keyProfile({
        pubkey: pubkeys[role],
        role,
        origin,
        brandPubkey: pubkeys.brand,
        ...KEY_TEXT[role],
        ...(role !== "brand" && { algorithm: algorithms[role] }),
        predecessor: followed[role],
        createdAt,
      }),
    ),
    ...KEY_ROLES.map((role) => relayList({ pubkey: pubkeys[role], relays: [relay, ...others], createdAt })),
    providerList({ pubkey: pubkeys.brand, pubkeys, relay, createdAt }),
    handlerInformation({ ...brand, about: brand.subject }),
    ...retiredKeys(identity.keys)
      .filter(({ compromised }) => compromised !== true)
      .map(({ role, pubkey }) =>
        retiredProfile({ pubkey, origin, name: KEY_TEXT[role].name, successor: pubkeys[role], createdAt }),
      ),
  ];
}

/** Our own relay, which alone has everything, at the origin of the api. */
export function ownRelay(origin: string): string {
  return `${origin.replace(/^http/, "ws")}/relay`;
}

/** Where our keys write: our own relay first, then those that were configured. */
export function writeRelays(origin: string, relays: readonly string[]): string[] {
  const named = relays.flatMap((relay) => parseUrl(relay)?.href.replace(/\/$/, "") ?? []);
  return [...new Set([ownRelay(origin), ...named])].slice(0, MAX_RELAYS);
}
