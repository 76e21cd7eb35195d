/** The encrypted file of keys opens with its passphrase, for its owner, unchanged; and in no other case. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import { KEY_ROLES } from "../../core/nip85/roles.ts";
import { unixSeconds } from "../../core/units.ts";
import { deriveServiceKey } from "./keys.ts";
import { type KeptKey, readKeystore, writeKeystore } from "./keystore.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-keystore-"));
const file = path.join(folder, "keys.json");
const passphrase = "correct horse battery staple, Zürich";
const at = unixSeconds(1_790_000_000);
const secret = (byte: number) => new Uint8Array(32).map((_, index) => byte * index + 1);
const keys: KeptKey[] = [
  { role: "operator", since: unixSeconds(1), until: at, compromised: true, ...deriveServiceKey(secret(9), "operator") },
  ...KEY_ROLES.map((role) => {
    return { role, since: at, until: undefined, compromised: false, ...deriveServiceKey(secret(7), role) };
  }),
];
let written: string;

beforeAll(async () => {
  await writeKeystore(file, passphrase, keys, { replace: false });
  written = fs.readFileSync(file, "utf8");
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Opens a file of this text and mode. */
async function opening(text: string, { mode = 0o600, by = passphrase } = {}): Promise<unknown> {
  const changed = path.join(folder, "changed.json");
  fs.rmSync(changed, { force: true });
  fs.writeFileSync(changed, text);
  fs.chmodSync(changed, mode);
  return readKeystore(changed, by);
}

test("what was written is read, whatever form of Unicode the passphrase is typed in", async () => {
  expect(await readKeystore(file, passphrase)).toEqual(keys);
  expect(await readKeystore(file, passphrase.normalize("NFD"))).toEqual(keys);
});

test("the file is its owner's alone, tells public keys, and no secret one", () => {
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.readdirSync(folder).filter((name) => name.endsWith(".draft"))).toEqual([]);
  for (const { pubkey, secretKey } of keys) {
    expect(written).toContain(pubkey);
    expect(written).not.toContain(toHex(secretKey));
  }
  expect(JSON.parse(written).kdf).toMatchObject({ name: "scrypt", N: 262_144, r: 8, p: 1 });
});

test("a file that is there is not overwritten by mistake, and on purpose as a whole", async () => {
  await expect(writeKeystore(file, passphrase, keys, { replace: false })).rejects.toThrow("exists");
  expect(fs.readFileSync(file, "utf8")).toBe(written);
  const other = path.join(folder, "other.json");
  fs.writeFileSync(other, "old");
  await writeKeystore(other, passphrase, keys, { replace: true });
  expect(await readKeystore(other, passphrase)).toEqual(keys);
  expect(JSON.parse(fs.readFileSync(other, "utf8")).kdf.salt).not.toBe(JSON.parse(written).kdf.salt);
});

test.each([0o640, 0o604, 0o620, 0o644])("mode %o is refused", async (mode) => {
  await expect(opening(written, { mode })).rejects.toThrow("chmod 600");
});

test("another passphrase does not open it, and is not repeated", async () => {
  const wrong = opening(written, { by: "a wrong guess of it" });
  await expect(wrong).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("passphrase") });
  await expect(wrong).rejects.not.toThrow("a wrong guess");
});

const change = (edit: (parsed: ReturnType<typeof JSON.parse>) => void) => () => {
  const parsed = JSON.parse(written);
  edit(parsed);
  return JSON.stringify(parsed);
};

test.each([
  { name: "a role", edit: change(({ keys }) => (keys[1].role = "operator")) },
  {
    name: "two roles exchanged",
    edit: change(({ keys }) => ([keys[1].role, keys[2].role] = [keys[2].role, keys[1].role])),
  },
  { name: "a public key", edit: change(({ keys }) => (keys[1].pubkey = keys[0].pubkey)) },
  { name: "a time", edit: change(({ keys }) => (keys[1].since += 1)) },
  { name: "a retired key in use again", edit: change(({ keys }) => (keys[0].until = null)) },
  { name: "a compromised key that is not", edit: change(({ keys }) => (keys[0].compromised = false)) },
  { name: "a key left out", edit: change(({ keys }) => keys.pop()) },
  { name: "the salt", edit: change(({ kdf }) => (kdf.salt = "00".repeat(32))) },
  { name: "the nonce", edit: change(({ cipher }) => (cipher.nonce = "00".repeat(12))) },
  { name: "less work for a guess", edit: change(({ kdf }) => (kdf.N = 2)) },
  { name: "no work at all", edit: change((parsed) => delete parsed.kdf) },
  { name: "the version", edit: change((parsed) => (parsed.version = 2)) },
  { name: "the sealed part", edit: change((parsed) => (parsed.sealed = `00${parsed.sealed.slice(2)}`)) },
  { name: "the sealed part shortened", edit: change((parsed) => (parsed.sealed = parsed.sealed.slice(64))) },
  { name: "a list in place of a key", edit: change(({ keys }) => (keys[0] = null)) },
  { name: "nothing", edit: () => "" },
  { name: "no JSON", edit: () => "{" },
  { name: "far too much", edit: () => "x".repeat(70_000) },
])("with $name changed it does not open", async ({ edit }) => {
  await expect(opening(edit())).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("a file that is not there is named", async () => {
  await expect(readKeystore(path.join(folder, "none.json"), passphrase)).rejects.toThrow("none.json");
});

test.each([
  { name: "a role without a key", some: keys.slice(0, 4) },
  { name: "a role with two keys", some: [...keys, { ...keys[1]!, ...deriveServiceKey(secret(5), "brand") }] },
  {
    name: "one key for two roles",
    some: [keys[0]!, keys[1]!, keys[2]!, keys[3]!, { ...keys[1]!, role: "operator" as const }],
  },
])("$name is not written", async ({ some }) => {
  const writing = writeKeystore(path.join(folder, "bad.json"), passphrase, some, { replace: true });
  await expect(writing).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
