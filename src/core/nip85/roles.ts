/** The keys of one oracle: which there are, and what each may sign. NIP-85 wants a key of its own for each algorithm. */
import { KIND } from "./kinds.ts";

/**
 * `brand` is the key people follow; it answers for the others. `lightning-node` signs what is said of nodes, `l402-endpoint` of
 * paid endpoints, `operator` of Nostr keys that proved what they run.
 */
export const KEY_ROLES = ["brand", "lightning-node", "l402-endpoint", "operator"] as const;
export type KeyRole = (typeof KEY_ROLES)[number];
/** The roles that rate. */
export type ServiceRole = Exclude<KeyRole, "brand">;

/** The local part under which a key is found at the oracle's host; `_` is the host itself. Source: NIP-05. */
export const NIP05_NAME: Readonly<Record<KeyRole, string>> = {
  brand: "_",
  "lightning-node": "node",
  "l402-endpoint": "l402",
  operator: "operators",
};

const EVERY_KEY = [KIND.profile, KIND.relayList, KIND.deletion, KIND.vanish];

/** The kinds of event that a role's key signs, and no others. */
export const KINDS_OF: Readonly<Record<KeyRole, readonly number[]>> = {
  brand: [...EVERY_KEY, KIND.providers, KIND.handler],
  "lightning-node": [...EVERY_KEY, KIND.aboutIdentifier, KIND.aboutAddress, KIND.heartbeat],
  "l402-endpoint": [...EVERY_KEY, KIND.aboutIdentifier, KIND.aboutAddress, KIND.heartbeat],
  operator: [...EVERY_KEY, KIND.aboutKey, KIND.heartbeat],
};

export function isKeyRole(text: string): text is KeyRole {
  return (KEY_ROLES as readonly string[]).includes(text);
}
