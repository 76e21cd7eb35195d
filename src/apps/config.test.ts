/** What the program refuses to start with. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { keySourceOf } from "./key-source.ts";

const secret = "8f1b0c6de2a94f7733c5be01d2a6e4980b3f5d7711aa42c6e9d0f3b8c7164e25";
const production = {
  NODE_ENV: "production",
  PUBLIC_ORIGIN: "https://oracle.example",
  DATABASE_URL: "postgres://satrank@10.0.0.2/satrank",
  LND_GRPC_HOST: "127.0.0.1:10009",
  LND_TLS_CERT_PATH: "/run/secrets/tls.cert",
  LND_INVOICE_MACAROON_PATH: "/run/secrets/invoice.macaroon",
  LND_READONLY_MACAROON_PATH: "/run/secrets/readonly.macaroon",
  L402_MACAROON_SECRET: secret,
};

test("an empty environment is the embedded default", () => {
  const config = readConfig("all", {});
  expect(config).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 3000,
    DATA_DIR: ".satrank",
    lnd: undefined,
    INTENT_PRICE_MSAT: 1_000n,
    PROFILE_PRICE_MSAT: 1_000n,
  });
});

test("a complete production environment is accepted", () => {
  expect(readConfig("api", production).lnd).toMatchObject({ host: "127.0.0.1:10009" });
});

test.each(Object.keys(production).filter((name) => name !== "NODE_ENV"))(
  "production without %s refuses to start",
  (name) => {
    expect(() => readConfig("api", { ...production, [name]: undefined })).toThrow(name);
  },
);

test("the crawler is started without the signing secret and without the right to make invoices", () => {
  const { L402_MACAROON_SECRET: _, LND_INVOICE_MACAROON_PATH: __, ...least } = production;
  expect(readConfig("crawler", least).lnd).toBeDefined();
  expect(() => readConfig("api", least)).toThrow("L402_MACAROON_SECRET");
});

test.each([
  { name: "short", value: "abcd" },
  { name: "zero", value: "0".repeat(64) },
  { name: "one byte repeated", value: "ab".repeat(32) },
  { name: "not hex", value: "z".repeat(64) },
])("a $name signing secret refuses to start and is not printed", ({ value }) => {
  const start = () => readConfig("api", { ...production, L402_MACAROON_SECRET: value });
  expect(start).toThrow("L402_MACAROON_SECRET");
  expect(start).not.toThrow(value);
});

test.each([
  { PORT: "70000" },
  { PORT: "three" },
  { NODE_ENV: "prod" },
  { DATABASE_URL: "mysql://x/y" },
  { LND_GRPC_HOST: "https://localhost:10009" },
  { NOSTR_RELAYS: "https://relay.example" },
  { LOG_LEVEL: "loud" },
  { OPERATOR_BYPASS_SECRET: "short" },
])("%o refuses to start", (wrong) => {
  expect(() => readConfig("all", wrong)).toThrow(Object.keys(wrong)[0]);
});

test("a secret comes from a file, and not from both places", () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "satrank-config-")), "secret");
  writeFileSync(file, `${secret}\n`);
  const fromFile = { ...production, L402_MACAROON_SECRET: undefined, L402_MACAROON_SECRET_FILE: file };
  expect(readConfig("api", fromFile).L402_MACAROON_SECRET).toBe(secret);
  expect(() => readConfig("api", { ...fromFile, L402_MACAROON_SECRET: secret })).toThrow("both set");
  expect(() => readConfig("api", { ...fromFile, L402_MACAROON_SECRET_FILE: "/nonexistent" })).toThrow("cannot read");
});

test("a second LND needs its certificate, its readonly macaroon, and a first one", () => {
  const fallback = {
    LND_FALLBACK_GRPC_HOST: "10.0.0.3:10009",
    LND_FALLBACK_TLS_CERT_PATH: "/run/secrets/fallback.cert",
    LND_FALLBACK_READONLY_MACAROON_PATH: "/run/secrets/fallback.macaroon",
  };
  expect(readConfig("api", { ...production, ...fallback }).lndFallback).toEqual({
    host: "10.0.0.3:10009",
    tlsCertPath: "/run/secrets/fallback.cert",
    readonlyMacaroonPath: "/run/secrets/fallback.macaroon",
    invoiceMacaroonPath: undefined,
    payMacaroonPath: undefined,
  });
  for (const name of ["LND_FALLBACK_TLS_CERT_PATH", "LND_FALLBACK_READONLY_MACAROON_PATH"]) {
    expect(() => readConfig("api", { ...production, ...fallback, [name]: "" })).toThrow(name);
  }
  expect(() => readConfig("all", fallback)).toThrow("LND_GRPC_HOST");
});

test("files of a second LND without its address name none, as in a container that mounts them empty", () => {
  const mounted = {
    LND_FALLBACK_TLS_CERT_PATH: "/run/secrets/empty",
    LND_FALLBACK_PAY_MACAROON_PATH: "/run/secrets/empty",
  };
  expect(readConfig("crawler", { ...production, ...mounted }).lndFallback).toBeUndefined();
});

const passphrase = "correct horse battery staple";
const bunkers = ["brand", "lightning-node", "l402-endpoint", "operator"]
  .map(
    (role, index) => `${role} ${`a${index}`.repeat(32)} bunker://${"ab".repeat(32)}?relay=wss://r.example&secret=hush7`,
  )
  .join("\n");

test.each([
  { name: "a secret", env: { NOSTR_PRIVATE_KEY: secret }, from: "secret" },
  { name: "a keystore", env: { NOSTR_KEYSTORE: "/k", NOSTR_KEYSTORE_PASSPHRASE: passphrase }, from: "keystore" },
  { name: "remote signers", env: { NOSTR_BUNKERS: bunkers, NOSTR_BUNKER_CLIENT_KEY: secret }, from: "bunkers" },
  { name: "nothing", env: {}, from: undefined },
])("the Nostr keys come from $name", ({ env, from }) => {
  expect(keySourceOf(readConfig("all", env))?.from).toBe(from);
});

test.each([
  { env: { NOSTR_PRIVATE_KEY: secret, NOSTR_KEYSTORE: "/k", NOSTR_KEYSTORE_PASSPHRASE: passphrase }, says: "both set" },
  { env: { NOSTR_PRIVATE_KEY: secret, NOSTR_BUNKERS: bunkers, NOSTR_BUNKER_CLIENT_KEY: secret }, says: "both set" },
  { env: { NOSTR_KEYSTORE: "/k" }, says: "NOSTR_KEYSTORE_PASSPHRASE is required" },
  { env: { NOSTR_KEYSTORE_PASSPHRASE: passphrase }, says: "NOSTR_KEYSTORE_PASSPHRASE is set without NOSTR_KEYSTORE" },
  { env: { NOSTR_BUNKERS: bunkers }, says: "NOSTR_BUNKER_CLIENT_KEY is required" },
  { env: { NOSTR_BUNKER_CLIENT_KEY: secret }, says: "without NOSTR_BUNKERS" },
  { env: { NOSTR_KEYSTORE: "/k", NOSTR_KEYSTORE_PASSPHRASE: "hush7" }, says: "at least 16 characters" },
  { env: { NOSTR_BUNKERS: bunkers, NOSTR_BUNKER_CLIENT_KEY: "hush7" }, says: "NOSTR_BUNKER_CLIENT_KEY: 64 hex digits" },
])("keys of unclear source refuse to start: $says", ({ env, says }) => {
  expect(() => readConfig("all", env)).toThrow(says);
  for (const hidden of [secret, passphrase, "hush7"]) expect(() => readConfig("all", env)).not.toThrow(hidden);
});

test("what is wrong with a line of a remote signer is told without it", () => {
  const env = { NOSTR_BUNKERS: bunkers.replace("operator", "cook"), NOSTR_BUNKER_CLIENT_KEY: secret };
  expect(() => keySourceOf(readConfig("all", env))).toThrow("NOSTR_BUNKERS: line 4");
  expect(() => keySourceOf(readConfig("all", env))).not.toThrow("hush7");
  const doubled = { ...env, NOSTR_BUNKERS: bunkers.replaceAll("a1", "a0") };
  expect(() => keySourceOf(readConfig("all", doubled))).toThrow("needs one of its own");
});

test("an empty file of a Nostr secret is none, so that a container can be given all of them", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "satrank-config-"));
  const [empty, full] = [path.join(folder, "empty"), path.join(folder, "full")];
  writeFileSync(empty, "\n");
  writeFileSync(full, `${passphrase}\n`);
  const env = { NOSTR_PRIVATE_KEY_FILE: empty, NOSTR_BUNKERS_FILE: empty, NOSTR_KEYSTORE: "/k" };
  const source = keySourceOf(readConfig("all", { ...env, NOSTR_KEYSTORE_PASSPHRASE_FILE: full }));
  expect(source).toEqual({ from: "keystore", file: "/k", passphrase });
});
