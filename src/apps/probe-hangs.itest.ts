/** A probe whose HTLC hangs, on the simulated network: what is known of it at each moment, and what it proves in the end. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeLnd } from "../adapters/lnd/connect.ts";
import { decodeChannelGraph } from "../adapters/lnd/decode-channel-graph.ts";
import { describeGraphBytes } from "../adapters/lnd/describe-graph.ts";
import { listChannels } from "../adapters/lnd/list-channels.ts";
import { evidenceTable } from "../adapters/postgres/evidence.ts";
import { probeTable } from "../adapters/postgres/probe.ts";
import { SIMULATED_POLICY } from "../core/spend/policy.ts";
import { msat } from "../core/units.ts";
import { type ProbeResult, sendProbe } from "../oracle/probe/send-probe.ts";
import { openTestDatabase, type TestDatabase } from "../testing/database.ts";
import { storeGraph } from "../testing/store-graph.ts";
import { now } from "./clock.ts";
import { probeNodesJob } from "./crawler/jobs/probe-nodes.ts";
import { type SimulatedLightning, startSimulatedLightning } from "./demo/lnd/start.ts";
import { openLnd } from "./lnd-endpoint.ts";
import { errandPorts, openVantage, type Vantage } from "./probing.ts";

const AMOUNT = msat(10_000n);
const limits = SIMULATED_POLICY.probes;

let database: TestDatabase;
let dataDir: string;
let lightning: SimulatedLightning;
let lnd: { readonly: ReturnType<typeof openLnd>; pay: ReturnType<typeof openLnd> };
let vantage: Vantage;
beforeAll(async () => {
  database = await openTestDatabase();
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-hangs-"));
  lightning = await startSimulatedLightning({ dataDir, seed: "test", now });
  const { host, tlsCertPath, macaroonPaths } = lightning.oracle;
  const endpoint = {
    host,
    tlsCertPath,
    invoiceMacaroonPath: macaroonPaths.invoice,
    readonlyMacaroonPath: macaroonPaths.readonly,
    payMacaroonPath: macaroonPaths.pay,
  };
  lnd = { readonly: openLnd(endpoint, "readonly"), pay: openLnd(endpoint, "pay") };
  await storeGraph(database.pool, decodeChannelGraph(await describeGraphBytes(lnd.readonly)));
  const { signal } = new AbortController();
  vantage = (await openVantage({ database: database.pool, lnd, limits, signal }))!;
});
beforeEach(() => database.pool.query("TRUNCATE probe"));
afterAll(async () => {
  await vantage.thread.close();
  closeLnd(lnd.readonly);
  closeLnd(lnd.pay);
  await lightning.stop();
  await database.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

let letGo: ReturnType<SimulatedLightning["htlcs"]["hold"]> | undefined;
afterEach(() => letGo?.());

/** Probes somebody beyond a neighbour with an HTLC that the neighbour holds; resolves when it is held. `end` stops the waiting. */
async function probeAndHold() {
  const { arcs, first } = await wayBeyondNeighbour();
  letGo = lightning.htlcs.hold(first);
  const waiting = new AbortController();
  const ports = errandPorts({
    database: database.pool,
    lnd,
    thread: vantage.thread,
    signal: waiting.signal,
    onResult: () => undefined,
  });
  const before = await spendable();
  const result = sendProbe(ports, vantage.node, { purpose: "manual", arcs, amount: AMOUNT }, limits);
  await expect.poll(spendable).toBeLessThan(before);
  return { before, result, end: () => waiting.abort() };
}

async function wayBeyondNeighbour(): Promise<{ arcs: number[]; first: string }> {
  const { thread, situation, node } = vantage;
  const { rows } = await database.pool.query("SELECT encode(node_key, 'hex') AS target FROM node ORDER BY node_key");
  for (const { target } of rows) {
    if (target === node.nodePubkey) continue;
    const arcs = await thread.pathTo({ ...situation, target, amount: AMOUNT });
    const hops = arcs && (await thread.lay(arcs, { amount: AMOUNT, expiryHeight: node.blockHeight + 50 }));
    if (hops?.length === 2) return { arcs: arcs!, first: hops[0]!.to };
  }
  throw new Error("everybody is a neighbour");
}

/** The job that looks after open probes, as if so many seconds had passed since they were sent. */
async function lookAfter(laterSec: number) {
  await database.pool.query("UPDATE probe SET sent_at = sent_at - $1 WHERE state IN ('sent', 'unknown')", [laterSec]);
  const results: ProbeResult[] = [];
  const events = {
    probed: (result: ProbeResult) => void results.push(result),
    probesOpen: () => undefined,
    failed: (_place: string, error: unknown) => {
      throw error;
    },
  };
  const { signal } = new AbortController();
  const job = probeNodesJob({
    database: database.pool,
    nodes: () => [lnd],
    limits: { ...limits, mode: "off" },
    events,
    signal,
  });
  return { facts: await job.run(), results };
}

/** What our channels can send now. */
async function spendable(): Promise<bigint> {
  const channels = await listChannels(lnd.pay);
  return channels.reduce((sum, each) => sum + each.spendable, 0n);
}
const held = () => probeTable(database.pool).counts(now());

test.each([
  { end: "fail", code: "TEMPORARY_CHANNEL_FAILURE", proves: "holds-below" },
  { end: "forward", code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", proves: "reached" },
] as const)(
  "a probe that hangs is unknown and keeps its place; let go ($end), it proves $proves, and every sat is back",
  async ({ end, code, proves }) => {
    const { before, result, end: stopWaiting } = await probeAndHold();
    stopWaiting();
    const { paymentHash } = (await result) as { paymentHash: string };
    expect(await result).toMatchObject({ status: "unknown" });
    expect(await held()).toMatchObject({ inFlight: 1, unknown: 1 });

    // LND says that it is under way: nothing is known, and nothing is given up.
    expect(await lookAfter(121)).toMatchObject({ facts: { open: 1, resolved: 0 }, results: [] });
    expect(await held()).toMatchObject({ inFlight: 1, unknown: 1 });
    expect(await evidenceTable(database.pool).ofAttempt(paymentHash)).toEqual([]);
    expect(await spendable()).toBeLessThan(before);

    letGo!(end);
    await expect.poll(spendable).toBe(before);
    const { facts, results } = await lookAfter(121);
    expect(facts).toMatchObject({ open: 1, resolved: 1 });
    expect(results).toMatchObject([{ status: "answered", paymentHash, code }]);
    const proven = await evidenceTable(database.pool).ofAttempt(paymentHash);
    expect(proven.map(({ observation }) => observation.kind)).toContain(proves);
    expect(await held()).toMatchObject({ inFlight: 0, unknown: 0 });
  },
);

test("an answer that comes while the probe is waited for is booked once, and the job finds nothing to do", async () => {
  const { before, result } = await probeAndHold();
  letGo!("fail");
  const answered = (await result) as { status: string; paymentHash: string; evidence: unknown[] };
  expect(answered).toMatchObject({ status: "answered", code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 1 });
  expect(await lookAfter(121)).toMatchObject({ facts: { open: 0, resolved: 0 }, results: [] });
  expect(await evidenceTable(database.pool).ofAttempt(answered.paymentHash)).toEqual(answered.evidence);
  expect(await spendable()).toBe(before);
});
