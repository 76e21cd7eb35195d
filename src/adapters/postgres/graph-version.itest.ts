/** Versions of the graph, who may write them, and what is remembered of them, on a real Postgres. */
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { rateGraph } from "../../apps/rate-graph.ts";
import { diffGraphs, type GraphChange } from "../../core/graph/change.ts";
import type { ChannelGraph } from "../../core/graph/channel-graph.ts";
import { digestAfter, encodeDelta } from "../../core/graph/delta.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { eventId } from "../../core/nip85/event.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { playScript, storedGraph } from "../../testing/followed.ts";
import { anyScript } from "../../testing/script.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { graphTables } from "./graph.ts";
import { type GraphPosition, graphVersions } from "./graph-version.ts";

const now = unixSeconds(1_790_000_000);
const { nodes, channels } = syntheticGraph({ nodes: 20, channels: 40, seed: 2 });
const empty = graphFromRecords([], []).graph;
const whole = graphFromRecords(nodes, channels).graph;
const fewer = graphFromRecords(nodes, channels.slice(4)).graph;

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
beforeEach(clear);
afterAll(() => database.close());

async function clear() {
  await database.pool.query("UPDATE graph_head SET snapshot_id = NULL, number = 0, holder = NULL, held_until = NULL");
  await database.pool.query(
    "TRUNCATE node, scoring_run, graph_version, graph_snapshot, channel_opened, channel_closed, channel_policy, node_announced CASCADE",
  );
  await database.pool.query("INSERT INTO graph_head DEFAULT VALUES ON CONFLICT DO NOTHING");
}

const versions = () => graphVersions(database.pool);
const count = async (table: string) =>
  Number((await database.pool.query(`SELECT count(*) FROM ${table}`)).rows[0].count);
async function* pages<Item>(...items: Item[][]): AsyncGenerator<Item[]> {
  yield* items;
}

/** A process that has the right to write. */
async function holder(): Promise<string> {
  const id = randomUUID();
  expect(await versions().claim(id, 60)).toBe(true);
  return id;
}

function writeWhole(holder: string, after: GraphPosition | undefined, graph: ChannelGraph, sameAsBefore = false) {
  const { nodes: rows, ...reading } = rateGraph(graph, now);
  const history = sameAsBefore ? [] : diffGraphs(empty, graph);
  return versions().checkpoint({
    holder,
    after,
    at: now,
    reading,
    nodes: pages(rows),
    history: pages(history),
    sameAsBefore,
  });
}

function writeDelta(holder: string, after: GraphPosition, changes: GraphChange[], at: UnixSeconds = now) {
  const delta = encodeDelta(changes);
  return versions().append({
    holder,
    after,
    at,
    delta,
    digest: digestAfter(after.digest, delta),
    history: pages(changes),
  });
}

test("a graph is read back as it was written, change by change", async () => {
  const me = await holder();
  const first = (await writeWhole(me, undefined, whole))!;
  const second = (await writeDelta(me, first, diffGraphs(whole, fewer)))!;
  expect(second).toMatchObject({ snapshotId: first.snapshotId, number: 1 });
  expect(storedGraph(await versions().newest())).toEqual(fewer);
  const third = (await writeWhole(me, second, fewer, true))!;
  expect((await versions().newest())?.position).toEqual(third);

  expect(await versions().after(first)).toMatchObject([
    { position: second, at: now, base: undefined },
    { position: third, delta: undefined, base: { snapshotId: first.snapshotId, number: 1 } },
  ]);
  expect(await versions().after(third)).toEqual([]);
  expect((await graphTables(database.pool).scored()).length).toBeGreaterThan(0);
});

test("what is remembered: each channel and policy once, closures, and every change of them", async () => {
  const me = await holder();
  const first = (await writeWhole(me, undefined, whole))!;
  expect(await count("channel_opened")).toBe(40);
  expect(await count("channel_policy")).toBe(80);
  expect(await count("node_announced")).toBe(20);
  const later = unixSeconds(now + 60);
  const closed: GraphChange = { kind: "closed", id: channels[0]!.id, height: 800_123 };
  await writeDelta(me, first, [closed, { kind: "closed", id: 2n ** 64n - 1n, height: 0 }], later);
  const { rows } = await database.pool.query(
    "SELECT channel_id, at, closed_height FROM channel_closed ORDER BY row_id",
  );
  expect(rows).toEqual([
    { channel_id: channels[0]!.id, at: BigInt(later), closed_height: 800_123 },
    { channel_id: -1n, at: BigInt(later), closed_height: null },
  ]);
});

