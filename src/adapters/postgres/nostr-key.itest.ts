/** Who speaks for the oracle, over exchanges of keys, on a real Postgres. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OracleKey } from "../../core/nip85/key-ring.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { nostrKeyTable, saveNostrKeys } from "./nostr-key.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const key = (role: OracleKey["role"], byte: string) => ({ role, pubkey: byte.repeat(32) }) as OracleKey;
const list = async () =>
  (await nostrKeyTable(database.pool).list()).map(({ pubkey, since, until }) => [pubkey.slice(0, 2), since, until]);

test("a key begins when it is first saved, and ends when it is not among them any more", async () => {
  const [brand, node, next] = [key("brand", "aa"), key("lightning-node", "bb"), key("lightning-node", "cc")];
  await saveNostrKeys(database.pool, [brand, node], unixSeconds(100));
  await saveNostrKeys(database.pool, [brand, node], unixSeconds(200));
  expect(await list()).toEqual([
    ["aa", 100, undefined],
    ["bb", 100, undefined],
  ]);
  await saveNostrKeys(database.pool, [brand, next], unixSeconds(300));
  expect(await list()).toEqual([
    ["aa", 100, undefined],
    ["cc", 300, undefined],
    ["bb", 100, 300],
  ]);
  await saveNostrKeys(database.pool, [brand, node], unixSeconds(400));
  expect(await list()).toEqual([
    ["aa", 100, undefined],
    ["bb", 100, undefined],
    ["cc", 300, 400],
  ]);
});
