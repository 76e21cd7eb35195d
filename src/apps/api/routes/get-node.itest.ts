/** The profile of a node, bought over HTTP: the graph and its history in a real database, the real thread, a fake LND. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { graphTables } from "../../../adapters/postgres/graph.ts";
import { appendHistory } from "../../../adapters/postgres/graph-history.ts";
import { graphVersions } from "../../../adapters/postgres/graph-version.ts";
import { nodeHistory } from "../../../adapters/postgres/node-history.ts";
import { nodeOperatorTable } from "../../../adapters/postgres/node-operator.ts";
import { diffGraphs } from "../../../core/graph/change.ts";
import { graphFromRecords } from "../../../core/graph/records.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { holderOn, type Owned } from "../../../testing/holder.ts";
import { storeGraph } from "../../../testing/store-graph.ts";
import { syntheticGraph } from "../../../testing/synthetic-graph.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { now } from "../../clock.ts";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import { watchVerdicts } from "../verdicts.ts";
import { getNode, getNodeContract } from "./get-node.ts";

const PRICE = 1_000n;
const DAYS_WATCHED = 40;
const { nodes, channels } = syntheticGraph({ nodes: 200, channels: 700, seed: 5 });
const keyOf = (end: number) => `02${String(end).repeat(64)}`;
const [lone, mute, shut] = [keyOf(1), keyOf(2), keyOf(3)];
const template = channels[0]!;
const { policy1: _, policy2: __, ...unsaid } = { ...template, id: 1n << 40n, node1: mute, node2: template.node1 };
const off = { ...template.policy1!, enabled: false };
const closed = { ...template, id: 2n << 40n, node1: shut, node2: template.node1, policy1: off, policy2: off };
const { graph } = graphFromRecords([...nodes, { key: lone }], [...channels, unsaid, closed]);

let database: TestDatabase;
let verdicts: ReturnType<typeof watchVerdicts>;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
let owned: Owned;
const stop = new AbortController();
beforeAll(async () => {
  database = await openTestDatabase(10);
  const began = unixSeconds(now() - DAYS_WATCHED * 86_400);
  await appendHistory(database.pool, diffGraphs(graphFromRecords([], []).graph, graph), began);
  await storeGraph(database.pool, graph);
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const source = { ...graphVersions(database.pool), evidence: evidenceTable(database.pool), now, events };
  verdicts = watchVerdicts(source, stop.signal);
  await vi.waitFor(() => expect(verdicts.ready()).toBe(true), { timeout: 30_000 });
  const ports = {
    ...graphTables(database.pool),
    ...verdicts,
    ...nodeHistory(database.pool),
    ...nodeOperatorTable(database.pool),
    now,
  };
  api = await startTollApi(database.pool, { operations: [getNode(ports, msat(PRICE)) as never] });
  holder = holderOn(api);
  owned = await holder.deposit(500);
});
afterAll(async () => {
  stop.abort();
  await api.close();
  await verdicts.close();
  await database.close();
});

const balance = async () => BigInt((await holder.ask("/api/balance", owned)).data.account.balanceMsat);
const busiest = () => {
  const counts = new Map<string, number>();
  for (const { node1, node2, policy1, policy2 } of channels) {
    if (policy1?.enabled && policy2?.enabled) for (const n of [node1, node2]) counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
};

test("without a token it is offered for its price; with one it is answered as the contract says, and charged", async () => {
  const key = busiest();
  const offer = await holder.ask(`/api/nodes/${key}`);
  expect([offer.status, offer.body["priceSats"]]).toEqual([402, Number(PRICE / 1_000n)]);

  const before = await balance();
  const { status, data } = await holder.ask(`/api/nodes/${key}`, owned);
  expect(status).toBe(200);
  expect(getNodeContract.response.parse(data)).toEqual(data);
  expect(before - (await balance())).toBe(PRICE);

  const stored = await graphTables(database.pool).find({ by: "key", keyHex: key });
  expect(data).toMatchObject({ key, standing: "receivable", rank: { rank: stored!.score!.rank } });
  expect(data.receivable).toHaveLength(5);
  expect(BigInt(data.ways.mostSat)).toBeGreaterThan(BigInt(data.ways.expectedSat));
  expect(data.survival.map(({ days }: { days: number }) => days)).toEqual([1, 7, 30, 365]);
  expect(data.history.watchedSince).toBeLessThan(now() - (DAYS_WATCHED - 1) * 86_400);
  expect(data.history.days).toHaveLength(1);
  expect(data.history.days[0].channels).toBe(data.channels.total);
  expect(data.unjudged).toEqual([]);
});

test("the SHA-256 of a key names the same node", async () => {
  const key = busiest();
  const hash = createHash("sha256").update(key).digest("hex");
  expect((await holder.ask(`/api/nodes/${hash}`, owned)).data.key).toBe(key);
});

test.each([
  { id: "zz", status: 400, code: "SUBJECT_MALFORMED" },
  { id: "0".repeat(81), status: 400, code: "VALIDATION_FAILED" },
  { id: "%00", status: 400, code: "SUBJECT_MALFORMED" },
  { id: "%E0%A4%A", status: 404, code: "ROUTE_UNKNOWN" },
  { id: "a/b", status: 404, code: "ROUTE_UNKNOWN" },
  { id: `02${"9".repeat(64)}`, status: 404, code: "SUBJECT_UNKNOWN" },
])("$id is refused with $code, and costs nothing", async ({ id, status, code }) => {
  const before = await balance();
  const refused = await holder.ask(`/api/nodes/${id}`, owned);
  expect([refused.status, refused.code]).toEqual([status, code]);
  expect(refused.headers.get("content-type")).toContain("application/problem+json");
  expect(await balance()).toBe(before);
});

test.each([
  { name: "no channels", key: lone, standing: "insufficient", receivable: 0, channels: 0 },
  { name: "a channel nobody announced a policy for", key: mute, standing: "insufficient", receivable: 0, channels: 1 },
  { name: "everything disabled", key: shut, standing: "disabled", receivable: 5, channels: 1 },
])("a node with $name has a profile that says so", async ({ key, standing, receivable, channels }) => {
  const { status, data } = await holder.ask(`/api/nodes/${key}`, owned);
  expect(status).toBe(200);
  expect(getNodeContract.response.parse(data)).toEqual(data);
  expect(data).toMatchObject({ standing, rank: null, survival: [], channels: { total: channels } });
  expect(data.receivable).toHaveLength(receivable);
  for (const { probability } of data.receivable) expect(probability).toBe(0);
  expect(data.ways).toMatchObject({ mostSat: "0", channelDisjointPaths: 0, nodeDisjointPaths: 0 });
});
