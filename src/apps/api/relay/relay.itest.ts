/** The relay's rules, one by one, on a real Postgres: what is asked, and what comes back, word for word. */
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { chooseStored } from "../../../core/relay/choose-stored.ts";
import { type Filter, readFilter } from "../../../core/relay/filter.ts";
import { listEvent } from "../../../core/relay/listed-event.ts";
import { unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { openRelayClient, type RelayClient } from "../../../testing/relay-client.ts";
import { type RelayServer, startRelayServer } from "../../../testing/relay-server.ts";
import { bodyOf, NODE_AUTHOR, nodeAssertion, someEvent, stage } from "../../../testing/some-assertions.ts";
import { LIMITS } from "./bounds.ts";

let database: TestDatabase;
let relay: RelayServer;
let client: RelayClient;
const now = unixSeconds(1_790_000_000);
const BRAND = "b2".repeat(32);

beforeAll(async () => {
  database = await openTestDatabase();
  relay = await startRelayServer(database.url);
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause");
  client = await openRelayClient(relay.url);
});
afterEach(() => client.close());
afterAll(async () => {
  await relay.close();
  await database.close();
});

const put = (...events: SignedEvent[]) => outboxTable(database.pool).stage(events.map(stage), now);
const retract = (event: SignedEvent, at: number) =>
  database.pool.query("UPDATE outbox_event SET retracted_at = $2 WHERE event_id = decode($1, 'hex')", [event.id, at]);
const sorted = (events: readonly SignedEvent[]) =>
  [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)).map(bodyOf);
const dOf = (event: SignedEvent) => event.tags[0]![1]!;

test("what is stored comes as it was signed, newest first, then lowest id, and the end says that this is all", async () => {
  const events = Array.from({ length: 30 }, (_, i) => nodeAssertion(i, { createdAt: now - (i % 3) }));
  await put(...events);
  expect(await client.ask("REQ", "all", {})).toEqual({ events: sorted(events), end: ["EOSE", "all", ["finish"]] });
});

test("a body leaves byte for byte as it is stored, in whatever way it was written", async () => {
  const event = nodeAssertion(1);
  await put(event);
  const odd = bodyOf(event).replace(/^\{/, '{ "seen":"ünïcode ⚡ \\u00fc",');
  await database.pool.query("UPDATE outbox_event SET body = $1", [odd]);
  expect((await client.ask("REQ", "scan", {})).events).toEqual([odd]);
  expect((await client.ask("REQ", "look", { ids: [event.id] })).events).toEqual([odd]);
});

/** A small world in which most filters match something and not all. */
const WORLD: SignedEvent[] = [
  ...Array.from({ length: 25 }, (_, i) => nodeAssertion(i, { createdAt: now - Math.floor(i / 5) })),
  someEvent({ kind: 0, pubkey: BRAND, createdAt: now, content: '{"name":"brand \\n \\" ü"}' }),
  someEvent({ kind: 10_002, pubkey: BRAND, createdAt: now - 1, tags: [["r", "wss://oracle.example/relay", "write"]] }),
  someEvent({
    kind: 30_382,
    createdAt: now,
    tags: [
      ["d", "c3".repeat(32)],
      ["p", "c3".repeat(32)],
      ["rank", "7"],
    ],
  }),
  someEvent({
    kind: 30_384,
    createdAt: now - 2,
    tags: [
      ["d", `31402:${BRAND}:a:b`],
      ["a", `31402:${BRAND}:a:b`],
    ],
  }),
  someEvent({
    kind: 30_385,
    createdAt: now - 2,
    tags: [
      ["d", "https://x.example/?ü"],
      ["i", "https://x.example/?ü"],
      ["k", "web"],
    ],
  }),
  someEvent({
    kind: 5,
    createdAt: now,
    tags: [
      ["a", `30385:${NODE_AUTHOR}:gone`],
      ["e", "d4".repeat(32)],
      ["k", "30385"],
    ],
  }),
  someEvent({
    kind: 5,
    pubkey: BRAND,
    createdAt: now - 3,
    tags: [
      ["e", "d4".repeat(32)],
      ["e", "e5".repeat(32)],
    ],
  }),
];
const oneOf = <Value>(values: readonly Value[]) => fc.array(fc.constantFrom(...values), { maxLength: 3 });
const tagValues = (letter: string) => [
  ...new Set(WORLD.flatMap(({ tags }) => tags.filter(([name]) => name === letter).map((tag) => tag[1]!))),
];
const anyFilter = fc.record(
  {
    ids: oneOf([...WORLD.map(({ id }) => id), "00".repeat(32)]),
    authors: oneOf([NODE_AUTHOR, BRAND, "00".repeat(32)]),
    kinds: oneOf([0, 5, 10_002, 30_382, 30_384, 30_385, 1]),
    ...Object.fromEntries(
      ["d", "i", "k", "a", "p", "e", "r"].map((letter) => [`#${letter}`, oneOf(tagValues(letter))]),
    ),
    since: fc.integer({ min: now - 6, max: now + 1 }),
    until: fc.integer({ min: now - 6, max: now + 1 }),
    limit: fc.integer({ min: 0, max: 12 }),
  },
  { requiredKeys: [] },
);

test("whatever is asked, the answer is what holding every filter against every event gives; and COUNT counts it", async () => {
  const [expired, retracted] = [nodeAssertion(90), nodeAssertion(91)];
  expired.tags.splice(-1, 1, ["expiration", String(now - 1_000_000_000)]);
  await put(...WORLD, expired, retracted);
  await retract(retracted, now);
  const listed = WORLD.map((event) => listEvent(event, bodyOf(event)));
  let id = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anyFilter, { minLength: 1, maxLength: 4 }), async (asked) => {
      const filters = asked.map((each) => readFilter(JSON.parse(JSON.stringify(each))) as Filter);
      const want = chooseStored(filters, listed, LIMITS);
      id += 1;
      // A connection may ask only so often.
      if (id % 45 === 0) {
        client.close();
        client = await openRelayClient(relay.url);
      }
      const got = await client.ask("REQ", `q${id}`, ...asked);
      expect(got.events).toEqual(want.events.map(({ body }) => body));
      expect(got.end).toEqual(["EOSE", `q${id}`, [want.hint]]);
      client.send("CLOSE", `q${id}`);
      const unlimited = filters.map(({ limit: _, ...rest }) => rest);
      const count = chooseStored(unlimited, listed, LIMITS).events.length;
      expect(await client.ask("COUNT", "n", ...asked)).toEqual({ events: [], end: ["COUNT", "n", { count }] });
    }),
    { numRuns: 300 },
  );
});

