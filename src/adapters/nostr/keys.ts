/**
 * The keys this oracle signs with. NIP-85 wants a key of its own for each algorithm, so one configured secret yields
 * several: HMAC-SHA-256 keyed with the secret, over a label that names the role. The derivation is one way: a leaked
 * service key reveals neither the secret nor its siblings. Changing a label changes a public identity.
 */
import { createHmac } from "node:crypto";
import { publicKeyOf } from "../../core/nip85/event.ts";
import { KEY_ROLES, type KeyRole } from "../../core/nip85/roles.ts";

/** 32 secret bytes, and the public key in hex that belongs to them. */
export type ServiceKey = { secretKey: Uint8Array; pubkey: string };

/** The key of one role. The same secret always gives the same keys. @param secret 32 random bytes */
export function deriveServiceKey(secret: Uint8Array, role: KeyRole): ServiceKey {
  const secretKey = new Uint8Array(
    createHmac("sha256", secret).update(`satrank nostr key, version 1: ${role}`).digest(),
  );
  return { secretKey, pubkey: publicKeyOf(secretKey) };
}

/** The keys of all roles. */
export function deriveServiceKeys(secret: Uint8Array): Record<KeyRole, ServiceKey> {
  return Object.fromEntries(KEY_ROLES.map((role) => [role, deriveServiceKey(secret, role)])) as Record<
    KeyRole,
    ServiceKey
  >;
}
