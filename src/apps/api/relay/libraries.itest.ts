/** Our relay as the libraries of Nostr clients see it: nostr-tools and rust-nostr, with events that are really signed. */
import { Client, Duration, Kind, loadWasmSync, Filter as RustFilter } from "@rust-nostr/nostr-sdk";
import type { Event } from "nostr-tools";
import { fetchRelayInformation, useFetchImplementation } from "nostr-tools/nip11";
import { SimplePool, useWebSocketImplementation as usePoolSocket } from "nostr-tools/pool";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { deriveServiceKey } from "../../../adapters/nostr/keys.ts";
import { createSigner } from "../../../adapters/nostr/signer.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { type RelayServer, startRelayServer } from "../../../testing/relay-server.ts";
import { nodeAssertion, stage } from "../../../testing/some-assertions.ts";

useWebSocketImplementation(WebSocket);
usePoolSocket(WebSocket);
useFetchImplementation(fetch);
let database: TestDatabase;
let relay: RelayServer;
let events: SignedEvent[];
const now = unixSeconds(1_790_000_000);
const key = deriveServiceKey(new Uint8Array(32).fill(7), "lightning-node");
const brand = deriveServiceKey(new Uint8Array(32).fill(7), "brand");

const signer = createSigner([key, brand]);
const sign = async (
  drafts: { kind: number; created_at: number; tags: string[][]; content: string; pubkey?: string }[],
) => (await signer).sign(drafts.map((draft) => ({ pubkey: key.pubkey, ...draft })));
const put = (...signed: SignedEvent[]) => outboxTable(database.pool).stage(signed.map(stage), now);

beforeAll(async () => {
  database = await openTestDatabase();
  relay = await startRelayServer(database.url);
  events = await sign(Array.from({ length: 40 }, (_, i) => ({ ...nodeAssertion(i), pubkey: key.pubkey })));
  const providers = {
    kind: 10_040,
    pubkey: brand.pubkey,
    created_at: now,
    tags: [["30385:rank", key.pubkey, relay.url]],
    content: "",
  };
  await put(...events, ...(await sign([providers])));
});
afterAll(async () => {
  await relay.close();
  await database.close();
});

const ids = (found: readonly { id: string }[]) => found.map(({ id }) => id).sort();

test("nostr-tools: a pool queries, verifies, and hears of what is new", async () => {
  const pool = new SimplePool();
  const found = await pool.querySync([relay.url], { kinds: [30_385], authors: [key.pubkey] });
  expect(ids(found)).toEqual(ids(events));
  const [one] = events;
  expect(await pool.get([relay.url], { kinds: [30_385], "#d": [one!.tags[0]![1]!] })).toMatchObject({ id: one!.id });

  const heard: Event[] = [];
  const subscription = pool.subscribe(
    [relay.url],
    { "#d": [one!.tags[0]![1]!], since: now + 1 },
    { onevent: (event) => heard.push(event) },
  );
  const [newer] = await sign([{ ...nodeAssertion(0, { createdAt: now + 5, rank: 99 }), pubkey: key.pubkey }]);
  await put(newer!);
  await expect.poll(() => ids(heard)).toEqual([newer!.id]);
  subscription.close();
  pool.close([relay.url]);
});

test("nostr-tools: a relay counts, refuses to be written to, and says what it is", async () => {
  const connection = await Relay.connect(relay.url);
  expect(await connection.count([{ kinds: [30_385] }], {})).toBe(40);
  await expect(connection.publish(events[0] as Event)).rejects.toThrow("blocked: read-only");
  connection.close();
  expect(await fetchRelayInformation(relay.url)).toMatchObject({
    pubkey: brand.pubkey,
    supported_nips: [1, 9, 11, 40, 45, 67],
  });
});

test("rust-nostr: a client fetches what was signed, and finds every signature in order", async () => {
  loadWasmSync();
  (globalThis as { WebSocket?: unknown }).WebSocket ??= WebSocket;
  const client = new Client();
  await client.addRelay(relay.url);
  await client.connect();
  const found = await client.fetchEvents(new RustFilter().kind(new Kind(30_385)).limit(100), Duration.fromSecs(20));
  const fetched = found.toVec();
  expect(fetched.map((event) => event.id.toHex()).sort()).toHaveLength(40);
  expect(fetched.every((event) => event.verify())).toBe(true);
  await client.shutdown();
});
