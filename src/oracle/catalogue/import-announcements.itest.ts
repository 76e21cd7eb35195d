/** Announcements on a real database, signed by an independent library: newest versions, forged ones, and relays that fail. */
import { finalizeEvent, generateSecretKey } from "nostr-tools/pure";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadEventCrypto } from "../../adapters/nostr/event-crypto.ts";
import { feedTable } from "../../adapters/postgres/feed.ts";
import { inboxTable } from "../../adapters/postgres/inbox.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { emptyCatalogue } from "../../testing/empty-catalogue.ts";
import { type AnnouncementPorts, importAnnouncements } from "./import-announcements.ts";

const author = generateSecretKey();
const NOW = 1_790_000_000;

let database: TestDatabase;
let verify: (event: SignedEvent) => boolean;
let clock: number;
let failures: number;
beforeAll(async () => {
  database = await openTestDatabase(4);
  ({ verify } = await loadEventCrypto());
});
beforeEach(async () => {
  await emptyCatalogue(database.pool);
  clock = NOW;
  failures = 0;
});
afterAll(() => database.close());

type Draft = {
  d?: string;
  url?: string;
  price?: string;
  at?: number;
  tags?: string[][];
  key?: Uint8Array;
  content?: string;
};
function announce({ d = "weather", url = "https://api.example/v1", price = "5", ...more }: Draft = {}): SignedEvent {
  const tags = [
    ["d", d],
    ["name", "Weather"],
    ["url", url],
    ["pmi", "l402", "lightning"],
    ["price", "get", price, "sats"],
  ];
  const event = {
    kind: 31_402,
    created_at: more.at ?? NOW - 100,
    tags: [...tags, ...(more.tags ?? [])],
    content: more.content ?? "{}",
  };
  return JSON.parse(JSON.stringify(finalizeEvent(event, more.key ?? author)));
}

async function run(...relays: (unknown[] | "down")[]) {
  const feeds = feedTable(database.pool);
  await feeds.enrol([{ url: "nostr:31402", form: "announcements" }], unixSeconds(clock));
  const at = await feeds.take(["announcements"], 60, unixSeconds(clock));
  const ports: AnnouncementPorts = {
    ...feeds,
    noteRelay: inboxTable(database.pool).noteRelay,
    verify,
    async fetchEvents(relay) {
      const given = relays[Number(relay)]!;
      if (given === "down") throw new Error("down");
      return given;
    },
    mayList: (url) => url.hostname.endsWith(".example"),
    now: () => unixSeconds(clock),
    imported: () => undefined,
    relayFailed: () => failures++,
  };
  const names = relays.map((_, index) => String(index));
  const rules = {
    relays: names,
    everySec: 3_600,
    caps: { perCycle: 50, inAll: 100 },
    signal: new AbortController().signal,
  };
  const end = await importAnnouncements(ports, at!, rules);
  clock += 3_601;
  return end;
}
const held = async () =>
  (
    await database.pool.query("SELECT url, price_msat, origin FROM endpoint WHERE removed_at IS NULL ORDER BY url")
  ).rows.map(({ url, price_msat }) => [url, price_msat]);

test("an announcement is listed with its price; a newer version of it takes its place, and an older one never again", async () => {
  expect(await run([announce()])).toBe("complete");
  expect(await held()).toEqual([["https://api.example/v1", 5_000n]]);
  await run([announce({ price: "7", at: NOW - 50 }), announce()]);
  expect(await held()).toEqual([["https://api.example/v1", 7_000n]]);
  await run([announce()]);
  expect(await held()).toEqual([["https://api.example/v1", 7_000n]]);
  await run([announce({ url: "https://moved.example/", at: NOW - 40 })]);
  await run([announce()]);
  expect(await held()).toEqual([["https://moved.example/", 5_000n]]);
});

test("where an announcement was found is known, of its newest version", async () => {
  await run([], [announce()]);
  await run([announce({ price: "7", at: NOW - 50 })], [announce()]);
  const { rows } = await database.pool.query("SELECT address, relay FROM announcement_relay");
  expect(rows).toEqual([{ address: `31402:${announce().pubkey}:weather`, relay: "0" }]);
});

test("what is no longer announced is gone, unless a relay did not answer", async () => {
  await run([announce(), announce({ d: "other", url: "https://other.example/" })]);
  expect(await run([announce()], "down")).toBe("partial");
  expect(await held()).toHaveLength(2);
  expect(await run("down")).toBe("failed");
  expect(await held()).toHaveLength(2);
  expect(await run([announce()])).toBe("complete");
  expect(await held()).toEqual([["https://api.example/v1", 5_000n]]);
  expect(failures).toBe(2);
});

test("two keys that announce one endpoint both stay, and the outcome does not depend on who came first", async () => {
  const other = generateSecretKey();
  await run([announce({ price: "5" }), announce({ price: "1", key: other })]);
  const first = await held();
  await emptyCatalogue(database.pool);
  await run([announce({ price: "1", key: other })]);
  await run([announce({ price: "5" }), announce({ price: "1", key: other })]);
  expect(await held()).toEqual(first);
  expect((await database.pool.query("SELECT count(*)::int AS n FROM endpoint_listing")).rows).toEqual([{ n: 2 }]);
});

test.each<[string, () => unknown]>([
  ["a forged signature", () => ({ ...announce(), sig: "0".repeat(128) })],
  ["another's signature", () => ({ ...announce(), sig: announce({ key: generateSecretKey() }).sig })],
  ["a changed price", () => ({ ...announce(), tags: announce({ price: "1" }).tags })],
  ["another kind", () => ({ ...announce(), kind: 31_403 })],
  ["no name of its own", () => announce({ d: "" })],
  ["a name that cannot be stored", () => announce({ d: "a\u0000b" })],
  ["a date in the future", () => announce({ at: NOW + 2_000_000 })],
  ["a date far beyond", () => announce({ at: 2 ** 52 })],
  ["an end that has passed", () => announce({ tags: [["expiration", String(NOW - 1)]] })],
  ["an end that is none", () => announce({ tags: [["expiration", "soon"]] })],
  ["a private address", () => announce({ url: "http://10.0.0.1/" })],
  ["no object", () => "event"],
  ["tags that are none", () => ({ ...announce(), tags: [[1]] })],
])("%s lists nothing, and its neighbour is listed", async (_what, make) => {
  expect(await run([make(), announce({ d: "good", url: "https://good.example/" })])).toBe("complete");
  expect(await held()).toEqual([["https://good.example/", 5_000n]]);
});

test("capabilities say where they are and what they cost", async () => {
  const capabilities = [
    { name: "get", endpoint: "/v1/now" },
    { name: "ask", endpoint: "POST /v1/ask", schema: { type: "object" } },
    { name: "template", endpoint: "/v1/{city}" },
  ];
  await run([announce({ content: JSON.stringify({ capabilities }), tags: [["price", "ask", "250", "msat"]] })]);
  expect(await held()).toEqual([
    ["https://api.example/v1/ask", 250n],
    ["https://api.example/v1/now", 5_000n],
  ]);
});
