/** The keys of an oracle over time: one of each role is in use, and others were before it. */
import { OracleError } from "../errors.ts";
import type { UnixSeconds } from "../units.ts";
import { KEY_ROLES, type KeyRole } from "./roles.ts";

/** A public key (64 hex digits), what it is for, and for how long it was. */
export type OracleKey = {
  role: KeyRole;
  pubkey: string;
  /** Absent where nobody wrote it down, as for keys derived from a secret. */
  since?: UnixSeconds | undefined;
  /** Absent for the key in use. */
  until?: UnixSeconds | undefined;
  /** Whether somebody else may have it: it then asks relays to forget it, and says nothing else. */
  compromised?: boolean | undefined;
};

/** The public key in use of each role. @throws CONFIG_INVALID where a role has none or several, or two roles share one */
export function keysInUse(keys: readonly OracleKey[]): Record<KeyRole, string> {
  const inUse = keys.filter(({ until }) => until === undefined);
  for (const role of KEY_ROLES) {
    const count = inUse.filter((key) => key.role === role).length;
    if (count !== 1)
      throw new OracleError("CONFIG_INVALID", `${count} Nostr keys are in use for ${role}: one is needed`);
  }
  if (new Set(keys.map(({ pubkey }) => pubkey)).size < keys.length)
    throw new OracleError("CONFIG_INVALID", "a Nostr key is named twice: each role needs one of its own (NIP-85)");
  return Object.fromEntries(inUse.map(({ role, pubkey }) => [role, pubkey])) as Record<KeyRole, string>;
}

/** Keys that are no longer in use, newest first. */
export function retiredKeys(keys: readonly OracleKey[]): OracleKey[] {
  return keys.filter(({ until }) => until !== undefined).sort((a, b) => b.until! - a.until!);
}

/** The key that the one in use of each role followed; absent where it is the first. */
export function predecessors(keys: readonly OracleKey[]): Partial<Record<KeyRole, string>> {
  const retired = retiredKeys(keys);
  const last = KEY_ROLES.flatMap((role) => retired.find((key) => key.role === role) ?? []);
  return Object.fromEntries(last.map(({ role, pubkey }) => [role, pubkey]));
}
