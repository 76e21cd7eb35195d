/** What goes to which relay, how fast, what is taken back, and what is found missing: a real Postgres and a strict relay. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { deliveryTable } from "../adapters/postgres/delivery.ts";
import { type RelayRole, relayStateTable } from "../adapters/postgres/relay-state.ts";
import { encodeEvent, tagValue } from "../core/nip85/event.ts";
import { KIND } from "../core/nip85/kinds.ts";
import { readRelayInfo } from "../core/nip85/relay-info.ts";
import { unixSeconds } from "../core/units.ts";
import { auditRelay } from "../oracle/publish/audit-relay.ts";
import { openTestDatabase, type TestDatabase } from "./database.ts";
import { deliver } from "./deliver.ts";
import { brandKey, nodeKey, relayWorld } from "./relay-world.ts";
import { type StrictRelay, startStrictRelay } from "./strict-relay.ts";

const now = 1_790_000_000;
let database: TestDatabase;
let relay: StrictRelay;
let world: Awaited<ReturnType<typeof relayWorld>>;
beforeAll(async () => {
  database = await openTestDatabase();
  world = await relayWorld(database, now);
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause, relay_state");
  relay = await startStrictRelay(() => now);
});
afterEach(async () => {
  world.close();
  await relay.stop();
});
afterAll(() => database.close());

const batch = (role: RelayRole, at: number, top = 3) =>
  deliver(database.pool, world.connect(relay.url), { relay: relay.url, at, task: { role, top }, sign: world.sign });
/** A batch every ten seconds, as the job does it. @returns what was sent */
async function keepOn(role: RelayRole, rounds: number, from = now, top = 3) {
  const before = relay.received.length;
  for (let round = 0; round < rounds; round++) await batch(role, from + 10 * round, top);
  return relay.received.slice(before).map((text) => JSON.parse(text));
}
const heldKinds = () => [...relay.held.values()].map(({ kind }) => kind).sort((a, b) => a - b);
const nameOf = (event: { kind: number; tags: string[][] }) => event.tags[0]?.[1] ?? String(event.kind);

async function stageAll() {
  const heartbeat = world.draft({ kind: KIND.heartbeat, tags: [["d", "beat"]] });
  const providers = world.draft({ kind: KIND.providers, pubkey: brandKey.pubkey });
  const list = world.draft({ kind: KIND.relayList, tags: [["r", "wss://relay.example"]] });
  await world.stage([world.profile(nodeKey.pubkey), list, providers, heartbeat], 0);
  return world.stage([10, 90, 50, 70, 30].map((rank) => world.assertion(`https://${rank}.example/`, rank)));
}

test("a full relay gets everything at once, an indexer profiles and relay lists, and a public one the best ranked of the rest", async () => {
  await stageAll();
  expect((await batch("full", now)).confirmed).toBe(9);
  expect(world.textsOf(relay.held.values())).toEqual(await world.current());

  await relay.stop();
  relay = await startStrictRelay(() => now);
  await keepOn("indexer", 6);
  expect(heldKinds()).toEqual([0, 10_002]);

  await relay.stop();
  relay = await startStrictRelay(() => now);
  const sent = await keepOn("selected", 12);
  expect(heldKinds()).toEqual([0, 10_002, 10_040, 30_078, 30_385, 30_385, 30_385]);
  expect(sent.filter(({ kind }) => kind === 30_385).map(nameOf)).toEqual([
    "https://90.example/",
    "https://70.example/",
    "https://50.example/",
  ]);
});

test("what has a place is kept up to date, only the newest version is sent, and a free place goes to the next", async () => {
  const [, best] = await stageAll();
  await keepOn("selected", 12);
  await world.stage([10, 20].map((rank) => world.assertion("https://30.example/", rank, now + rank)));
  for (const rank of [91, 92, 93]) await world.stage([world.assertion("https://90.example/", rank, now + rank)]);
  const later = await keepOn("selected", 3, now + 1_000);
  expect(later.map((event) => [nameOf(event), tagValue(event, "rank")])).toEqual([["https://90.example/", "93"]]);

  await world.retract([{ ...best!, id: later[0].id }], now + 200);
  const after = await keepOn("selected", 4, now + 2_000);
  expect(after.map(nameOf)).toEqual([expect.stringMatching(/^30385:/), "https://30.example/"]);
});

test("a deletion goes where the relay may have what it takes back, and nowhere else", async () => {
  const [low, best] = await stageAll();
  await keepOn("selected", 12);
  const told = await world.retract([best!], now + 100);
  const untold = await world.retract([low!], now + 101);
  const sent = await keepOn("selected", 4, now + 1_000);
  expect(sent.filter(({ kind }) => kind === KIND.deletion).map(({ id }) => id)).toEqual([told.id]);
  expect(relay.held.has(untold.id)).toBe(false);
  expect([...relay.held.values()].some(({ id }) => id === best!.id)).toBe(false);
});

test("a deletion goes also where nobody knows whether the target arrived", async () => {
  const [event] = await world.stage([world.assertion("https://a.example/")]);
  relay.behave = { event: () => false, ask: () => false };
  await batch("selected", now);
  relay.behave = {};
  const deletion = await world.retract([event!], now + 100);
  expect((await keepOn("selected", 3, now + 1_000)).map(({ id }) => id)).toEqual([deletion.id]);
});

