/** From scores to a relay and back: real Postgres, real WebSockets, the real local relay, and judges of other makes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { Event, loadWasmSync } from "@rust-nostr/nostr-sdk";
import { verifyEvent as nostrToolsVerify } from "nostr-tools/pure";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { deriveServiceKey } from "../../../adapters/nostr/keys.ts";
import { type RelayConnection, type RelayOptions, relayConnection } from "../../../adapters/nostr/relay-connection.ts";
import { createSigner } from "../../../adapters/nostr/signer.ts";
import { deliveryTable } from "../../../adapters/postgres/delivery.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { toHex } from "../../../core/bytes.ts";
import type { NodeAssertion } from "../../../core/nip85/assertion.ts";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { keyProfile, relayList } from "../../../core/nip85/profile.ts";
import { statementsOfNode } from "../../../core/nip85/statement.ts";
import { verifyEvent } from "../../../core/nip85/verify.ts";
import { type UnixSeconds, unixSeconds } from "../../../core/units.ts";
import { publishAssertions } from "../../../oracle/publish/publish-assertions.ts";
import { publishIdentity } from "../../../oracle/publish/publish-identity.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { deliver as deliverBatch } from "../../../testing/deliver.ts";
import { type LocalRelay, startLocalRelay } from "./start.ts";

const now = unixSeconds(1_790_000_000);
const secret = new Uint8Array(32).map((_, index) => 7 * index + 1);
const [key, brand] = [deriveServiceKey(secret, "lightning-node"), deriveServiceKey(secret, "brand")];
const voice = {
  pubkeys: { node: key.pubkey, endpoint: "cd".repeat(32), operator: "ef".repeat(32) },
  origin: "https://oracle.example",
  network: "regtest",
} as const;
const forever = new AbortController().signal;
const scores = Array.from({ length: 120 }, (_, index): NodeAssertion => {
  const nodeKey = toHex(secp256k1.Point.BASE.multiply(BigInt(index + 1)).toBytes());
  return { nodeKey, rank: index % 101, rankLow: 0, rankHigh: 100, reachRatio: 0.5, observations: 9, asOf: now };
});

let database: TestDatabase;
let dataDir: string;
const cleanups: (() => Promise<unknown> | unknown)[] = [];
beforeEach(async () => {
  database = await openTestDatabase();
  dataDir = mkdtempSync(path.join(tmpdir(), "satrank-relay-"));
  cleanups.push(
    () => database.close(),
    () => rmSync(dataDir, { recursive: true, force: true }),
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openRelay(): Promise<LocalRelay> {
  const relay = await startLocalRelay({ dataDir, host: "127.0.0.1", port: 0, now: () => now });
  cleanups.push(() => relay.stop());
  return relay;
}

async function publish(input = scores, at: UnixSeconds = now) {
  const outbox = outboxTable(database.pool);
  const { sign } = await createSigner([key, brand]);
  const statements = (async function* () {
    yield input.flatMap((score) => statementsOfNode(score, undefined, voice));
  })();
  return publishAssertions({ ...outbox, sign }, { statements, pubkeys: [key.pubkey], now: at, signal: forever });
}

function connect(url: string, options?: RelayOptions): RelayConnection {
  const connection = relayConnection(url, options);
  cleanups.push(() => connection.close());
  return connection;
}

/** One batch to `connection`, kept under `relay`: the name stays while ports change. */
function deliver(connection: RelayConnection, relay = "ws://relay", at: UnixSeconds = now, limit = 500) {
  return deliverBatch(database.pool, connection, { relay, at, limit });
}

/** What a stranger gets who asks the relay. */
async function ask(url: string, filter: object): Promise<SignedEvent[]> {
  const socket = new WebSocket(url);
  const found: SignedEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send(JSON.stringify(["REQ", "x", filter])));
    socket.on("message", (data) => {
      const [type, , event] = JSON.parse(String(data));
      if (type === "EVENT") found.push(event);
      else resolve();
    });
  });
  socket.close();
  return found;
}

const states = async () =>
  Object.fromEntries(
    (await deliveryTable(database.pool).counts()).deliveries.map(({ state, count }) => [state, count]),
  );

