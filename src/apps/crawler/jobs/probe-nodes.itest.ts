/** The job whole: real Postgres, real thread, and LND's interface in front of a network whose balances we know. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { closeLnd, connectLnd } from "../../../adapters/lnd/connect.ts";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { predictionTable } from "../../../adapters/postgres/prediction.ts";
import { toHex } from "../../../core/bytes.ts";
import { verifyChain } from "../../../core/evidence/chain.ts";
import { arcTail, channelId, nodeKeyHex, outboundCount } from "../../../core/graph/channel-graph.ts";
import { graphFromRecords } from "../../../core/graph/records.ts";
import type { Prediction } from "../../../core/prediction/prediction.ts";
import type { ProbeFailure } from "../../../core/probe/read-outcome.ts";
import type { ProbeHop } from "../../../core/probe/route.ts";
import { SIMULATED_POLICY } from "../../../core/spend/policy.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import type { ProbeResult } from "../../../oracle/probe/send-probe.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { hideNetwork, sendHtlc } from "../../../testing/hidden-network.ts";
import { Refusal, startTestNode, type TestNode } from "../../../testing/lnd-node.ts";
import { storeGraph } from "../../../testing/store-graph.ts";
import { syntheticGraph } from "../../../testing/synthetic-graph.ts";
import { now } from "../../clock.ts";
import { probeNodesJob } from "./probe-nodes.ts";

const HEIGHT = 900_000;
/** Each run of the job starts a thread, from sources. */
const SLOW = { timeout: 240_000 };
const { nodes, channels } = syntheticGraph({ nodes: 40, channels: 120, seed: 5 });
const { graph } = graphFromRecords(nodes, channels);
const source = Array.from({ length: graph.nodeCount }, (_, node) => node).sort(
  (a, b) => outboundCount(graph, b) - outboundCount(graph, a),
)[0]!;
const network = hideNetwork(graph, { seed: 5, offlineRatio: 0.1, changedRatio: 0.1, alwaysOnline: [source] });
const OURS = nodeKeyHex(graph, source);

let database: TestDatabase;
let node: TestNode;
/** Every attempt that LND was asked for: hash, and how it ended. */
let sent: Map<string, { hops: ProbeHop[]; failure: ProbeFailure }>;
let deleted: string[];

beforeAll(async () => {
  database = await openTestDatabase();
  await storeGraph(database.pool, graph);
  // So that what is asked decides, and not which ranks are published.
  await database.pool.query("UPDATE node SET rank = NULL, rank_low = NULL, rank_high = NULL, scored_at = NULL");
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query("DELETE FROM probe");
  sent = new Map();
  deleted = [];
  node = await startTestNode();
  serve(node);
});
afterEach(() => node.kill());

/** Runs the job once against the node as it is now. */
async function run(limits = SIMULATED_POLICY.probes, signal = new AbortController().signal) {
  const results: ProbeResult[] = [];
  const counts: { inFlight: number; unknown: number; leftThisHour: number }[] = [];
  const connect = () => connectLnd({ host: node.host, tlsCert: Buffer.from(node.certificate.cert), macaroonHex: "00" });
  const lnd = { readonly: connect(), pay: connect() };
  const events = {
    probed: (result: ProbeResult) => void results.push(result),
    probesOpen: (each: (typeof counts)[number]) => void counts.push(each),
    failed: (_place: string, error: unknown) => {
      throw error;
    },
  };
  try {
    const facts = await probeNodesJob({
      database: database.pool,
      nodes: () => [lnd],
      limits,
      events,
      signal,
      pauseMs: 1,
    }).run();
    return { facts, results, counts: counts.at(-1)! };
  } finally {
    closeLnd(lnd.readonly);
    closeLnd(lnd.pay);
  }
}

async function states(): Promise<string[]> {
  const { rows } = await database.pool.query("SELECT state FROM probe ORDER BY sent_at, state");
  return rows.map(({ state }) => state);
}

test("questions become probes, probes evidence, and the chain holds", SLOW, async () => {
  await ask(3);
  const { facts, results, counts } = await run({ ...SIMULATED_POLICY.probes, exploreRatio: 0 });
  expect(facts).toMatchObject({ mode: "auto", questions: 3 });
  const answered = results.filter((result) => result.status === "answered");
  expect(answered.length).toBeGreaterThan(0);
  expect(sent.size).toBe(answered.length);
  expect(counts).toEqual({ inFlight: 0, unknown: 0, leftThisHour: 600 - sent.size });
  for (const { paymentHash, code, evidence } of answered) {
    expect(code).toBe(sent.get(paymentHash)!.failure.code);
    expect(await evidenceTable(database.pool).ofAttempt(paymentHash)).toEqual(evidence);
  }
  expect(verifyChain(await evidenceTable(database.pool).page(0n, 10_000))).toMatchObject({ ok: true });

  const { rows } = await database.pool.query(
    `SELECT probability, lnd_apriori, happened, follows, source_index = jsonb_array_length(route) AS arrived
     FROM probe JOIN prediction ON prediction_id = encode(payment_hash, 'hex') LEFT JOIN prediction_outcome USING (prediction_id)`,
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    expect(row.follows).toBeNull();
    expect(row.probability > 0 && row.probability < 1 && row.lnd_apriori <= 1).toBe(true);
    if (row.happened !== null) expect(row.happened).toBe(row.arrived);
  }
  expect(rows.some(({ happened }) => happened !== null)).toBe(true);
});

