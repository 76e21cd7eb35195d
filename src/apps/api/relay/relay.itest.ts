/** The relay's rules, one by one, on a real Postgres: what is asked, and what comes back, word for word. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { openRelayClient, type RelayClient } from "../../../testing/relay-client.ts";
import { type RelayServer, startRelayServer } from "../../../testing/relay-server.ts";
import { bodyOf, nodeAssertion, type someEvent, stage } from "../../../testing/some-assertions.ts";

let database: TestDatabase;
let relay: RelayServer;
let client: RelayClient;
const now = unixSeconds(1_790_000_000);

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

const put = (...events: ReturnType<typeof someEvent>[]) => outboxTable(database.pool).stage(events.map(stage), now);

test("what is stored comes as it was signed, newest first, then lowest id, and the end says that this is all", async () => {
  const events = Array.from({ length: 30 }, (_, i) => nodeAssertion(i, { createdAt: now - (i % 3) }));
  await put(...events);
  const sorted = [...events].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  expect(await client.ask("REQ", "all", {})).toEqual({ events: sorted.map(bodyOf), end: ["EOSE", "all", ["finish"]] });
});

test("news comes after the end, once, and none after CLOSE", async () => {
  const event = nodeAssertion(1);
  const d = event.tags[0]![1];
  expect(await client.ask("REQ", "x", { "#d": [d] })).toEqual({ events: [], end: ["EOSE", "x", ["finish"]] });
  await put(event, nodeAssertion(2));
  expect(await client.next()).toEqual(["EVENT", "x", event]);
  client.send("CLOSE", "x");
  expect(await client.ask("REQ", "y", { "#d": [d] })).toMatchObject({ events: [bodyOf(event)] });
  const newer = nodeAssertion(1, { createdAt: now + 1 });
  await put(newer);
  expect(await client.next()).toEqual(["EVENT", "y", newer]);
});
