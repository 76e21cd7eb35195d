/** What a test can make happen to simulated nodes and their network, as a client sees it. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { UnixSeconds } from "../../../core/units.ts";
import { type Answer, type Dialed, dial } from "../../../testing/conformance/dial.ts";
import type { ChannelDraft } from "./network/network.ts";
import { type SimulatedNodes, startSimulatedNodes } from "./start-nodes.ts";

const NOW = 1_770_000_000 as UnixSeconds;
const names = ["alice", "bob", "carol"] as const;
const policy = { feeBaseMsat: 1_000, feeRatePpm: 1, cltvDelta: 80, minHtlcMsat: 1_000, maxHtlcMsat: 990_000_000 };
const open = { ...policy, disabled: false, lastUpdate: NOW };

function channel(channelId: bigint, nodes: [string, string]): ChannelDraft {
  const channelPoint = `${channelId.toString(16).padStart(64, "0")}:1`;
  return { channelId, channelPoint, capacitySat: 1_000_000, nodes, policies: [open, open], share: 0.5 };
}

let dataDir: string;
let world: SimulatedNodes;
let keys: Record<string, string>;
const clients: Record<string, Dialed> = {};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "simulated-nodes-"));
  const { nodes, ...rest } = await startSimulatedNodes({
    dataDir,
    names,
    now: () => NOW,
    draw: ({ alice, bob, carol }) => ({
      nodes: [alice, bob, carol].map((key, i) => ({ key, alias: names[i]!, lastUpdate: NOW })),
      channels: [channel(1n, [alice, bob]), channel(2n, [bob, carol])],
    }),
  });
  world = { nodes, ...rest };
  keys = Object.fromEntries(names.map((name) => [name, nodes[name].nodePubkey]));
  for (const name of names) {
    const macaroon = (await readFile(nodes[name].macaroonPaths.admin)).toString("hex");
    clients[name] = dial({ host: nodes[name].host, cert: await readFile(nodes[name].tlsCertPath), macaroon });
  }
});

afterAll(async () => {
  for (const client of Object.values(clients)) client.close();
  await world.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const alice = () => clients["alice"]!;
const invoice = async (value_msat: string) => await clients["carol"]!.call("lightning.AddInvoice", { value_msat });
const pay = (payment_request: string) => {
  const seen: Answer[] = [];
  const stream = alice().open("router.SendPaymentV2", { payment_request, fee_limit_msat: "10000" });
  stream.on("data", (payment) => seen.push(payment));
  const ended = new Promise<string>((resolve) => {
    stream.on("error", (error: Answer) => resolve(`${error.code} ${error.details}`));
    stream.on("end", () => resolve("end"));
  });
  return { seen, ended, last: () => seen.at(-1) };
};
const listen = (rpc: string, request = {}) => {
  const seen: Answer[] = [];
  const stream = alice().open(rpc, request);
  stream.on("data", (message) => seen.push(message));
  const ended = new Promise<string>((resolve) => {
    stream.on("error", (error: Answer) => resolve(`${error.code} ${error.details}`));
    stream.on("end", () => resolve("end"));
  });
  return { seen, ended, stop: () => stream.cancel() };
};

describe("the public graph", () => {
  test("what changes is told to those who listen, and shown to those who ask", async () => {
    const { seen, ended, stop } = listen("lightning.SubscribeChannelGraph");
    await alice().call("lightning.GetInfo");
    const before = await alice().call("lightning.GetChanInfo", { chan_id: "2" });
    const bobIsFirst = before.node1_pub === keys["bob"];
    const bobs = (edge: Answer) => (bobIsFirst ? edge.node1_policy : edge.node2_policy);

    world.network.setPolicy(2n, keys["bob"]!, { feeRatePpm: 700 });
    world.network.setPolicy(2n, keys["bob"]!, { disabled: true });
    world.network.setPolicy(2n, keys["bob"]!, { disabled: false });
    const newcomer = `03${"7".repeat(64)}`;
    world.network.openChannel(channel(9n, [keys["carol"]!, newcomer]));
    world.network.announceNode(newcomer, "newcomer");
    await expect.poll(() => seen.length).toBe(6);

    const updates = seen.flatMap((update) => update.channel_updates);
    expect(
      updates
        .slice(0, 3)
        .map(({ routing_policy: { fee_rate_milli_msat, disabled } }) => [fee_rate_milli_msat, disabled]),
    ).toEqual([
      ["700", false],
      ["700", true],
      ["700", false],
    ]);
    expect(updates[0]).toMatchObject({
      chan_id: "2",
      capacity: "1000000",
      advertising_node: keys["bob"],
      connecting_node: keys["carol"],
      routing_policy: { last_update: 0, fee_base_msat: "1000", time_lock_delta: 80 },
      chan_point: { output_index: 1 },
    });
    expect(updates[0].chan_point.funding_txid_bytes.reverse().toString("hex")).toBe("2".padStart(64, "0"));
    const edge = await alice().call("lightning.GetChanInfo", { chan_id: "2" });
    expect(bobs(edge)).toMatchObject({ fee_rate_milli_msat: "700", last_update: NOW + 3, disabled: false });
    expect(
      updates
        .slice(3)
        .map(({ advertising_node }) => advertising_node)
        .sort(),
    ).toEqual([keys["carol"], newcomer].sort());
    expect(seen.at(-1).node_updates).toMatchObject([{ identity_key: newcomer, alias: "newcomer" }]);
    const opened = await alice().call("lightning.DescribeGraph");
    expect(opened.edges.map((row: Answer) => row.channel_id)).toEqual(["1", "2", "9"]);
    expect(opened.nodes.map((row: Answer) => row.alias)).toContain("newcomer");

    world.network.setPolicy(2n, keys["bob"]!, { feeRatePpm: 1 });
    world.network.closeChannel(9n);
    await expect.poll(() => seen.at(-1).closed_chans).toMatchObject([{ chan_id: "9", capacity: "1000000" }]);
    await expect(alice().call("lightning.GetChanInfo", { chan_id: "9" })).rejects.toMatchObject({ code: 5 });
    const closed = await alice().call("lightning.DescribeGraph");
    expect(closed.edges.map((row: Answer) => row.channel_id)).toEqual(["1", "2"]);
    stop();
    await ended;
  });

  test("a channel opened while the network runs carries payments", async () => {
    world.network.openChannel(channel(11n, [keys["alice"]!, keys["carol"]!]));
    const { payment_request } = await invoice("5000");
    const { ended, last } = pay(payment_request);
    await ended;
    expect(last().status).toBe("SUCCEEDED");
    expect(last().htlcs[0].route.hops.map((hop: Answer) => hop.chan_id)).toEqual(["11"]);
    world.network.closeChannel(11n);
  });

  test("a node that goes offline is found out by the next payment", async () => {
    const { payment_request } = await invoice("5000");
    world.network.setOnline(keys["carol"]!, false);
    const failed = pay(payment_request);
    await failed.ended;
    expect(failed.last()).toMatchObject({ status: "FAILED", failure_reason: "FAILURE_REASON_NO_ROUTE" });
    world.network.setOnline(keys["carol"]!, true);
    const paid = pay(payment_request);
    await paid.ended;
    expect(paid.last().status).toBe("SUCCEEDED");
  });
});

describe("an HTLC that hangs", () => {
  const balances = async () => {
    const { channels } = await alice().call("lightning.ListChannels");
    const { local_balance, unsettled_balance } = channels[0];
    return { local: Number(local_balance), unsettled: Number(unsettled_balance) };
  };

  test("at a hop: the payment stays in flight and its money locked, then comes back or arrives", async () => {
    const before = await balances();
    const { payment_request, r_hash } = await invoice("50000000");
    for (const end of ["fail", "forward"] as const) {
      const release = world.htlcs.hold(keys["bob"]!);
      const { seen, last, ended } = pay(payment_request);
      await expect.poll(() => seen.length).toBeGreaterThan(1);
      expect(last()).toMatchObject({ status: "IN_FLIGHT", htlcs: [{ status: "IN_FLIGHT" }] });
      expect(await balances()).toEqual({ local: before.local - 50_001 - 1, unsettled: 50_001 });
      const again = alice().all("router.SendPaymentV2", { payment_request });
      await expect(again).rejects.toMatchObject({ code: 6, details: "payment is in transition" });
      await expect(alice().call("lightning.DeletePayment", { payment_hash: r_hash })).rejects.toMatchObject({
        code: 2,
      });
      const tracked = listen("router.TrackPaymentV2", { payment_hash: r_hash, no_inflight_updates: true });
      release(end);
      await ended;
      await tracked.ended;
      expect(tracked.seen.map((payment) => payment.status)).toEqual([end === "fail" ? "FAILED" : "SUCCEEDED"]);
      if (end === "fail") expect(await balances()).toEqual(before);
    }
    expect((await balances()).unsettled).toBe(0);
  });

  test("on its way back: the payee has the money, and the payer does not know", async () => {
    const { payment_request, r_hash } = await invoice("7000");
    const release = world.htlcs.hold(keys["bob"]!, "back");
    const { last, ended } = pay(payment_request);
    const lookup = () => clients["carol"]!.call("lightning.LookupInvoice", { r_hash });
    await expect.poll(async () => (await lookup()).state).toBe("SETTLED");
    expect(last().status).toBe("IN_FLIGHT");
    release();
    await ended;
    expect(last().status).toBe("SUCCEEDED");
  });
});

describe("the payments a node has made", () => {
  test("are listed by index, and forgotten on demand", async () => {
    const failing = randomBytes(32);
    const dest = Buffer.from(keys["carol"]!, "hex");
    await alice().all("router.SendPaymentV2", { dest, amt: "5", payment_hash: failing, fee_limit_sat: "10" });
    const paid = await invoice("1000");
    await alice().all("router.SendPaymentV2", { payment_request: paid.payment_request, fee_limit_sat: "10" });

    const list = (request: object) => alice().call("lightning.ListPayments", request);
    const complete = await list({});
    expect(complete.payments.every((payment: Answer) => payment.status === "SUCCEEDED")).toBe(true);
    const all = await list({ include_incomplete: true, count_total_payments: true });
    expect(all.payments.length).toBe(Number(all.total_num_payments));
    expect(all.payments.map((payment: Answer) => payment.payment_hash)).toContain(failing.toString("hex"));
    const indexes = all.payments.map((payment: Answer) => payment.payment_index);
    const page = await list({ include_incomplete: true, index_offset: indexes[0], max_payments: "2" });
    expect(page).toMatchObject({ first_index_offset: indexes[1], last_index_offset: indexes[2] });
    const back = await list({ include_incomplete: true, reversed: true, max_payments: "2" });
    expect(back.payments.map((payment: Answer) => payment.payment_index)).toEqual(indexes.slice(-2));
    expect(await list({ index_offset: "99999" })).toMatchObject({ payments: [], last_index_offset: "0" });

    const none = await alice()
      .call("lightning.DeleteAllPayments")
      .catch((error) => error.code);
    expect(none).toBe(2);
    expect((await alice().call("lightning.DeleteAllPayments", { failed_payments_only: true })).status).toMatch(
      /^\d+ payments deleted/,
    );
    expect((await list({ include_incomplete: true })).payments).toHaveLength(complete.payments.length);
    await alice().call("lightning.DeletePayment", { payment_hash: paid.r_hash });
    const gone = alice().all("router.TrackPaymentV2", { payment_hash: paid.r_hash });
    await expect(gone).rejects.toMatchObject({ code: 5 });
  });
});

describe("a node and its clients", () => {
  test("with its wallet locked it says so, and answers nothing else", async () => {
    const { control } = world.nodes["alice"]!;
    control.setWalletState("LOCKED");
    expect(await alice().call("state.GetState")).toEqual({ state: "LOCKED" });
    await expect(alice().call("lightning.GetInfo")).rejects.toMatchObject({ code: 2, details: /^wallet locked/ });
    control.setWalletState("SERVER_ACTIVE");
    await expect(alice().call("lightning.GetInfo")).resolves.toMatchObject({ alias: "alice" });
  });

  test("answers late when it is told to", async () => {
    const { control } = world.nodes["alice"]!;
    control.delayAnswers("GetInfo", 300_000);
    let answered = false;
    const late = alice()
      .call("lightning.GetInfo")
      .then(
        () => {
          answered = true;
        },
        () => undefined,
      );
    await alice().call("lightning.ListChannels");
    expect(answered).toBe(false);
    control.delayAnswers("GetInfo", 0);
    await expect(alice().call("lightning.GetInfo")).resolves.toMatchObject({ alias: "alice" });
    control.dropConnections();
    await late;
    expect(answered).toBe(false);
  });

  test("drops its connections, is stopped, is killed: each time its clients hear what LND's would", async () => {
    const { control } = world.nodes["alice"]!;
    const streams = () => [listen("lightning.SubscribeInvoices"), listen("lightning.SubscribeChannelGraph")];
    const dropped = streams();
    await alice().call("lightning.GetInfo");
    control.dropConnections();
    for (const { ended } of dropped) expect(await ended).toMatch(/^14 /);

    const release = world.htlcs.hold(keys["bob"]!);
    const { payment_request, r_hash } = await invoice("1000");
    const stopped = streams();
    const paying = pay(payment_request);
    await expect.poll(() => paying.seen.length).toBeGreaterThan(1);
    await control.stop();
    expect(await Promise.all(stopped.map(({ ended }) => ended))).toEqual(["end", "end"]);
    expect(await paying.ended).toBe("2 routerrpc server shutting down");
    await expect(alice().call("lightning.GetInfo")).rejects.toMatchObject({ code: 14 });
    await control.restart();
    await expect.poll(() => alice().call("state.GetState"), { timeout: 10_000 }).toEqual({ state: "SERVER_ACTIVE" });
    release();
    const tracked = await alice().all("router.TrackPaymentV2", { payment_hash: r_hash, no_inflight_updates: true });
    expect(tracked.map((payment) => payment.status)).toEqual(["SUCCEEDED"]);
    expect(createHash("sha256").update(tracked[0].payment_preimage, "hex").digest()).toEqual(r_hash);

    const killed = streams();
    await alice().call("lightning.GetInfo");
    control.kill();
    for (const { ended } of killed) expect(await ended).toMatch(/^14 /);
    await control.restart({ newCertificate: true });
    await expect(alice().call("lightning.GetInfo")).rejects.toMatchObject({ code: 14 });
    const { host } = world.nodes["alice"]!;
    // Its certificate is no longer the one the client is pinned to.
    const known = dial({ host, cert: control.certificate(), macaroon: control.bakeMacaroon(["info:read"]) });
    await expect(known.call("lightning.GetInfo")).resolves.toMatchObject({ alias: "alice" });
    await expect(known.call("lightning.ListChannels")).rejects.toMatchObject({ code: 2, details: "permission denied" });
    known.close();
  });
});
