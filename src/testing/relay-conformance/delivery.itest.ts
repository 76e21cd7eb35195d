/**
 * Our delivery and a relay of any make: what was staged is what it serves, through new versions, deletions and restarts. `RELAY` names one that
 * takes anybody's events and `EVENTS` how many it gets; without it the embedded relay is asked.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deriveServiceKey } from "../../adapters/nostr/keys.ts";
import { createSigner } from "../../adapters/nostr/signer.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { relayStateTable } from "../../adapters/postgres/relay-state.ts";
import { now } from "../../apps/clock.ts";
import { auditRelayJob } from "../../apps/crawler/jobs/audit-relay.ts";
import { deliverEventsJob } from "../../apps/crawler/jobs/deliver-events.ts";
import { type RelayPorts, relayPorts } from "../../apps/crawler/relay-ports.ts";
import { startLocalRelay } from "../../apps/demo/relay/start.ts";
import { createEvents } from "../../apps/events.ts";
import { createLog } from "../../apps/log.ts";
import { toHex } from "../../core/bytes.ts";
import { encodeEvent, type SignedEvent, type UnsignedEvent } from "../../core/nip85/event.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { isValid, openReader } from "./ask.ts";

const COUNT = Number(process.env["EVENTS"] || 200);
const signal = new AbortController().signal;
const events = createEvents(createLog({ level: "silent", name: "conformance" }));
// Keys of this run alone: what an earlier one left at the relay is not in the way.
const [node, service] = (["lightning-node", "l402-endpoint"] as const).map((role) =>
  deriveServiceKey(randomBytes(32), role),
) as [ReturnType<typeof deriveServiceKey>, ReturnType<typeof deriveServiceKey>];
const begun = now();

let database: TestDatabase;
let url: string;
let ports: RelayPorts;
let reader: Awaited<ReturnType<typeof openReader>>;
let sign: (events: readonly UnsignedEvent[]) => Promise<SignedEvent[]>;
const cleanups: (() => unknown)[] = [];
/** What should be at the relay, by address. */
const current = new Map<string, SignedEvent>();