test("scores become events on the relay that four implementations accept", async () => {
  loadWasmSync();
  const relay = await openRelay();
  expect(await publish()).toMatchObject({ staged: 120 });
  expect(await deliver(connect(relay.url))).toEqual({
    taken: 120,
    confirmed: 120,
    refused: 0,
    postponed: 0,
    invalid: 0,
    signedAgain: 0,
    stalled: false,
  });

  const d = `lightning:regtest:node:${scores[42]!.nodeKey}`;
  const [event] = await ask(relay.url, { kinds: [30_385], authors: [key.pubkey], "#d": [d] });
  const text = JSON.stringify(event);
  expect(text).toBe(await outboxTable(database.pool).findByAddress({ kind: 30_385, pubkey: key.pubkey, d }));
  expect(event?.tags).toContainEqual(["rank", "42"]);
  expect(verifyEvent(text, { now, expectedPubkey: key.pubkey }).holds).toBe(true);
  expect(nostrToolsVerify(JSON.parse(text))).toBe(true);
  expect(Event.fromJson(text).verify()).toBe(true);
  expect(Event.fromJson(text.replace('["rank","42"]', '["rank","43"]')).verify()).toBe(false);
  expect(await ask(relay.url, { "#i": [d] })).toHaveLength(1);
  expect(await ask(relay.url, { "#k": ["lightning:node"], limit: 1000 })).toHaveLength(120);
});

test("a restart publishes nothing and sends nothing, and one change sends one event", async () => {
  const first = await openRelay();
  await publish();
  await deliver(connect(first.url));
  await first.stop();

  const second = await openRelay();
  expect(await publish(scores, unixSeconds(now + 3600))).toMatchObject({ staged: 0, unchanged: 120 });
  expect((await deliver(connect(second.url))).taken).toBe(0);
  expect(await ask(second.url, { kinds: [30_385] })).toHaveLength(120);

  const changed = scores.map((score, index) => (index === 3 ? { ...score, rank: 77 } : score));
  expect(await publish(changed)).toMatchObject({ staged: 1, reasons: { band: 1 } });
  expect(await deliver(connect(second.url))).toMatchObject({ taken: 1, confirmed: 1 });
  const held = await ask(second.url, { kinds: [30_385] });
  expect([held.length, held[0]?.tags[3]]).toEqual([120, ["rank", "77"]]);
});

test("identities go first and are there for readers", async () => {
  const relay = await openRelay();
  await publish();
  const outbox = outboxTable(database.pool);
  const { sign } = await createSigner([key, brand]);
  const { pubkey } = key;
  const about = {
    role: "lightning-node",
    name: "Nodes",
    subject: "Reliability of nodes, 0-100.",
    algorithm: "v1",
    origin: "https://oracle.example",
  } as const;
  const kinds = new Map([[pubkey, [0, 10_002]]]);
  const events = [
    keyProfile({ ...about, pubkey, brandPubkey: brand.pubkey, createdAt: now }),
    relayList({ pubkey, relays: [relay.url], createdAt: now }),
  ];
  const ports = { findPublished: outbox.findPublished, sign, stage: outbox.stage };
  expect(await publishIdentity(ports, { events, kinds, now })).toMatchObject({ staged: 2, refused: [] });
  expect(await publishIdentity(ports, { events, kinds, now })).toMatchObject({ staged: 0, unchanged: 2 });
  expect(await deliver(connect(relay.url), "ws://relay", now, 2)).toMatchObject({ taken: 2, confirmed: 2 });
  const held = await ask(relay.url, { authors: [pubkey] });
  expect(held.map(({ kind }) => kind).sort()).toEqual([0, 10_002]);
});

test.each<{ name: string; behave: (socket: WebSocket, message: [string, { id: string }]) => void }>([
  { name: "refuses", behave: (socket, [, { id }]) => socket.send(JSON.stringify(["OK", id, false, "blocked: no"])) },
  { name: "hangs", behave: () => undefined },
  { name: "closes", behave: (socket) => socket.terminate() },
  {
    name: "says yes and stores nothing",
    behave: (socket, [type, first]) =>
      socket.send(JSON.stringify(type === "EVENT" ? ["OK", first.id, true, ""] : ["EOSE", first])),
  },
])("a relay that $name leaves the outbox unacknowledged, and a good one gets everything later", async ({ behave }) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  cleanups.push(() => server.close());
  server.on("connection", (socket) => socket.on("message", (data) => behave(socket, JSON.parse(String(data)))));
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };

  await publish();
  const bad = connect(`ws://127.0.0.1:${port}`, { answerTimeoutMs: 200, connectTimeoutMs: 500 });
  expect(await deliver(bad)).toMatchObject({ taken: 120, confirmed: 0, refused: 0, postponed: 120, stalled: true });
  bad.close();
  const { pending = 0, sent = 0, ...closed } = await states();
  expect([pending + sent, closed]).toEqual([120, {}]);

  const relay = await openRelay();
  const later = unixSeconds(now + 2 * 86_400);
  expect(await deliver(connect(relay.url), "ws://relay", later)).toMatchObject({ confirmed: 120 });
});

