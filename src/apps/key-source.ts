/** Where the Nostr keys are: one secret, an encrypted file, or remote signers. One of them, never two. */
import type { ServiceKey } from "../adapters/nostr/keys.ts";
import { deriveServiceKeys } from "../adapters/nostr/keys.ts";
import { readKeystore } from "../adapters/nostr/keystore.ts";
import { remoteSigner } from "../adapters/nostr/remote-signer.ts";
import { OracleError } from "../core/errors.ts";
import { type Bunker, parseBunkers } from "../core/nip85/bunker.ts";
import { publicKeyOf, type SignedEvent, type UnsignedEvent } from "../core/nip85/event.ts";
import { keysInUse, type OracleKey } from "../core/nip85/key-ring.ts";
import { parseSecretKey } from "../core/nip85/key-text.ts";
import { KEY_ROLES } from "../core/nip85/roles.ts";
import type { StandingEvent } from "../core/nip85/standing-set.ts";
import { openSigningThread } from "./signing-thread.ts";

export type KeySource =
  | { from: "secret"; secret: string }
  | { from: "keystore"; file: string; passphrase: string }
  | { from: "bunkers"; bunkers: Bunker[]; client: ServiceKey };

/** The settings that name keys, as the environment gives them. */
export type KeySettings = {
  NOSTR_PRIVATE_KEY?: string | undefined;
  NOSTR_KEYSTORE?: string | undefined;
  NOSTR_KEYSTORE_PASSPHRASE?: string | undefined;
  NOSTR_BUNKERS?: string | undefined;
  NOSTR_BUNKER_CLIENT_KEY?: string | undefined;
};

/** Keys that sign, and those that did. */
export type OpenKeys = {
  keys: readonly OracleKey[];
  /** The events in order, signed by the keys they name as authors. @throws SIGNER_FAULTY, SIGNER_UNAVAILABLE, SIGNER_REFUSED, INTERNAL */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  standingRoot(events: readonly StandingEvent[]): Promise<string>;
  close(): Promise<void>;
};

const MIN_PASSPHRASE = 16;
const SOURCES = ["NOSTR_PRIVATE_KEY", "NOSTR_KEYSTORE", "NOSTR_BUNKERS"] as const;
const COMPANIONS = { NOSTR_KEYSTORE: "NOSTR_KEYSTORE_PASSPHRASE", NOSTR_BUNKERS: "NOSTR_BUNKER_CLIENT_KEY" } as const;

/** What is wrong with these settings, by their names and never by their values; empty when they name one source, or none. */
export function keySourceProblems(settings: KeySettings): string[] {
  const problems: string[] = [];
  const given = SOURCES.filter((name) => settings[name] !== undefined);
  if (given.length > 1) problems.push(`${given.join(" and ")} are both set: the keys have one source`);
  for (const [name, companion] of Object.entries(COMPANIONS) as [keyof typeof COMPANIONS, keyof KeySettings][]) {
    if (settings[name] !== undefined && settings[companion] === undefined)
      problems.push(`${companion} is required with ${name}`);
    if (settings[name] === undefined && settings[companion] !== undefined)
      problems.push(`${companion} is set without ${name}`);
  }
  const passphrase = settings.NOSTR_KEYSTORE_PASSPHRASE;
  if (passphrase !== undefined && (passphrase.length < MIN_PASSPHRASE || new Set(passphrase).size < 8))
    problems.push(
      `NOSTR_KEYSTORE_PASSPHRASE: at least ${MIN_PASSPHRASE} characters are needed (openssl rand -base64 24)`,
    );
  return problems;
}

/** The one source that is set; undefined when none is. The settings have no {@link keySourceProblems}. @throws CONFIG_INVALID */
export function keySourceOf(settings: KeySettings): KeySource | undefined {
  const { NOSTR_PRIVATE_KEY, NOSTR_KEYSTORE, NOSTR_KEYSTORE_PASSPHRASE, NOSTR_BUNKERS, NOSTR_BUNKER_CLIENT_KEY } =
    settings;
  if (NOSTR_PRIVATE_KEY !== undefined) return { from: "secret", secret: NOSTR_PRIVATE_KEY };
  if (NOSTR_KEYSTORE !== undefined)
    return { from: "keystore", file: NOSTR_KEYSTORE, passphrase: NOSTR_KEYSTORE_PASSPHRASE ?? "" };
  if (NOSTR_BUNKERS === undefined) return undefined;
  const secretKey = parseSecretKey(NOSTR_BUNKER_CLIENT_KEY ?? "");
  const bunkers = parseBunkers(NOSTR_BUNKERS);
  keysInUse(bunkers);
  return { from: "bunkers", bunkers, client: { secretKey, pubkey: publicKeyOf(secretKey) } };
}

/** The public keys of a source; of a keystore those that are retired, too. No remote signer is asked. @throws CONFIG_INVALID */
export async function readKeys(source: KeySource): Promise<OracleKey[]> {
  if (source.from === "bunkers") return source.bunkers.map(({ role, pubkey }) => ({ role, pubkey }));
  return (await secretKeys(source)).map(({ secretKey: _secret, ...key }) => key);
}

/** Opens a source to sign with. A remote signer that is away is found out when it is asked. @throws CONFIG_INVALID */
export async function openKeys(source: KeySource, onFallback: () => void): Promise<OpenKeys> {
  if (source.from === "bunkers") {
    const remote = remoteSigner(source.bunkers, source.client);
    const thread = openSigningThread([], onFallback);
    const close = async () => {
      remote.close();
      await thread.close();
    };
    return { keys: await readKeys(source), sign: remote.sign, standingRoot: thread.standingRoot, close };
  }
  const held = await secretKeys(source);
  const thread = openSigningThread(
    held.map(({ pubkey, secretKey }) => ({ pubkey, secretKey })),
    onFallback,
  );
  const keys = held.map(({ secretKey: _secret, ...key }) => key);
  keysInUse(keys);
  return { keys, sign: thread.sign, standingRoot: thread.standingRoot, close: thread.close };
}

async function secretKeys(source: Exclude<KeySource, { from: "bunkers" }>): Promise<(OracleKey & ServiceKey)[]> {
  if (source.from === "keystore") return readKeystore(source.file, source.passphrase);
  const derived = deriveServiceKeys(parseSecretKey(source.secret));
  return KEY_ROLES.map((role) => ({ role, ...derived[role] }));
}

/** @throws CONFIG_INVALID naming what is missing */
export function requireKeys(source: KeySource | undefined): KeySource {
  if (source) return source;
  throw new OracleError("CONFIG_INVALID", `no Nostr keys are configured: set one of ${SOURCES.join(", ")}`);
}
