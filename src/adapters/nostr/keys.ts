/**
 * The keys this oracle signs with. NIP-85 wants a key of its own for each algorithm, so one configured secret yields
 * several: HMAC-SHA-256 keyed with the secret, over a label that names the role. The derivation is one way: a leaked
 * service key reveals neither the secret nor its siblings. Changing a label changes a public identity.
 */
import { createHmac } from "node:crypto";
import { publicKeyOf } from "../../core/nip85/event.ts";

/**
 * One key for each algorithm: `lightning-node` signs what is said of nodes, `l402-endpoint` of paid endpoints, `operator` of
 * Nostr keys that proved what they run. `brand` is the key people follow.
 */
export type KeyRole = "lightning-node" | "l402-endpoint" | "operator" | "brand";
/** 32 secret bytes, and the public key in hex that belongs to them. */
export type ServiceKey = { secretKey: Uint8Array; pubkey: string };

/** The key of one role. The same secret always gives the same keys. @param secret 32 random bytes */
export function deriveServiceKey(secret: Uint8Array, role: KeyRole): ServiceKey {
  const secretKey = new Uint8Array(
    createHmac("sha256", secret).update(`satrank nostr key, version 1: ${role}`).digest(),
  );
  return { secretKey, pubkey: publicKeyOf(secretKey) };
}