beforeAll(async () => {
  database = await openTestDatabase();
  cleanups.push(() => database.close());
  url = process.env["RELAY"] || (await embedded());
  ({ sign } = await createSigner([node, service]));
  await relayStateTable(database.pool).plan([{ relay: url, role: "full" }], now());
  ports = relayPorts({ database: database.pool, relay: url, sign, signal });
  cleanups.push(() => ports.close());
  reader = await openReader(url);
  cleanups.push(() => reader.close());
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function embedded(): Promise<string> {
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-conformance-"));
  const relay = await startLocalRelay({ dataDir, host: "127.0.0.1", port: 0 });
  cleanups.push(
    () => rmSync(dataDir, { recursive: true, force: true }),
    () => relay.stop(),
  );
  return relay.url;
}

function assertion(d: string, kind: string, rank: number, createdAt: number): UnsignedEvent {
  const { pubkey } = kind === "web" ? service : node;
  const rest = { k: kind, rank: String(rank), rank_low: "0", rank_high: "100", as_of: String(createdAt) };
  const expiration = String(createdAt + 30 * 86_400);
  const tags = [["d", d], ["i", d], ...Object.entries({ ...rest, expiration })];
  return { pubkey, created_at: createdAt, kind: 30_385, tags, content: "" };
}

async function stage(drafts: readonly UnsignedEvent[], priority = 2): Promise<SignedEvent[]> {
  const signed = await sign(drafts);
  for (let from = 0; from < signed.length; from += 500) {
    const part = signed.slice(from, from + 500).map((event) => ({ event, subject: "subject", priority }));
    await outboxTable(database.pool).stage(part, now());
  }
  for (const event of signed) current.set(placeOf(event), event);
  return signed;
}
const placeOf = (event: UnsignedEvent) =>
  `${event.kind}:${event.pubkey}:${event.tags[0]?.[0] === "d" ? event.tags[0][1] : ""}`;

/** Lets the job run until nothing waits. Waits for the relay's pauses and for retries as the job does. */
async function deliverAll() {
  const total = { confirmed: 0, refused: 0, runs: 0 };
  const job = deliverEventsJob({ ports, relay: url, task: { role: "full", top: 0 }, events, signal });
  for (;;) {
    const done = (await job.run()) as { confirmed: number; refused: number };
    total.confirmed += done.confirmed;
    total.refused += done.refused;
    total.runs += 1;
    const [standing] = await ports.standing(now());
    if (standing?.waiting === 0) return { ...total, standing };
    if (total.runs > 200) throw new Error(`${standing?.waiting} still wait: ${standing?.pauseReason}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
const served = async (held: Iterable<SignedEvent>) => {
  const wanted = [...held];
  const found = await reader.byIds(wanted.map(({ id }) => id));
  return found.map(encodeEvent).sort();
};
const texts = (held: Iterable<SignedEvent>) => [...held].map(encodeEvent).sort();

const nodes: string[] = [];
const urls: string[] = [];

test("what is staged arrives, byte by byte, and three implementations hold it for valid", async () => {
  for (let index = 1; index <= COUNT / 2; index++) {
    nodes.push(`lightning:regtest:node:${toHex(secp256k1.Point.BASE.multiply(BigInt(index)).toBytes())}`);
    urls.push(`https://api.example/v1/${index}/weather`);
  }
  const longest = `https://api.example/${"x".repeat(235)}`;
  const identity = [node, service].flatMap(({ pubkey }) => [
    { pubkey, created_at: begun, kind: 0, tags: [], content: JSON.stringify({ name: 'Ranks "ä😀"', bot: true }) },
    { pubkey, created_at: begun, kind: 10_002, tags: [["r", url, "write"]], content: "" },
  ]);
  const heartbeat = {
    pubkey: node.pubkey,
    created_at: begun,
    kind: 30_078,
    tags: [["d", "satrank:heartbeat"]],
    content: "{}",
  };
  await stage([...identity, heartbeat], 0);
  await stage([
    ...nodes.map((d, index) => assertion(d, "lightning:node", index % 101, begun)),
    ...urls.map((d, index) => assertion(d, "web", index % 101, begun)),
    assertion(longest, "web", 50, begun),
  ]);
  expect(Buffer.byteLength(longest)).toBe(255);
  const { confirmed, refused } = await deliverAll();
  expect({ confirmed, refused }).toEqual({ confirmed: current.size, refused: 0 });
  expect(await served(current.values())).toEqual(texts(current.values()));
  for (const event of (await reader.byIds([...current.values()].map(({ id }) => id))).slice(0, 300))
    expect(isValid(event), event.id).toBe(true);
  for (const d of [nodes[0]!, urls[0]!, urls.at(-1)!, longest]) {
    const { pubkey } = d.startsWith("https") ? service : node;
    const found = await reader.ask({ kinds: [30_385], authors: [pubkey], "#d": [d] });
    expect(found.map(encodeEvent), d).toEqual([encodeEvent(current.get(`30385:${pubkey}:${d}`)!)]);
  }
});

test("a second run has nothing to send", async () => {
  expect(await deliverAll()).toMatchObject({ confirmed: 0, refused: 0, runs: 1 });
});

test("new versions take the place of old ones, and old ones cannot come back", async () => {
  const some = [...nodes.slice(0, COUNT / 20), ...urls.slice(0, COUNT / 20)];
  const kindOf = (d: string) => (d.startsWith("https") ? "web" : "lightning:node");
  const places = some.map((d) => placeOf(assertion(d, kindOf(d), 0, 0)));
  const old = places.map((place) => current.get(place)!);
  await stage(some.map((d) => assertion(d, kindOf(d), 99, begun + 1)));
  expect((await deliverAll()).confirmed).toBe(some.length);
  expect(await served(old)).toEqual([]);

  const answers = await ports.publish(
    old.slice(0, 5).map((event) => ({ ...DUE, id: event.id, sig: event.sig, json: encodeEvent(event) })),
    signal,
  );
  expect(answers.map(({ outcome }) => outcome)).not.toContain("unknown");
  expect(await served(old)).toEqual([]);
  expect(await served(current.values())).toEqual(texts(current.values()));
});
const DUE = { subject: "", priority: 2, attempts: 1, mayBeThere: false, mayHoldOther: true, signedAgain: 0 };

test("what is taken back is no longer served, and what is said again is", async () => {
  const some = [...nodes.slice(-COUNT / 40), ...urls.slice(-COUNT / 40)];
  const gone = [...current.values()].filter((event) => some.includes(event.tags[0]?.[1] ?? ""));
  const deletions = [node, service].map(({ pubkey }): UnsignedEvent => {
    const mine = gone.filter((event) => event.pubkey === pubkey);
    const tags = mine.flatMap((event) => [
      ["a", `30385:${pubkey}:${event.tags[0]?.[1]}`],
      ["e", event.id],
    ]);
    return { pubkey, created_at: begun + 2, kind: 5, tags: [...tags, ["k", "30385"]], content: "" };
  });
  const ids = gone.map(({ id }) => id);
  const mark = "UPDATE outbox_event SET retracted_at = $2 WHERE encode(event_id, 'hex') = ANY ($1::text[])";
  await database.pool.query(mark, [ids, begun + 2]);
  for (const event of gone) current.delete(placeOf(event));
  const signed = await sign(deletions);
  const staged = signed.map((event) => ({ event, subject: "retraction", priority: 1 }));
  await outboxTable(database.pool).stage(staged, now());
  await deliverAll();
  expect(gone.length).toBe(some.length);
  expect(await served(gone)).toEqual([]);
  expect(await served(signed)).toEqual(texts(signed));
  expect(await served(current.values())).toEqual(texts(current.values()));

  const [d] = some as [string];
  await stage([assertion(d, "lightning:node", 77, begun + 3)]);
  expect(await deliverAll()).toMatchObject({ confirmed: 1 });
  expect(await served(current.values())).toEqual(texts(current.values()));
});

test("the audit finds nothing missing", async () => {
  const report = await auditRelayJob({ ports, relay: url, events, signal }).run();
  expect(report).toMatchObject({ answered: true, missing: 0 });
  const [standing] = await ports.standing(now());
  expect(standing).toMatchObject({ missing: 0, waiting: 0, pausedUntil: null });
});

test("an address that is the beginning of another one is kept beside it, whichever changes", async () => {
  const [short, long] = ["https://api.example/v2", "https://api.example/v2/more"];
  await stage([short, long].map((d) => assertion(d, "web", 10, begun + 4)));
  await deliverAll();
  await stage([assertion(short, "web", 20, begun + 5)]);
  expect(await deliverAll()).toMatchObject({ confirmed: 1, refused: 0 });
  const both = [short, long].map((d) => current.get(`30385:${service.pubkey}:${d}`)!);
  expect(await served(both)).toEqual(texts(both));
});