test("one process writes at a time; another may when it gave the right back, or its lease ran out", async () => {
  const [one, other] = [randomUUID(), randomUUID()];
  expect(await versions().claim(one, 60)).toBe(true);
  expect(await versions().claim(other, 60)).toBe(false);
  expect(await versions().claim(one, 60)).toBe(true);
  await versions().release(other);
  expect(await versions().claim(other, 60)).toBe(false);
  await versions().release(one);
  expect(await versions().claim(other, 0)).toBe(true);
  expect(await versions().claim(one, 60)).toBe(true);
});

test("a process that lost its right writes nothing, not even history", async () => {
  const one = await holder();
  const first = (await writeWhole(one, undefined, whole))!;
  await versions().release(one);
  const other = await holder();
  const second = (await writeDelta(other, first, diffGraphs(whole, fewer)))!;
  const closed = await count("channel_closed");
  expect(await writeDelta(one, first, diffGraphs(whole, empty))).toBeUndefined();
  expect(await writeWhole(one, first, empty)).toBeUndefined();
  await versions().release(other);
  await holder().then((again) => expect(writeDelta(again, first, [])).resolves.toBeUndefined());
  expect((await versions().newest())?.position).toEqual(second);
  expect([await count("channel_closed"), await count("graph_snapshot")]).toEqual([closed, 1]);
});

test("scores and what is said of them are one transaction: a process that lost its right says nothing", async () => {
  await database.pool.query("TRUNCATE outbox_event CASCADE");
  const [loser, winner] = [await holder(), randomUUID()];
  await database.pool.query("UPDATE graph_head SET holder = $1", [winner]);
  const { nodes: rows, ...reading } = rateGraph(whole, now);
  const event = { pubkey: "ab".repeat(32), created_at: now, kind: 30_385, tags: [["d", "x"]], content: "" };
  const staged = [{ event: { ...event, id: eventId(event), sig: "00".repeat(64) }, subject: "x", priority: 2 }];
  const write = (by: string) =>
    versions().checkpoint({
      ...{ holder: by, after: undefined, at: now, reading, staged, sameAsBefore: false },
      ...{ nodes: pages(rows), history: pages(diffGraphs(empty, whole)) },
    });

  expect(await write(loser)).toBeUndefined();
  expect([await count("outbox_event"), await count("node")]).toEqual([0, 0]);
  expect(await write(winner)).toBeDefined();
  expect([await count("outbox_event"), await count("node")]).toEqual([1, whole.nodeCount]);
});

test("a write that is repeated because nobody knew what became of it is written once", async () => {
  const me = await holder();
  const first = (await writeWhole(me, undefined, whole))!;
  const changes = diffGraphs(whole, fewer);
  const second = await writeDelta(me, first, changes);
  expect(await writeDelta(me, first, changes)).toEqual(second);
  expect(await count("channel_closed")).toBe(4);
});

test("three snapshots are kept, with the versions after them", async () => {
  const me = await holder();
  let at = await writeWhole(me, undefined, whole);
  const oldest = at!;
  for (let i = 0; i < 3; i++) at = await writeWhole(me, (await writeDelta(me, at!, []))!, whole, true);
  expect([await count("graph_snapshot"), await count("graph_version")]).toEqual([3, 5]);
  // Who held the oldest sees that what follows does not follow it.
  expect((await versions().after(oldest))[0]?.position.number).toBe(0);
});

test("whatever happens, what is stored becomes what LND has, and its history says the same", async () => {
  await fc.assert(
    fc.asyncProperty(anyScript, async (script) => {
      await clear();
      const me = await holder();
      const { newest, append, checkpoint } = versions();
      const { graph: lnd } = await playScript(script.slice(0, 60), {
        newest,
        append: (write) => append({ ...write, holder: me }),
        checkpoint: (write) => checkpoint({ ...write, holder: me }),
      });
      expect(storedGraph(await newest())).toEqual(lnd);
      const { rows } = await database.pool.query(`
        SELECT o.channel_id FROM channel_opened o GROUP BY o.channel_id
        HAVING count(*) > (SELECT count(*) FROM channel_closed c WHERE c.channel_id = o.channel_id) ORDER BY 1`);
      const open = diffGraphs(empty, lnd).flatMap((change) => (change.kind === "opened" ? [change.id] : []));
      expect(rows.map(({ channel_id }) => channel_id)).toEqual(open);
    }),
    { numRuns: 4, endOnFailure: true },
  );
}, 300_000);