test("what LND was told is a route of announced channels from ours, within the limits", SLOW, async () => {
  const limits = {
    ...SIMULATED_POLICY.probes,
    maxHops: 5,
    maxAmountMsat: msat(30_000_000n),
    maxCltvBlocks: 500,
    exploreRatio: 0.5,
  };
  await ask(3);
  await run(limits);
  expect(sent.size).toBeGreaterThan(0);
  const ids = new Set(Array.from({ length: graph.channelCount }, (_, channel) => channelId(graph, channel)));
  for (const { hops } of sent.values()) {
    expect(hops.length).toBeLessThanOrEqual(5);
    expect(hops.every(({ channelId: id }) => ids.has(id))).toBe(true);
    expect(hops[0]!.from).toBe(OURS);
    expect(hops[0]!.expiryHeight - HEIGHT).toBeLessThanOrEqual(500);
    expect(hops.at(-1)!.amount).toBeLessThanOrEqual(30_000_000n);
  }
});

test("mode off sends nothing, and neither does a spent budget", SLOW, async () => {
  await ask(3);
  expect((await run({ ...SIMULATED_POLICY.probes, mode: "off" })).facts).toEqual({
    mode: "off",
    open: 0,
    resolved: 0,
    forgotten: 0,
  });
  expect((await run({ ...SIMULATED_POLICY.probes, perHour: 0 })).counts.leftThisHour).toBe(0);
  expect(sent.size).toBe(0);
});

test(
  "a node that dies leaves a row, which counts; when it is back the answer is found, and proves what it proves",
  SLOW,
  async () => {
    await ask(16);
    const answer = node.unary.SendToRouteV2!;
    node.unary.SendToRouteV2 = async (request, macaroon) => {
      await answer(request, macaroon);
      node.kill();
      return new Promise<never>(() => undefined);
    };
    await run({ ...SIMULATED_POLICY.probes, exploreRatio: 0 }).catch(() => undefined);
    // The next errand finds LND gone, and ends the run.
    expect(await states()).toEqual(["unknown", "unsent"]);

    node = await startTestNode();
    serve(node);
    node.unary.SendToRouteV2 = () => new Refusal(2);
    await database.pool.query("UPDATE probe SET sent_at = sent_at - 121 WHERE state = 'unknown'");
    const { facts, counts } = await run({ ...SIMULATED_POLICY.probes, mode: "off" });
    expect(facts).toMatchObject({ open: 1, resolved: 1 });
    expect(counts).toMatchObject({ inFlight: 0, unknown: 0 });
    expect(await states()).toEqual(["answered", "unsent"]);
    const [paymentHash] = [...sent.keys()];
    expect((await evidenceTable(database.pool).ofAttempt(paymentHash!)).length).toBeGreaterThan(0);
  },
);

test("an HTLC that is held keeps its place until its lock has passed", SLOW, async () => {
  await ask(1);
  await run({ ...SIMULATED_POLICY.probes, exploreRatio: 0 });
  await database.pool.query(
    "DELETE FROM probe WHERE payment_hash <> (SELECT payment_hash FROM probe WHERE follows IS NULL LIMIT 1)",
  );
  await database.pool.query(
    "UPDATE probe SET state = 'unknown', code = NULL, ended_at = NULL, sent_at = sent_at - 121",
  );
  node.stream.TrackPaymentV2 = (stream) => {
    const { payment_hash: hash } = stream.request as { payment_hash: Buffer };
    stream.write({ payment_hash: hash.toString("hex"), status: "IN_FLIGHT" });
  };
  const held = await run({ ...SIMULATED_POLICY.probes, mode: "off" });
  expect(held.counts).toMatchObject({ inFlight: 1, unknown: 1 });
  node.unary.GetInfo = () => info(HEIGHT + 3_000);
  const over = await run({ ...SIMULATED_POLICY.probes, mode: "off" });
  expect(over.counts).toMatchObject({ inFlight: 0, unknown: 0 });
  expect(await states()).toEqual(["expired"]);
});

test("only our own ended probes are deleted from LND's book, each once", SLOW, async () => {
  await ask(2);
  await run();
  expect(deleted).toEqual([]);
  await database.pool.query("UPDATE probe SET ended_at = ended_at - 601, sent_at = sent_at - 601");
  const hashes = [...sent.keys()].sort();
  await run({ ...SIMULATED_POLICY.probes, mode: "off" });
  await run({ ...SIMULATED_POLICY.probes, mode: "off" });
  expect(deleted.sort()).toEqual(hashes);
});

