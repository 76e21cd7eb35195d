/** Announced APIs whose hosts name who announced them, on a real database: what that binds, and what it does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { announcedHostTable } from "../../adapters/postgres/announced-host.ts";
import { claimTable } from "../../adapters/postgres/claim.ts";
import { inTransaction } from "../../adapters/postgres/connect.ts";
import { lockCatalogue, settleEndpoints } from "../../adapters/postgres/endpoint.ts";
import { inboxTable } from "../../adapters/postgres/inbox.ts";
import { saveListings } from "../../adapters/postgres/listing.ts";
import { provenKeyView } from "../../adapters/postgres/proven-key.ts";
import { utf8 } from "../../core/bytes.ts";
import { readEndpointUrl } from "../../core/endpoint/endpoint.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { emptyCatalogue } from "../../testing/empty-catalogue.ts";
import { type AnnouncedPorts, proveAnnounced } from "./prove-announced.ts";

const NOW = 1_790_000_000;
const [ALICE, BOB] = ["0a".repeat(32), "0b".repeat(32)];
const FILE = "/.well-known/satrank-proof.txt";

let database: TestDatabase;
let clock: number;
let asked: string[];
let web: Record<string, { body?: string; challenge?: string }>;
beforeAll(async () => {
  database = await openTestDatabase(4);
});
beforeEach(async () => {
  await emptyCatalogue(database.pool);
  await database.pool.query("TRUNCATE announced_host, announcement_relay");
  [clock, asked, web] = [NOW, [], {}];
});
afterAll(() => database.close());

/** What one key announces, as the importer leaves it. */
async function announce(pubkey: string, name: string, ...urls: string[]): Promise<string> {
  const address = `31402:${pubkey}:${name}`;
  const listings = urls.map((url) => {
    const endpoint = readEndpointUrl(url);
    if (typeof endpoint === "string") throw new Error(endpoint);
    return { endpoint, method: "GET" as const, source: "announcement" as const, reference: address, claim: {} };
  });
  const now = unixSeconds(clock);
  const caps = { perCycle: 100, inAll: 100 };
  await inTransaction(database.pool, async (client) => {
    await lockCatalogue(client);
    await saveListings(client, { feed: "nostr:31402", run: 1n, startedAt: now, listings, caps, now });
    const { rows } = await client.query("SELECT endpoint_id FROM endpoint");
    await settleEndpoints(
      client,
      rows.map((row) => row.endpoint_id),
      now,
    );
  });
  return address;
}

const ports = (): AnnouncedPorts => ({
  ...announcedHostTable(database.pool),
  ...claimTable(database.pool, 100),
  async ask({ url }) {
    asked.push(url);
    const { body = "", challenge } = web[url] ?? {};
    const status = web[url] === undefined ? 404 : challenge === undefined ? 200 : 402;
    const headers: [string, string][] = challenge === undefined ? [] : [["WWW-Authenticate", challenge]];
    return { ok: true, answer: { status, headers, body: utf8(body) } };
  },
  isAuthentic: (url) => url.protocol === "https:",
  now: () => unixSeconds(clock),
});
const prove = () => proveAnnounced(ports(), new AbortController().signal);
const view = () => provenKeyView(database.pool, () => unixSeconds(clock));
const idOf = async (url: string): Promise<bigint> =>
  (await database.pool.query("SELECT endpoint_id FROM endpoint WHERE url = $1", [url])).rows[0].endpoint_id;

test("a host that names who announced it makes the announcement an address, and its author a proven key", async () => {
  const address = await announce(ALICE, "weather", "https://api.example/v1");
  await inboxTable(database.pool).noteRelay(address, "wss://relay.example", unixSeconds(NOW));
  web[`https://api.example${FILE}`] = { body: ALICE };
  expect((await view().paidApiAddresses()).size).toBe(0);
  expect(await prove()).toEqual({ asked: 1, proven: 1 });
  const id = await idOf("https://api.example/v1");
  const relay = "wss://relay.example";
  expect(await view().paidApiAddresses()).toEqual(new Map([[id, [{ address, relay }]]]));
  expect(await view().provenKeys()).toEqual([{ pubkey: ALICE, relay, nodes: [], endpoints: [id], proofs: [address] }]);
  expect(await prove()).toEqual({ asked: 0, proven: 0 });

  // The host names another key: with the claim goes the address.
  web[`https://api.example${FILE}`] = { body: BOB };
  await announce(BOB, "weather", "https://api.example/v1");
  clock += 21_600;
  expect(await prove()).toEqual({ asked: 1, proven: 1 });
  expect((await view().provenKeys()).map(({ pubkey }) => pubkey)).toEqual([BOB]);
});

test("a challenge that names the author will do, for its URL alone", async () => {
  const address = await announce(ALICE, "a", "https://api.example/a");
  await announce(ALICE, "b", "https://api.example/b");
  for (const path of ["a", "b"]) web[`https://api.example/${path}`] = { challenge: "Bearer" };
  web["https://api.example/a"] = { challenge: `L402 macaroon="x", invoice="y", nostr-pubkey="${ALICE}"` };
  // Of one host another endpoint is asked each time.
  for (let i = 0; i < 40 && (await view().paidApiAddresses()).size === 0; i++) {
    await prove();
    clock += 21_600;
  }
  expect(await view().paidApiAddresses()).toEqual(new Map([[await idOf("https://api.example/a"), [{ address }]]]));
});

test.each<[string, () => void]>([
  ["names nobody", () => undefined],
  ["names another key", () => (web[`https://api.example${FILE}`] = { body: BOB })],
  [
    "names another key in its file, and the author in a challenge",
    () => {
      web[`https://api.example${FILE}`] = { body: BOB };
      web["https://api.example/v1"] = { challenge: `L402 macaroon="x", invoice="y", nostr-pubkey="${ALICE}"` };
    },
  ],
])("a host that %s proves nothing", async (_name, set) => {
  await announce(ALICE, "weather", "https://api.example/v1");
  set();
  expect(await prove()).toEqual({ asked: 1, proven: 0 });
  expect(await view().provenKeys()).toEqual([]);
  expect((await view().paidApiAddresses()).size).toBe(0);
});

test("thirty strangers that announce one host cost it one question in six hours; plain http none", async () => {
  for (let i = 0; i < 30; i++) await announce(i.toString(16).padStart(64, "0"), "x", "https://api.example/v1");
  await announce(ALICE, "plain", "http://plain.example/v1");
  await prove();
  await prove();
  expect(asked.filter((url) => url.endsWith(FILE))).toEqual([`https://api.example${FILE}`]);
});

test("an announcement of several endpoints is rated by the one that is believed to be the worst", async () => {
  const address = await announce(ALICE, "several", "https://api.example/good", "https://api.example/bad");
  web[`https://api.example${FILE}`] = { body: ALICE };
  await prove();
  for (const [name, probability] of [
    ["good", 0.9],
    ["bad", 0.2],
  ] as const)
    await database.pool.query(
      `INSERT INTO endpoint_belief (endpoint_id, catalogue_at, listed, search, host, operator_group, rated_at, verdict, probability, low, high)
        VALUES ($1, 1, true, '', 'api.example', 'x', 1, 'caution', $2, 0, 1)`,
      [await idOf(`https://api.example/${name}`), probability],
    );
  expect(await view().paidApiAddresses()).toEqual(new Map([[await idOf("https://api.example/bad"), [{ address }]]]));
});