test("a relay that is away costs one failed connection, and scoring is not delayed", async () => {
  await publish();
  const away = connect("ws://127.0.0.1:9");
  expect(await deliver(away)).toMatchObject({ taken: 120, confirmed: 0, postponed: 120, stalled: true });
  expect(await deliver(away)).toMatchObject({ taken: 0, stalled: true });
  expect(await publish(scores.map((score) => ({ ...score, rank: (score.rank + 50) % 101 })))).toMatchObject({
    staged: 120,
  });
});

test("what was sent before a crash is found on the relay and not sent again", async () => {
  const relay = await openRelay();
  await publish(scores.slice(0, 5));
  const { enrol, takeDue, record } = deliveryTable(database.pool);
  await enrol("ws://relay", { role: "full", top: 0, room: 5 }, now);
  const due = await takeDue("ws://relay", { now, limit: 5, leaseSec: 300 });
  await connect(relay.url).publish(due, forever);
  await record(
    "ws://relay",
    due.slice(0, 2).map(({ id }) => ({ id, state: "sent" as const, nextTryAt: now, answer: "", held: true })),
    now,
  );

  expect(await deliver(connect(relay.url))).toMatchObject({ taken: 2, confirmed: 2 });
  expect(await deliver(connect(relay.url), "ws://relay", unixSeconds(now + 300))).toMatchObject({
    taken: 3,
    confirmed: 3,
  });
});

test("the relay refuses what is not honest, and tells its reader so", async () => {
  const relay = await openRelay();
  const { sign } = await createSigner([key]);
  const draft = (change: object) => ({
    pubkey: key.pubkey,
    created_at: now,
    kind: 1,
    tags: [] as string[][],
    content: "",
    ...change,
  });
  const [good, future, expired] = await sign([
    draft({}),
    draft({ created_at: now + 901 }),
    draft({ tags: [["expiration", String(now)]] }),
  ]);
  const say = async (event: object) => {
    const [answer] = await connect(relay.url).publish(
      [{ id: good!.id, sig: "", json: JSON.stringify({ ...event, id: good!.id }) }],
      forever,
    );
    return answer;
  };
  expect(await say({ ...good, content: "changed" })).toEqual({
    outcome: "refused-for-good",
    text: "invalid: id or signature is wrong",
  });
  expect(await say({ ...good, tags: "none" })).toMatchObject({ outcome: "refused-for-good" });
  expect(await say(future!)).toEqual({ outcome: "refused-for-good", text: "invalid: created_at lies in the future" });
  expect(await say(expired!)).toEqual({ outcome: "refused-for-good", text: "invalid: event expired" });
  expect(await say(good!)).toEqual({ outcome: "acked", text: "" });
  expect(await say(good!)).toMatchObject({ outcome: "duplicate" });
  await expect(startLocalRelay({ dataDir, host: "0.0.0.0", port: 0 })).rejects.toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID" }),
  );
});

test("a subscriber hears of new events that match its tags, and of no others", async () => {
  const relay = await openRelay();
  const heard: string[] = [];
  const socket = new WebSocket(relay.url);
  cleanups.push(() => socket.terminate());
  const d = `lightning:regtest:node:${scores[7]!.nodeKey}`;
  await new Promise<void>((resolve) => {
    socket.on("open", () => socket.send(JSON.stringify(["REQ", "x", { "#d": [d] }])));
    socket.on("message", (data) => {
      const [type, , event] = JSON.parse(String(data));
      if (type === "EVENT") heard.push(event.tags[0][1]);
      else resolve();
    });
  });
  await publish(scores.slice(0, 20));
  await deliver(connect(relay.url));
  expect(heard).toEqual([d]);
});