/** Logs predictions about well-connected nodes that are not ours. */
async function ask(count: number): Promise<void> {
  const targets = Array.from({ length: graph.nodeCount }, (_, each) => each).filter(
    (each) => each !== source && outboundCount(graph, each) > 2,
  );
  const predictions = targets.slice(0, count).map(
    (target): Prediction => ({
      predictionId: randomUUID(),
      kind: "payment",
      at: unixSeconds(now() - 60),
      target: nodeKeyHex(graph, target),
      amount: msat(10_000_000n),
      probability: 0.5,
      interval: { low: 0, high: 1 },
      model: "m",
      graphDigest: "00".repeat(32),
      evidence: { position: 0n, head: "00".repeat(32), at: unixSeconds(0) },
      seed: 1,
    }),
  );
  // Nothing is ever taken out of the log, but for the next test.
  const tables = ["prediction", "prediction_outcome", "outcome_report"];
  const turn = (how: string) => tables.map((table) => `ALTER TABLE ${table} ${how} TRIGGER USER;`).join(" ");
  await database.pool.query(`${turn("DISABLE")} TRUNCATE ${tables.join(", ")}; ${turn("ENABLE")}`);
  await predictionTable(database.pool).append(predictions);
}

function info(height: number) {
  return { identity_pubkey: OURS, block_height: height, synced_to_chain: true, chains: [{ network: "regtest" }] };
}

/** LND over the hidden network: attempts are carried there, and remembered. */
function serve(to: TestNode): void {
  to.unary.GetInfo = () => info(HEIGHT);
  to.unary.ListChannels = () => ({ channels: ownChannels() });
  to.unary.SendToRouteV2 = (request) => {
    const hash = toHex(request["payment_hash"] as Uint8Array);
    const hops = readHops(request["route"] as Route);
    const failure = sendHtlc(network, hops);
    sent.set(hash, { hops, failure });
    return { status: "FAILED", failure: message(failure) };
  };
  to.unary.DeletePayment = (request) => {
    deleted.push(toHex(request["payment_hash"] as Uint8Array));
    return {};
  };
  to.stream.TrackPaymentV2 = (stream) => {
    const hash = toHex((stream.request as { payment_hash: Uint8Array }).payment_hash);
    const attempt = sent.get(hash);
    if (!attempt) return void stream.emit("error", { code: 5, details: "payment isn't initiated" });
    const htlcs = [{ status: "FAILED", failure: message(attempt.failure) }];
    stream.write({ payment_hash: hash, status: "FAILED", failure_reason: "FAILURE_REASON_ERROR", htlcs });
  };
}

function message({ code, sourceIndex, update }: ProbeFailure) {
  const policy = update?.policy;
  return {
    code,
    failure_source_index: sourceIndex,
    ...(update &&
      policy && {
        channel_update: {
          chan_id: String(update.channelId),
          base_fee: policy.feeBaseMsat,
          fee_rate: policy.feePpm,
          time_lock_delta: policy.cltvDelta,
          htlc_minimum_msat: String(policy.minHtlc),
          htlc_maximum_msat: String(policy.maxHtlc),
          channel_flags: policy.disabled ? 2 : 0,
          timestamp: policy.updatedAt,
        },
      }),
  };
}

function ownChannels(): object[] {
  const { outStart, outArc, outHead } = graph.rows;
  return Array.from(outArc.subarray(outStart[source]!, outStart[source + 1]!), (arc, i) => ({
    chan_id: String(channelId(graph, arc >>> 1)),
    remote_pubkey: nodeKeyHex(graph, outHead[outStart[source]! + i]!),
    local_balance: String(Math.floor(network.balanceMsat[arc]! / 1000)),
    local_constraints: { chan_reserve_sat: "0" },
  }));
}

type Route = {
  total_amt_msat: string;
  total_time_lock: number;
  hops: { chan_id: string; pub_key: string; amt_to_forward_msat: string; expiry: number }[];
};

/** What crosses each channel, read out of what each hop passes on. */
function readHops({ hops, total_amt_msat, total_time_lock }: Route): ProbeHop[] {
  return hops.map(({ chan_id, pub_key }, i) => {
    const before = hops[i - 1];
    const hop = { channelId: BigInt(chan_id), from: before?.pub_key ?? OURS, to: pub_key };
    return {
      ...hop,
      capacitySat: 0,
      amount: msat(BigInt(before?.amt_to_forward_msat ?? total_amt_msat)),
      expiryHeight: before?.expiry ?? total_time_lock,
      parallel: parallels(hop),
      willing: [],
    };
  });
}

function parallels({ channelId: id, from, to }: Pick<ProbeHop, "channelId" | "from" | "to">): bigint[] {
  return Array.from(graph.rows.inArc)
    .filter(
      (arc) => nodeKeyHex(graph, arcTail(graph, arc)) === from && nodeKeyHex(graph, arcTail(graph, arc ^ 1)) === to,
    )
    .map((arc) => channelId(graph, arc >>> 1))
    .filter((other) => other !== id);
}