test("the rate is of the relay and of all processes, is learned, and is there after a restart", async () => {
  await world.stage(Array.from({ length: 40 }, (_, rank) => world.assertion(`https://${rank}.example/`, rank)));
  const state = relayStateTable(database.pool);
  const perMinute = async () => (await state.standing(unixSeconds(now)))[0]!.perMinute;
  // Four processes at once get what one gets.
  await state.plan([{ relay: relay.url, role: "selected" }], unixSeconds(now));
  const taken = await Promise.all(
    Array.from({ length: 4 }, () => state.takeTokens(relay.url, 10, unixSeconds(now + 60))),
  );
  expect(taken.reduce((sum, one) => sum + one)).toBe(1);

  const sent = await keepOn("selected", 18, now + 60, 100);
  expect(sent.length).toBeGreaterThanOrEqual(16);
  expect(sent.length).toBeLessThanOrEqual(24);
  const learned = await perMinute();
  expect(learned).toBeGreaterThan(7);

  relay.behave = {
    event(peer, event) {
      peer.ok(event, false, "rate-limited: slow down");
      return false;
    },
  };
  await batch("selected", now + 400, 100);
  expect(await perMinute()).toBeCloseTo(learned / 2);
  const asked = relay.received.length;
  relay.behave = {};
  await keepOn("selected", 5, now + 405, 100);
  expect(relay.received.length).toBe(asked);
  expect((await keepOn("selected", 4, now + 500, 100)).length).toBeGreaterThan(0);
});

test("what a relay says of itself is heeded before anything is sent", async () => {
  await world.stage([world.profile(nodeKey.pubkey, "y".repeat(300))], 0);
  await world.stage([world.assertion("https://a.example/")]);
  const info = readRelayInfo({ supported_nips: [1, 11], limitation: { max_content_length: 100, max_limit: 1 } })!;
  await deliver(database.pool, world.connect(relay.url), { relay: relay.url, at: now, info });
  expect(relay.received).toEqual([]);
  const { rows } = await database.pool.query("SELECT last_answer FROM relay_ack ORDER BY 1");
  expect(rows.map(({ last_answer }) => last_answer)).toEqual([
    "not sent: it expires, and the relay does not list NIP-40",
    "not sent: the content is too long here",
  ]);
});

test("a relay that gets less than before forgets what it was going to get", async () => {
  await stageAll();
  const [state, table] = [relayStateTable(database.pool), deliveryTable(database.pool)];
  await state.plan([{ relay: relay.url, role: "full" }], unixSeconds(now));
  expect(await table.enrol(relay.url, { role: "full", top: 0, room: 9 }, unixSeconds(now))).toBe(9);
  await keepOn("selected", 12);
  expect(relay.held.size).toBe(7);
  await state.plan([], unixSeconds(now));
  expect(await state.standing(unixSeconds(now))).toEqual([]);
});

const audit = (supported: number[]) => {
  const connection = world.connect(relay.url);
  const ports = {
    ...deliveryTable(database.pool),
    ...relayStateTable(database.pool),
    readBack: connection.readBack,
    count: connection.count,
    findMissing: connection.findMissing,
    describe: async () => ({ info: { nips: supported } }),
  };
  const request = {
    relay: relay.url,
    now: unixSeconds(now + 5),
    signal: new AbortController().signal,
    random: () => 0.5,
  };
  return auditRelay(ports, request);
};

test.each([
  { by: "negentropy", nips: [1, 40, 45, 77] },
  { by: "all", nips: [1, 40, 45] },
])("what a relay has lost is found ($by), and sent again as it was", async ({ by, nips }) => {
  const events = await world.stage(
    Array.from({ length: 260 }, (_, rank) => world.assertion(`https://${rank}.example/`, rank % 101)),
  );
  await batch("full", now);
  expect(await audit(nips)).toMatchObject({ answered: true, confirmed: 260, missing: 0 });

  // The sample of this draw does not touch the lost ones: the count shows the gap.
  const lost = events.slice(3, 8);
  for (const event of lost) relay.held.delete(`30385:${nodeKey.pubkey}:${event.tags[0]![1]}`);
  const stranger = world.assertion("https://foreign.example/");
  const [foreign] = await world.sign([{ ...stranger, pubkey: brandKey.pubkey }]);
  relay.store(foreign!);
  expect(await audit(nips)).toEqual({ answered: true, confirmed: 260, missing: 5, by });
  expect((await relayStateTable(database.pool).standing(unixSeconds(now)))[0]!.missing).toBe(5);
  const before = relay.received.length;
  await batch("full", now + 10);
  expect(relay.received.slice(before).sort()).toEqual(lost.map(encodeEvent).sort());
  expect(await audit(nips)).toMatchObject({ missing: 0 });
});

test.each([
  { name: "refuses", say: ["NEG-ERR", "audit", "blocked: no"] },
  { name: "garbles", say: ["NEG-MSG", "audit", "61ff00zz"] },
  { name: "is of another version", say: ["NEG-MSG", "audit", "60"] },
])("a relay that $name set reconciliation is asked by ids", async ({ say }) => {
  await world.stage([world.assertion("https://a.example/"), world.assertion("https://b.example/")]);
  await batch("full", now);
  relay.held.delete(`30385:${nodeKey.pubkey}:https://a.example/`);
  relay.behave = {
    ask(peer, id) {
      if (id !== "audit") return true;
      peer.say(...say);
      return false;
    },
  };
  expect(await audit([77])).toEqual({ answered: true, confirmed: 2, missing: 1, by: "sample" });
});

test("a relay that does not answer its audit is believed nothing, and nothing is sent again", async () => {
  await world.stage([world.assertion("https://a.example/")]);
  await batch("full", now);
  relay.behave = { ask: () => false };
  expect(await audit([45, 77])).toMatchObject({ answered: false });
  expect(await world.states(relay.url)).toEqual({ confirmed: 1 });
});