test("a set of one second is paged to its end: by our own limit it goes on to the end of the second", async () => {
  const events = Array.from({ length: 1_300 }, (_, i) => nodeAssertion(i, { createdAt: i < 1_200 ? now : now - 5 }));
  await put(...events);
  const all = sorted(events);
  expect(await client.ask("REQ", "a", {})).toEqual({ events: all.slice(0, 1_200), end: ["EOSE", "a", ["more"]] });
  expect(await client.ask("REQ", "b", { until: now - 1 })).toEqual({
    events: all.slice(1_200),
    end: ["EOSE", "b", ["finish"]],
  });
  expect(await client.ask("REQ", "c", { limit: 1_250 })).toEqual({
    events: all.slice(0, 1_250),
    end: ["EOSE", "c", ["more"]],
  });
  expect(await client.ask("REQ", "d", { limit: 1_300 })).toEqual({ events: all, end: ["EOSE", "d", ["finish"]] });
  expect(await client.ask("REQ", "e", { limit: 99_999_999 })).toEqual({ events: all, end: ["EOSE", "e", ["finish"]] });
  const two = await client.ask("REQ", "f", { limit: 700, "#k": ["lightning:node"] }, { limit: 900, kinds: [30_385] });
  expect(two).toEqual({ events: all.slice(0, 900), end: ["EOSE", "f", ["more"]] });
  const subjects = events.slice(0, 900).map(dOf);
  expect(await client.ask("REQ", "g", { "#d": subjects, limit: 1_000 })).toEqual({
    events: sorted(events.slice(0, 900)),
    end: ["EOSE", "g", ["finish"]],
  });
});

test("news comes after the end, once, and none after CLOSE", async () => {
  const event = nodeAssertion(1);
  expect(await client.ask("REQ", "x", { "#d": [dOf(event)] })).toEqual({ events: [], end: ["EOSE", "x", ["finish"]] });
  await put(event, nodeAssertion(2));
  expect(await client.next()).toEqual(["EVENT", "x", event]);
  client.send("CLOSE", "x");
  expect(await client.ask("REQ", "y", { "#d": [dOf(event)] })).toMatchObject({ events: [bodyOf(event)] });
  const newer = nodeAssertion(1, { createdAt: now + 1 });
  await put(newer);
  expect(await client.next()).toEqual(["EVENT", "y", newer]);
});

test("a limit holds for what is stored, not for what is new", async () => {
  await put(nodeAssertion(1), nodeAssertion(2));
  expect(await client.ask("REQ", "x", { limit: 0 })).toEqual({ events: [], end: ["EOSE", "x", ["more"]] });
  const news = [3, 4, 5].map((index) => nodeAssertion(index));
  for (const event of news) {
    await put(event);
    expect(await client.next()).toEqual(["EVENT", "x", event]);
  }
});

test("what was taken back is gone, its retraction is told and kept, and what is said again is told again", async () => {
  const event = nodeAssertion(1);
  await put(event);
  expect((await client.ask("REQ", "x", { kinds: [5, 30_385] })).events).toEqual([bodyOf(event)]);
  const retraction = someEvent({
    kind: 5,
    createdAt: now + 1,
    tags: [
      ["a", `30385:${NODE_AUTHOR}:${dOf(event)}`],
      ["e", event.id],
      ["k", "30385"],
    ],
  });
  await retract(event, now + 1);
  await put(retraction);
  expect(await client.next()).toEqual(["EVENT", "x", retraction]);
  expect((await client.ask("REQ", "y", { ids: [event.id] }, { "#e": [event.id] })).events).toEqual([
    bodyOf(retraction),
  ]);
  client.send("CLOSE", "y");
  const again = nodeAssertion(1, { createdAt: now + 2 });
  await put(again);
  expect(await client.next()).toEqual(["EVENT", "x", again]);
  expect((await client.ask("REQ", "z", {})).events).toEqual([again, retraction].map(bodyOf));
});

