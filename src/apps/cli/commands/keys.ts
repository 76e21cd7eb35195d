/** `satrank keys`: the Nostr keys of this oracle, made, shown and exchanged. Prints public keys and never a secret one. */
import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { deriveServiceKeys } from "../../../adapters/nostr/keys.ts";
import { type KeptKey, readKeystore, writeKeystore } from "../../../adapters/nostr/keystore.ts";
import { OracleError } from "../../../core/errors.ts";
import { providerTags } from "../../../core/nip85/announcement.ts";
import { publicKeyOf } from "../../../core/nip85/event.ts";
import { ownRelay, writeRelays } from "../../../core/nip85/identity.ts";
import { keysInUse, type OracleKey } from "../../../core/nip85/key-ring.ts";
import { npub, parseSecretKey } from "../../../core/nip85/key-text.ts";
import { isKeyRole, KEY_ROLES, type KeyRole, NIP05_NAME } from "../../../core/nip85/roles.ts";
import { now } from "../../clock.ts";
import { readConfig } from "../../config.ts";
import { keySourceOf, readKeys, requireKeys } from "../../key-source.ts";
import { readSecret } from "../secret-file.ts";
import type { Output } from "../terminal.ts";
import { iso, table } from "../text.ts";

type Keystore = { file: string; passphrase: string };

export function keysCommand(output: Output): Command {
  const group = new Command("keys").description("the Nostr keys that sign what is published").exitOverride();
  group
    .command("create")
    .description("make the keystore that NOSTR_KEYSTORE names; NOSTR_KEYSTORE_PASSPHRASE will open it")
    .option("--from-secret <file>", "keep the keys that a NOSTR_PRIVATE_KEY in this file yields, instead of new ones")
    .action(async ({ fromSecret }: { fromSecret?: string }) => {
      const { file, passphrase } = theKeystore();
      const keys = newKeys(fromSecret);
      await writeKeystore(file, passphrase, keys, { replace: false });
      show(output, keys);
    });
  group
    .command("show")
    .description("the public keys of each role, in use and retired")
    .action(async () => show(output, await readKeys(requireKeys(keySourceOf(readConfig())))));
  group
    .command("rotate")
    .description("give a role a new key in the keystore; the crawler announces it when it is started again")
    .argument("<role>", KEY_ROLES.join(", "), roleOf)
    .option("--compromised", "somebody else may have the old key: relays are asked to forget it (NIP-62)", false)
    .action(async (role: KeyRole, { compromised }: { compromised: boolean }) => {
      const { file, passphrase } = theKeystore();
      const keys = rotated(await readKeystore(file, passphrase), role, compromised);
      await writeKeystore(file, passphrase, keys, { replace: true });
      show(output, keys);
    });
  group
    .command("export-public")
    .description("everything about the keys that others may need: NIP-05, and the entries of a kind 10040")
    .action(async () => exportPublic(output, await readKeys(requireKeys(keySourceOf(readConfig())))));
  return group;
}

/** @throws CONFIG_INVALID when the settings name no keystore */
function theKeystore(): Keystore {
  const source = keySourceOf(readConfig());
  if (source?.from === "keystore") return source;
  const why = source ? "the keys are somewhere else" : "NOSTR_KEYSTORE and NOSTR_KEYSTORE_PASSPHRASE are not set";
  throw new OracleError("CONFIG_INVALID", `${why}: one key can be exchanged in a keystore only (docs/keys.md)`);
}

function newKeys(fromSecret: string | undefined): KeptKey[] {
  const derived = fromSecret === undefined ? undefined : deriveServiceKeys(parseSecretKey(readSecret(fromSecret)));
  return KEY_ROLES.map((role) => ({
    role,
    since: now(),
    until: undefined,
    compromised: false,
    ...(derived?.[role] ?? newKey()),
  }));
}

function newKey(): { secretKey: Uint8Array; pubkey: string } {
  const secretKey = parseSecretKey(randomBytes(32).toString("hex"));
  return { secretKey, pubkey: publicKeyOf(secretKey) };
}

function rotated(keys: readonly KeptKey[], role: KeyRole, compromised: boolean): KeptKey[] {
  const at = now();
  const kept = keys.map((key) =>
    key.role === role && key.until === undefined ? { ...key, until: at, compromised } : key,
  );
  return [...kept, { role, since: at, until: undefined, compromised: false, ...newKey() }];
}

function show(output: Output, keys: readonly OracleKey[]): void {
  const listed = [...keys].sort((a, b) => Number(a.until ?? 0) - Number(b.until ?? 0));
  const rows = listed.map(({ role, pubkey, since, until, compromised }) => [
    role,
    until === undefined ? "in use" : compromised ? "compromised" : "retired",
    since === undefined ? "" : iso(since),
    until === undefined ? "" : iso(until),
    npub(pubkey),
  ]);
  output.result(listed.map(publicFields), table(["ROLE", "STATE", "SINCE", "UNTIL", "PUBLIC KEY"], rows));
}

function exportPublic(output: Output, keys: readonly OracleKey[]): void {
  const { PUBLIC_ORIGIN: origin, NOSTR_RELAYS: relays = [] } = readConfig();
  if (origin === undefined)
    throw new OracleError("CONFIG_INVALID", "PUBLIC_ORIGIN is not set: names and relays are at it");
  const inUse = keysInUse(keys);
  const named = KEY_ROLES.map((role) => [NIP05_NAME[role], inUse[role]] as const);
  const exported = {
    keys: keys.map(publicFields),
    nip05: {
      names: Object.fromEntries(named),
      relays: Object.fromEntries(named.map(([, pubkey]) => [pubkey, writeRelays(origin, relays)])),
    },
    providers: providerTags(inUse, ownRelay(origin)),
  };
  output.result(exported, [JSON.stringify(exported, null, 2)]);
}

/** Chosen by name: whatever else a key has stays where it is. */
function publicFields({ role, pubkey, since, until, compromised }: OracleKey) {
  return { role, pubkey, npub: npub(pubkey), since, until, compromised: compromised ?? false };
}

function roleOf(text: string): KeyRole {
  if (!isKeyRole(text)) throw new InvalidArgumentError(`one of ${KEY_ROLES.join(", ")}`);
  return text;
}
