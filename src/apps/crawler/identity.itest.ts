/** The life of keys against a real database: told once, heard in heartbeats, exchanged, lost; verified by others' libraries. */
import { createHash } from "node:crypto";
import { loadWasmSync, Event as RustEvent } from "@rust-nostr/nostr-sdk";
import { verifyEvent as nostrToolsVerify } from "nostr-tools/pure";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deriveServiceKeys } from "../../adapters/nostr/keys.ts";
import { calibrationReports, heartbeatView } from "../../adapters/postgres/heartbeat.ts";
import { nostrKeyTable } from "../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { predictionTable } from "../../adapters/postgres/prediction.ts";
import { toHex } from "../../core/bytes.ts";
import { nodeAssertion } from "../../core/nip85/assertion.ts";
import { decodeEvent, type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { HEARTBEAT_NAME } from "../../core/nip85/heartbeat.ts";
import { keysInUse, type OracleKey } from "../../core/nip85/key-ring.ts";
import { npub } from "../../core/nip85/key-text.ts";
import { KEY_ROLES, type KeyRole } from "../../core/nip85/roles.ts";
import { verifyHeartbeat } from "../../core/nip85/verify-heartbeat.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { somePrediction } from "../../testing/some-prediction.ts";
import { now } from "../clock.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { openSigningThread } from "../signing-thread.ts";
import { publishHeartbeatJob } from "./jobs/publish-heartbeat.ts";
import { publishIdentityJob } from "./jobs/publish-identity.ts";
import { type Publisher, publisherOf } from "./publisher.ts";

const origin = "https://oracle.example";
const events = createEvents(createLog({ level: "silent", name: "test" }));
const signal = new AbortController().signal;
const secret = (byte: number) => new Uint8Array(32).map((_, index) => byte * index + 1);
const [first, second, third] = [7, 9, 11].map((byte) => deriveServiceKeys(secret(byte)));
const everyKey = [first!, second!, third!].flatMap((keys) => Object.values(keys));

let database: TestDatabase;
const thread = openSigningThread(everyKey, () => undefined);
beforeAll(async () => {
  database = await openTestDatabase();
  loadWasmSync();
});
afterAll(async () => {
  await thread.close();
  await database.close();
});

/** A publisher of these keys; the secret ones of all that are used here are in one thread. */
const speaking = (keys: OracleKey[]): Publisher =>
  publisherOf({ keys, ...thread, close: async () => undefined }, { origin, relays: ["wss://r.example"] });
const inUse = (keys: Record<KeyRole, { pubkey: string }>): OracleKey[] =>
  KEY_ROLES.map((role) => ({ role, pubkey: keys[role].pubkey }));
const tell = (publisher: Publisher) => publishIdentityJob({ database: database.pool, publisher, events, signal }).run();
const beat = (publisher: Publisher) => publishHeartbeatJob({ database: database.pool, publisher, events }).run();
const held = async (where: string, ...values: unknown[]): Promise<SignedEvent[]> =>
  (await database.pool.query(`SELECT body FROM outbox_event WHERE ${where} ORDER BY kind, d`, values)).rows.map(
    ({ body }) => decodeEvent(body)!,
  );
const current = (pubkey: string) => held("pubkey = decode($1, 'hex') AND retracted_at IS NULL", pubkey);
const heartbeatOf = async (pubkey: string) =>
  (await current(pubkey)).find((event) => tagValue(event, "d") === HEARTBEAT_NAME)!;

async function assert(pubkey: string, nodeKeys: readonly string[]): Promise<void> {
  const drafts = nodeKeys.map((nodeKey, rank) =>
    nodeAssertion(
      { nodeKey, rank, rankLow: 0, rankHigh: 100, observations: 1, asOf: now() },
      { pubkey, origin, network: "regtest", createdAt: now() },
    ),
  );
  const staged = (await thread.sign(drafts)).map((event) => ({ event, subject: "x", priority: 2 }));
  await outboxTable(database.pool).stage(staged, now());
}
const nodes = Array.from({ length: 120 }, (_, index) => `02${index.toString(16).padStart(64, "0")}`);
const node = () => first!["lightning-node"].pubkey;

test("who the keys are is told once, and a restart tells nothing", async () => {
  expect(await tell(speaking(inUse(first!)))).toEqual({ staged: 10, unchanged: 0, takenBack: 0, vanished: 0 });
  expect(await tell(speaking(inUse(first!)))).toEqual({ staged: 0, unchanged: 10, takenBack: 0, vanished: 0 });
  expect((await current(first!.brand.pubkey)).map(({ kind }) => kind)).toEqual([0, 10_002, 10_040, 31_990]);
  const keys = await nostrKeyTable(database.pool).list();
  expect(keysInUse(keys)).toEqual(keysInUse(inUse(first!)));
  expect(await nostrKeyTable(database.pool).writeRelays(node())).toEqual([
    "wss://oracle.example/relay",
    "wss://r.example",
  ]);
});

test("a heartbeat tells all that stands, and each change of it; a reader can check it against what is shown", async () => {
  const publisher = speaking(inUse(first!));
  await assert(node(), nodes);
  expect(await beat(publisher)).toMatchObject({ staged: 3 });
  expect(await beat(publisher)).toMatchObject({ taken: 0, staged: 0, unchanged: 3 });
  const [heartbeat, shown] = [await heartbeatOf(node()), await current(node())];
  const check = (events: SignedEvent[]) => verifyHeartbeat(heartbeat, events, { pubkey: node(), now: now() });
  expect(check(shown)).toMatchObject({ verdict: "complete", counts: [{ kind: 30_385, stated: 120, shown: 120 }] });
  const withheld = shown.filter((event) => event !== shown.find(({ kind }) => kind === 30_385));
  expect(check(withheld)).toMatchObject({ verdict: "withheld", detail: "1 of 120 events are missing" });

  await assert(node(), ["03".padEnd(66, "0")]);
  expect(await beat(publisher)).toMatchObject({ staged: 1, unchanged: 2 });
  expect(tagValue(await heartbeatOf(node()), "set")).toBe("121");
});

test("a heartbeat names how far the logs have come, and the digest of a calibration that can be had", async () => {
  await predictionTable(database.pool).append([somePrediction()]);
  await assert(node(), ["03".padEnd(66, "1")]);
  await beat(speaking(inUse(first!)));
  const heartbeat = await heartbeatOf(node());
  const tag = (name: string) => heartbeat.tags.find((each) => each[0] === name)!;
  const head = await predictionTable(database.pool).head();
  expect(tag("predictions")).toEqual(["predictions", String(head.position), toHex(head.hash)]);
  const evidence = await heartbeatView(database.pool).evidenceHead();
  expect(tag("evidence")).toEqual(["evidence", String(evidence.position), evidence.head]);
  expect(tag("evidence_tree")[1]).toBe(String(evidence.position));
  const [, asOf, digest = ""] = tag("calibration");
  const text = await calibrationReports(database.pool).find(digest);
  expect(createHash("sha256").update(text!).digest("hex")).toBe(digest);
  expect(JSON.parse(text!).asOf).toBe(Number(asOf));
});

test("a key that was exchanged takes back what it said, tells who follows, and the brand lists the new one", async () => {
  const until = now();
  const keys: OracleKey[] = [
    { role: "lightning-node", pubkey: node(), since: unixSeconds(until - 9), until },
    ...inUse({ ...first!, "lightning-node": second!["lightning-node"] }).map((key) => ({ ...key, since: until })),
  ];
  const successor = second!["lightning-node"].pubkey;
  // 122 assertions and the heartbeat, in two requests.
  expect(await tell(speaking(keys))).toMatchObject({ takenBack: 123, vanished: 0 });
  expect(await tell(speaking(keys))).toEqual({ staged: 0, unchanged: 11, takenBack: 0, vanished: 0 });

  const said = await current(node());
  expect([...new Set(said.map(({ kind }) => kind))]).toEqual([0, 5, 10_002]);
  expect(JSON.parse(said[0]!.content).about).toContain(npub(successor));
  const deletions = said.filter(({ kind }) => kind === 5);
  const targets = deletions.flatMap(({ tags }) => tags.filter(([name]) => name === "e").map(([, id]) => id));
  expect([deletions.length, new Set(targets).size]).toEqual([2, 123]);
  const [list] = await held("kind = 10040");
  expect(list!.tags.map(([, key]) => key)).toContain(successor);
  expect(list!.tags.map(([, key]) => key)).not.toContain(node());
  const stored = await nostrKeyTable(database.pool).list();
  expect(stored.find(({ pubkey }) => pubkey === node())).toMatchObject({ until });
  expect(keysInUse(stored)["lightning-node"]).toBe(successor);
});

test("a brand that was exchanged takes back its lists, and keeps telling who follows", async () => {
  const until = now();
  const keys: OracleKey[] = [
    { role: "brand", pubkey: first!.brand.pubkey, until },
    ...inUse({ ...first!, ...{ "lightning-node": second!["lightning-node"], brand: second!.brand } }),
  ];
  expect(await tell(speaking(keys))).toMatchObject({ takenBack: 2 });
  expect((await current(first!.brand.pubkey)).map(({ kind }) => kind)).toEqual([0, 5, 10_002]);
  expect((await current(second!.brand.pubkey)).map(({ kind }) => kind)).toEqual([0, 10_002, 10_040, 31_990]);
});

test("a key that somebody else may have asks to be forgotten, once, and says nothing else", async () => {
  const lost = first!.operator.pubkey;
  const keys: OracleKey[] = [
    { role: "operator", pubkey: lost, until: now(), compromised: true },
    ...inUse({ ...second!, operator: third!.operator }),
  ];
  expect(await tell(speaking(keys))).toMatchObject({ vanished: 1 });
  expect(await tell(speaking(keys))).toMatchObject({ vanished: 0, takenBack: 0, staged: 0 });
  const said = await current(lost);
  expect(said.map(({ kind, tags }) => [kind, tags])).toEqual([[62, [["relay", "ALL_RELAYS"]]]]);
  expect(said[0]!.content).toContain(npub(third!.operator.pubkey));
});

test("every kind of event that was signed is good for rust-nostr and nostr-tools, and bad once it is changed", async () => {
  const all = await held("true");
  const kinds = [...new Set(all.map(({ kind }) => kind))].sort((a, b) => a - b);
  expect(kinds).toEqual([0, 5, 62, 10_002, 10_040, 30_078, 30_385, 31_990]);
  for (const kind of kinds) {
    const text = JSON.stringify(all.find((event) => event.kind === kind));
    const changed = text.replace('"tags":[', '"tags":[["x","y"],').replace(",]", "]");
    const judges = (json: string) => [RustEvent.fromJson(json).verify(), nostrToolsVerify(JSON.parse(json))];
    expect([kind, judges(text), judges(changed)]).toEqual([kind, [true, true], [false, false]]);
  }
});