test("a transaction that ends late is news when it ends, and a change of nothing that is served is none", async () => {
  await put(nodeAssertion(1));
  const late = await database.pool.connect();
  await late.query("BEGIN");
  await outboxTable(late).stage([stage(nodeAssertion(2))], now);
  await put(nodeAssertion(3));
  await client.ask("REQ", "x", {});
  await database.pool.query("UPDATE outbox_event SET priority = 7");
  await put(nodeAssertion(4));
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(4)]);
  await late.query("COMMIT");
  late.release();
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(2)]);
  await put(nodeAssertion(5));
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(5)]);
});

test("a name that is used again stands for what was asked last, also when that is refused", async () => {
  await client.ask("REQ", "x", { "#d": [dOf(nodeAssertion(1))] });
  await client.ask("REQ", "x", { "#d": [dOf(nodeAssertion(2))] });
  await put(nodeAssertion(1), nodeAssertion(2));
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(2)]);
  expect((await client.ask("REQ", "x", { search: "y" })).end).toEqual([
    "CLOSED",
    "x",
    "unsupported: the condition search",
  ]);
  await client.ask("REQ", "end", { kinds: [0] });
  await put(nodeAssertion(2, { createdAt: now + 1 }), someEvent({ kind: 0 }));
  expect(await client.next()).toMatchObject(["EVENT", "end", { kind: 0 }]);
});

test("an event that matches several filters of a name is told once, and once for each name", async () => {
  const event = nodeAssertion(1);
  await client.ask("REQ", "x", { kinds: [30_385] }, { "#d": [dOf(event)] }, {});
  await client.ask("REQ", "y", { authors: [NODE_AUTHOR] });
  await put(event);
  expect([await client.next(), await client.next()].map(([, id]) => id).sort()).toEqual(["x", "y"]);
  await put(nodeAssertion(2));
  expect([await client.next(), await client.next()].map(([, id]) => id).sort()).toEqual(["x", "y"]);
});

test("nobody writes here, and bad words leave the connection as it was", async () => {
  client.send("EVENT", nodeAssertion(1));
  expect(await client.next()).toEqual(["OK", nodeAssertion(1).id, false, "blocked: read-only"]);
  client.socket.send("{");
  expect(await client.next()).toEqual(["NOTICE", "invalid: this is not JSON"]);
  client.socket.send(Buffer.from('["REQ","x",{}]'), { binary: true });
  expect(await client.next()).toEqual(["NOTICE", "invalid: messages are text"]);
  expect((await client.ask("REQ", "x", {})).end).toEqual(["EOSE", "x", ["finish"]]);
  expect((await client.ask("COUNT", "n", { kinds: "1" })).end[0]).toBe("CLOSED");
});

test("subscriptions, filter values and questions a second are bounded for each connection", async () => {
  for (let i = 0; i < 20; i++) await client.ask("REQ", `s${i}`, { kinds: [i] });
  expect((await client.ask("REQ", "one more", {})).end).toEqual([
    "CLOSED",
    "one more",
    "error: at most 20 subscriptions; close one",
  ]);
  expect((await client.ask("REQ", "s3", { kinds: [99] })).end).toEqual(["EOSE", "s3", ["finish"]]);
  for (let i = 0; i < 20; i++) client.send("CLOSE", `s${i}`);
  const values = (from: number) => ({ "#t": Array.from({ length: 900 }, (_, i) => String(from + i)) });
  const [first, second] = [[0, 1, 2].map((i) => values(1_000 * i)), [3, 4, 5].map((i) => values(1_000 * i))];
  expect((await client.ask("REQ", "a", ...first)).end).toEqual(["EOSE", "a", ["finish"]]);
  expect((await client.ask("REQ", "b", ...second)).end[2]).toBe(
    "error: at most 5000 filter values in all subscriptions; close one",
  );
  for (let i = 0; i < 150; i++) client.send("REQ", "often", { kinds: [i] });
  // Those that are replaced before they are answered say nothing.
  for (let limited = 0; limited < 20; ) {
    const [kind, id, why] = await client.next();
    expect(id).toBe("often");
    if (kind === "CLOSED") expect(why).toBe("rate-limited: slow down");
    limited += Number(kind === "CLOSED");
  }
});

test("metrics tell of it", async () => {
  await put(nodeAssertion(1));
  await client.ask("REQ", "x", {});
  const metrics = await relay.metrics();
  expect(metrics).toMatch(/satrank_relay_requests_total\{verb="REQ",outcome="answered"\} [1-9]/);
  expect(metrics).toMatch(/satrank_relay_events_sent_total\{part="stored"\} [1-9]/);
  expect(metrics).toMatch(/satrank_relay_events_sent_total\{part="live"\} [1-9]/);
});
