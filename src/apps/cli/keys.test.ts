/** `satrank keys`: keys are made, shown and exchanged, and nothing secret is ever printed. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { deriveServiceKeys } from "../../adapters/nostr/keys.ts";
import { readKeystore } from "../../adapters/nostr/keystore.ts";
import { toHex } from "../../core/bytes.ts";
import { npub, parseSecretKey } from "../../core/nip85/key-text.ts";
import { KEY_ROLES } from "../../core/nip85/roles.ts";
import { keysCommand } from "./commands/keys.ts";
import { createOutput } from "./terminal.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-keys-"));
const file = path.join(folder, "keys.json");
const passphrase = "correct horse battery staple";
const secret = "8f1b0c6de2a94f7733c5be01d2a6e4980b3f5d7711aa42c6e9d0f3b8c7164e25";
const secretFile = path.join(folder, "secret");
const SETTINGS = ["NOSTR_PRIVATE_KEY", "NOSTR_KEYSTORE", "NOSTR_KEYSTORE_PASSPHRASE", "NOSTR_BUNKERS", "PUBLIC_ORIGIN"];
const printed: string[] = [];
beforeAll(() => fs.writeFileSync(secretFile, `${secret}\n`));
afterAll(() => fs.rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

/** Runs a command in this process and gives what it printed. */
async function keys(env: Record<string, string>, ...words: string[]): Promise<string> {
  for (const name of SETTINGS) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const json = words.at(-1) === "--json";
  try {
    await keysCommand(createOutput({ json, colour: false })).parseAsync(json ? words.slice(0, -1) : words, {
      from: "user",
    });
  } finally {
    write.mockRestore();
    printed.push(out);
  }
  return out;
}
const keystore = { NOSTR_KEYSTORE: file, NOSTR_KEYSTORE_PASSPHRASE: passphrase };
const listed = async (...words: string[]) => JSON.parse(await keys(keystore, ...words, "--json"));

test("create makes four keys, once", async () => {
  const made = await listed("create");
  expect(made.map(({ role }: { role: string }) => role)).toEqual([...KEY_ROLES]);
  expect(new Set(made.map(({ pubkey }: { pubkey: string }) => pubkey)).size).toBe(4);
  await expect(keys(keystore, "create")).rejects.toThrow("exists");
  expect(await listed("show")).toEqual(made);
});

test("rotate gives one role a new key, keeps the old one to speak its last words, and leaves the others", async () => {
  const before = await listed("show");
  const text = await keys(keystore, "rotate", "operator");
  expect(text).toMatch(/operator +retired/);
  const after = await listed("show");
  const inUse = (all: typeof before) => all.filter(({ until }: { until?: number }) => until === undefined);
  expect(after).toHaveLength(5);
  const changed = inUse(after).filter(({ pubkey }: { pubkey: string }) => !JSON.stringify(before).includes(pubkey));
  expect(changed.map(({ role }: { role: string }) => role)).toEqual(["operator"]);
  const kept = await readKeystore(file, passphrase);
  expect(kept.filter(({ role }) => role === "operator").map(({ until }) => until === undefined)).toEqual([false, true]);
});

test("a key that somebody else may have is marked", async () => {
  await keys(keystore, "rotate", "brand", "--compromised");
  const all = await listed("show");
  expect(all.filter(({ compromised }: { compromised: boolean }) => compromised)).toMatchObject([{ role: "brand" }]);
  expect(await keys(keystore, "show")).toMatch(/brand +compromised/);
});

test("keys of a secret move into a keystore as they are", async () => {
  const moved = path.join(folder, "moved.json");
  await keys({ ...keystore, NOSTR_KEYSTORE: moved }, "create", "--from-secret", secretFile);
  const derived = deriveServiceKeys(parseSecretKey(secret));
  const text = await keys({ NOSTR_PRIVATE_KEY: secret }, "show");
  for (const { role, pubkey } of await readKeystore(moved, passphrase)) {
    expect(pubkey).toBe(derived[role].pubkey);
    expect(text).toContain(npub(pubkey));
  }
});

test("export-public has what a web server and a follower need", async () => {
  const env = { NOSTR_PRIVATE_KEY: secret, PUBLIC_ORIGIN: "https://oracle.example", NOSTR_RELAYS: "wss://r.example" };
  const exported = JSON.parse(await keys(env, "export-public"));
  const derived = deriveServiceKeys(parseSecretKey(secret));
  expect(exported.nip05.names).toMatchObject({ _: derived.brand.pubkey, operators: derived.operator.pubkey });
  expect(exported.nip05.relays[derived.brand.pubkey]).toEqual(["wss://oracle.example/relay", "wss://r.example"]);
  expect(exported.providers[0]).toEqual(["30385:rank", derived["lightning-node"].pubkey, "wss://oracle.example/relay"]);
  expect(JSON.stringify(exported.providers)).not.toContain("30382:rank");
});

test.each([
  { name: "without keys", env: {}, words: ["show"], says: "no Nostr keys are configured" },
  {
    name: "rotating a secret",
    env: { NOSTR_PRIVATE_KEY: secret },
    words: ["rotate", "brand"],
    says: "in a keystore only",
  },
  { name: "creating without a place", env: {}, words: ["create"], says: "are not set" },
  {
    name: "a wrong passphrase",
    env: { ...keystore, NOSTR_KEYSTORE_PASSPHRASE: "another horse, wrong battery" },
    words: ["show"],
    says: "passphrase is wrong",
  },
  {
    name: "a secret file that is none",
    env: { ...keystore, NOSTR_KEYSTORE: "/nowhere/k" },
    words: ["create", "--from-secret", file],
    says: "64 hex digits",
  },
])("$name is refused: $says", async ({ env, words, says }) => {
  await expect(keys(env, ...words)).rejects.toThrow(says);
});

test("nothing that was printed is secret", async () => {
  const hidden = [
    secret,
    passphrase,
    ...(await readKeystore(file, passphrase)).map(({ secretKey }) => toHex(secretKey)),
  ];
  const derived = Object.values(deriveServiceKeys(parseSecretKey(secret))).map(({ secretKey }) => toHex(secretKey));
  for (const each of [...hidden, ...derived]) expect(printed.join("\n")).not.toContain(each);
  expect(printed.join("\n")).not.toContain("nsec1");
});
