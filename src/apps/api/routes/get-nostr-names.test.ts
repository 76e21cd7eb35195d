/** One name at a time, with the relays of its key; nothing for anything else, and nothing that redirects. */
import express from "express";
import request from "supertest";
import { expect, test } from "vitest";
import type { OracleKey } from "../../../core/nip85/key-ring.ts";
import { KEY_ROLES } from "../../../core/nip85/roles.ts";
import { unixSeconds } from "../../../core/units.ts";
import { nostrNamesRouter } from "./get-nostr-names.ts";

const keyOf = (index: number) => `${index}a`.repeat(32);
const keys: OracleKey[] = [
  ...KEY_ROLES.map((role, index) => ({ role, pubkey: keyOf(index), since: unixSeconds(1) })),
  { role: "brand", pubkey: keyOf(9), since: unixSeconds(0), until: unixSeconds(1) },
];

function api(change: Partial<Parameters<typeof nostrNamesRouter>[0]> = {}) {
  const ports = { list: async () => keys, writeRelays: async () => ["wss://oracle.example/relay"], now: () => 1_000 };
  return express().use(nostrNamesRouter({ ...ports, ...change }));
}
const ask = (query: string, app = api()) => request(app).get(`/.well-known/nostr.json${query}`);

test.each([
  { name: "_", pubkey: keyOf(0) },
  { name: "node", pubkey: keyOf(1) },
  { name: "l402", pubkey: keyOf(2) },
  { name: "operators", pubkey: keyOf(3) },
])("$name is the key in use of its role, with its relays", async ({ name, pubkey }) => {
  const got = await ask(`?name=${name}`);
  expect([got.status, got.body]).toEqual([
    200,
    { names: { [name]: pubkey }, relays: { [pubkey]: ["wss://oracle.example/relay"] } },
  ]);
  expect(got.headers["content-type"]).toContain("application/json");
  expect(got.headers["cache-control"]).toBe("public, max-age=300");
});

test.each([
  "",
  "?name=",
  "?name=nobody",
  "?name=NODE",
  "?name=node&name=_",
  "?name[x]=node",
  "?name=__proto__",
  "?name=%00",
])("%j has no key and is no error", async (query) => {
  const got = await ask(query);
  expect([got.status, got.body]).toEqual([200, { names: {}, relays: {} }]);
});

test("a key that has not said where it writes is named without relays", async () => {
  const { body } = await ask("?name=_", api({ writeRelays: async () => [] }));
  expect(body).toEqual({ names: { _: keyOf(0) }, relays: {} });
});

test("the keys are read once a minute, however many ask, and again after a failure", async () => {
  let [reads, at, down] = [0, 1_000, true];
  const app = api({
    async list() {
      reads++;
      if (down) throw new Error("away");
      return keys;
    },
    now: () => at,
  });
  expect((await ask("?name=_", app)).status).toBe(500);
  down = false;
  for (let count = 0; count < 3; count++) expect((await ask("?name=_", app)).status).toBe(200);
  await ask("?name=unknown", app);
  expect(reads).toBe(2);
  at += 60;
  await ask("?name=_", app);
  expect(reads).toBe(3);
});
