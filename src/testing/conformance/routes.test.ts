/** BuildRoute, QueryRoutes and SendToRouteV2: every failure a route can be made to meet, and who reports it. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { statusOf } from "./status.ts";

let nodes: Nodes;
let payer: Dialed;
let payee: Dialed;
beforeAll(async () => {
  nodes = await openNodes();
  payer = nodes.payer.admin;
  payee = nodes.payee.admin;
});
afterAll(() => nodes.close());
beforeEach(() => payer.call("router.ResetMissionControl"));

const STRANGER = `03${"0".repeat(61)}123`;
const bytes = (key: string) => Buffer.from(key, "hex");
const build = async (request: object = {}) => {
  const hop_pubkeys = [bytes(nodes.hub.key), bytes(nodes.payee.key)];
  const asked = { amt_msat: "10000", final_cltv_delta: 90, hop_pubkeys, payment_addr: randomBytes(32), ...request };
  return (await payer.call("router.BuildRoute", asked)).route;
};
const probe = (route: Answer) => payer.call("router.SendToRouteV2", { payment_hash: randomBytes(32), route });

describe("BuildRoute", () => {
  test("along the nodes it is given, with the fees and delays they announce", async () => {
    const route = await build();
    const [first, last] = route.hops;
    expect([first.pub_key, last.pub_key]).toEqual([nodes.hub.key, nodes.payee.key]);
    expect(route).toMatchObject({ total_amt_msat: "11000", total_fees_msat: "1000" });
    expect(first).toMatchObject({ amt_to_forward_msat: "10000", fee_msat: "1000", expiry: last.expiry });
    expect(last).toMatchObject({ amt_to_forward_msat: "10000", fee_msat: "0" });
    expect(last.mpp_record.total_amt_msat).toBe("10000");
    expect(route.total_time_lock - last.expiry).toBe(80);
    const { block_height } = await payer.call("lightning.GetInfo");
    expect(last.expiry - block_height).toBe(90);
  });

  test("without a payment address carries no MPP record", async () => {
    const route = await build({ payment_addr: Buffer.alloc(0) });
    expect(route.hops.at(-1).mpp_record).toBeNull();
  });

  test("leaves through the channel it is told", async () => {
    const { channels } = await payer.call("lightning.ListChannels");
    const { chan_id } = channels[0];
    expect((await build({ outgoing_chan_id: chan_id })).hops[0].chan_id).toBe(chan_id);
  });

  test.each([
    { name: "no hops", request: { hop_pubkeys: [] }, want: "2 no hops specified" },
    { name: "half a key", request: { hop_pubkeys: [Buffer.alloc(5)] }, want: "2 invalid vertex length of 5, want 33" },
    {
      name: "a node nobody knows",
      request: { hop_pubkeys: [bytes(STRANGER)] },
      want: /^2 no matching outgoing channel available for node/,
    },
    {
      name: "more than the channel holds",
      request: { amt_msat: "4900000000" },
      want: /^2 no matching outgoing channel/,
    },
    { name: "another outgoing channel", request: { outgoing_chan_id: "77" }, want: /^2 no matching outgoing channel/ },
    { name: "less than the least", request: { amt_msat: "1" }, want: /^2 no matching outgoing channel/ },
  ])("$name: UNKNOWN", async ({ request, want }) => {
    expect(await statusOf(build(request))).toMatch(want);
  });
});

describe("QueryRoutes", () => {
  const query = (request: object) =>
    payer.call("lightning.QueryRoutes", { pub_key: nodes.payee.key, amt: "10", ...request });

  test("finds the way, with a probability that is 1 without mission control", async () => {
    const { routes, success_prob } = await query({});
    expect(routes).toHaveLength(1);
    expect(routes[0].hops.map((hop: Answer) => hop.pub_key)).toEqual([nodes.hub.key, nodes.payee.key]);
    expect(success_prob).toBe(1);
    const aware = await query({ use_mission_control: true });
    expect(aware.success_prob).toBeGreaterThan(0.4);
    expect(aware.success_prob).toBeLessThan(0.7);
  });

  test.each([
    { name: "a node nobody knows", request: { pub_key: STRANGER }, want: "2 unable to find a path to destination" },
    {
      name: "not enough fee",
      request: { fee_limit: { fixed_msat: "999" } },
      want: "2 unable to find a path to destination",
    },
    { name: "more than the payer holds", request: { amt: "4900000" }, want: "2 insufficient local balance" },
    {
      name: "more than the hub's channels admit",
      request: { amt: "100", ignored_nodes: "hub" },
      want: "2 unable to find a path to destination",
    },
    { name: "half a key", request: { pub_key: "0203" }, want: /^2 invalid pubkey|^2 .*length/ },
    { name: "no key", request: { pub_key: "zz" }, want: /^2 encoding\/hex: invalid byte/ },
  ])("$name: UNKNOWN", async ({ request, want }) => {
    const ignored = "ignored_nodes" in request ? { ignored_nodes: [bytes(nodes.hub.key)] } : {};
    expect(await statusOf(query({ ...request, ...ignored }))).toMatch(want);
  });
});

/** Rewrites what a route carries to its last hop; each hop before keeps `feeMsat`. */
function setAmount(route: Answer, amountMsat: number, feeMsat: number): void {
  const amount = String(amountMsat);
  Object.assign(route, { total_amt_msat: String(amountMsat + (route.hops.length - 1) * feeMsat) });
  for (const hop of route.hops) Object.assign(hop, { amt_to_forward_msat: amount });
  route.hops.at(-1).mpp_record.total_amt_msat = amount;
}

/** Pays satoshis from one node to its neighbour. */
async function move(from: Dialed, to: Dialed, sat: number): Promise<void> {
  if (sat === 0) return;
  const { payment_request } = await to.call("lightning.AddInvoice", { value: sat });
  const [last] = (await from.all("router.SendPaymentV2", { payment_request, timeout_seconds: 120 })).slice(-1);
  expect(last.status).toBe("SUCCEEDED");
}

describe("SendToRouteV2", () => {
  const failure = async (route: Answer) => {
    const attempt = await probe(route);
    expect(attempt.status).toBe("FAILED");
    const { code, failure_source_index } = attempt.failure;
    return `${code} ${failure_source_index}`;
  };

  test("a hash nobody knows reaches the payee, with and without an MPP record", async () => {
    const attempt = await probe(await build());
    expect(attempt).toMatchObject({
      status: "FAILED",
      failure: {
        code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS",
        failure_source_index: 2,
        htlc_msat: "0",
        channel_update: null,
      },
    });
    expect(attempt.failure.height).toBeGreaterThan(0);
    expect(Number(attempt.resolve_time_ns)).toBeGreaterThanOrEqual(Number(attempt.attempt_time_ns));
    expect(await failure(await build({ payment_addr: Buffer.alloc(0) }))).toBe(
      "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS 2",
    );
  });

  const TAMPERED = [
    {
      name: "a fee one msat short",
      want: "FEE_INSUFFICIENT 1",
      tamper: (route: Answer) => {
        route.total_amt_msat = "10999";
      },
    },
    {
      name: "one block less than the hub wants",
      want: "INCORRECT_CLTV_EXPIRY 1",
      tamper: (route: Answer) => {
        route.total_time_lock -= 1;
      },
    },
    {
      name: "a channel the hub does not have",
      want: "UNKNOWN_NEXT_PEER 1",
      tamper: (route: Answer) => {
        route.hops[1].chan_id = "99";
      },
    },
    {
      name: "a channel the payer does not have",
      want: "UNKNOWN_NEXT_PEER 0",
      tamper: (route: Answer) => {
        route.hops[0].chan_id = "99";
      },
    },
    {
      name: "an expiry in the past",
      want: "EXPIRY_TOO_SOON 1",
      tamper: (route: Answer) => {
        route.hops[0].expiry -= 100;
        route.hops[1].expiry -= 100;
      },
    },
    {
      name: "a lock beyond what any node takes",
      want: "EXPIRY_TOO_FAR 0",
      tamper: (route: Answer) => {
        route.hops[0].expiry += 3000;
        route.hops[1].expiry += 3000;
        route.total_time_lock += 3000;
      },
    },
    {
      name: "less than the least the hub forwards",
      want: "AMOUNT_BELOW_MINIMUM 1",
      tamper: (route: Answer) => {
        Object.assign(route, { total_amt_msat: "1999", total_fees_msat: "1000" });
        route.hops[0].amt_to_forward_msat = "999";
        Object.assign(route.hops[1], { amt_to_forward_msat: "999" });
        route.hops[1].mpp_record.total_amt_msat = "999";
      },
    },
    {
      name: "an amount other than the hub was told to forward",
      want: "FINAL_INCORRECT_HTLC_AMOUNT 2",
      tamper: (route: Answer) => {
        route.hops[0].amt_to_forward_msat = "9999";
      },
    },
    {
      name: "an expiry other than the hub was told to forward",
      want: "FINAL_INCORRECT_CLTV_EXPIRY 2",
      tamper: (route: Answer) => {
        route.hops[0].expiry -= 1;
        route.total_time_lock -= 1;
      },
    },
  ];
  test.each(TAMPERED)("$name: $want", async ({ tamper, want }) => {
    const route = await build();
    tamper(route);
    expect(await failure(route)).toBe(want);
  });

  test("more than the payer holds: TEMPORARY_CHANNEL_FAILURE from the payer itself", async () => {
    const { channels } = await payer.call("lightning.ListChannels");
    const route = await build({ hop_pubkeys: [bytes(nodes.hub.key)] });
    setAmount(route, channels[0].local_balance * 1000 + 1, 0);
    expect(await failure(route)).toBe("TEMPORARY_CHANNEL_FAILURE 0");
  });

  test("more than the hub holds: TEMPORARY_CHANNEL_FAILURE from the hub, with its policy", async () => {
    const { channels } = await nodes.hub.admin.call("lightning.ListChannels", { peer: bytes(nodes.payer.key) });
    const moved = Math.max(0, Number(channels[0].local_balance) - 500_000);
    await move(nodes.hub.admin, payer, moved);
    const { route } = await payee.call("router.BuildRoute", {
      amt_msat: "10000",
      final_cltv_delta: 90,
      hop_pubkeys: [bytes(nodes.hub.key), bytes(nodes.payer.key)],
      payment_addr: randomBytes(32),
    });
    setAmount(route, 1_000_000_000, 10_000);
    const attempt = await payee.call("router.SendToRouteV2", { payment_hash: randomBytes(32), route });
    await move(payer, nodes.hub.admin, moved);
    expect(attempt.failure).toMatchObject({ code: "TEMPORARY_CHANNEL_FAILURE", failure_source_index: 1 });
    expect(attempt.failure.channel_update).toMatchObject({ time_lock_delta: 80, base_fee: 1000 });
  }, 300_000);

  test("back over the channel it came from: TEMPORARY_CHANNEL_FAILURE from the hub", async () => {
    const route = await build();
    const [first, last] = route.hops;
    Object.assign(last, { chan_id: first.chan_id, pub_key: nodes.payer.key });
    expect(await failure(route)).toBe("TEMPORARY_CHANNEL_FAILURE 1");
  });

  test("a disabled channel still carries what its own node is asked to send", async () => {
    const { channels } = await nodes.hub.admin.call("lightning.ListChannels", { peer: bytes(nodes.payee.key) });
    const points = channels.map((channel: Answer) => {
      const [funding_txid_str, output_index] = channel.channel_point.split(":");
      return { funding_txid_str, output_index: Number(output_index) };
    });
    const route = await build();
    const set = async (action: string) => {
      for (const chan_point of points) await nodes.hub.admin.call("router.UpdateChanStatus", { chan_point, action });
    };
    await set("DISABLE");
    const seen = await failure(route);
    await set("ENABLE");
    const { edges } = await payer.call("lightning.DescribeGraph");
    for (const { channel_id } of edges) {
      const policies = async () => {
        const { node1_policy, node2_policy } = await payer.call("lightning.GetChanInfo", { chan_id: channel_id });
        return [node1_policy.disabled, node2_policy.disabled];
      };
      await expect.poll(policies, { timeout: 120_000 }).toEqual([false, false]);
    }
    expect(seen).toBe("INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS 2");
  });

  test("the payee is offline: UNKNOWN_NEXT_PEER from the hub", async ({ skip }) => {
    const { stop, start } = nodes;
    if (!stop || !start) return skip("nobody can stop the nodes");
    const route = await build();
    await stop(nodes.payee, "orderly");
    const seen = await failure(route);
    await start(nodes.payee);
    expect(seen).toBe("UNKNOWN_NEXT_PEER 1");
  }, 300_000);

  test("with the invoice's secret it pays; the second time: ALREADY_EXISTS", async () => {
    const made = await payee.call("lightning.AddInvoice", { value_msat: "10000" });
    const request = { payment_hash: made.r_hash, route: await build({ payment_addr: made.payment_addr }) };
    const attempt = await payer.call("router.SendToRouteV2", request);
    expect(attempt).toMatchObject({ status: "SUCCEEDED", failure: null });
    expect(createHash("sha256").update(attempt.preimage).digest()).toEqual(made.r_hash);
    expect(await statusOf(payer.call("router.SendToRouteV2", request))).toBe("6 invoice is already paid");
  });

  test("another secret is refused by the payee like an unknown hash", async () => {
    const made = await payee.call("lightning.AddInvoice", { value_msat: "10000" });
    const attempt = await payer.call("router.SendToRouteV2", { payment_hash: made.r_hash, route: await build() });
    expect(attempt.failure).toMatchObject({ code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2 });
  });

  test.each([
    { name: "no route", request: {}, want: "2 unable to send, no routes provided" },
    { name: "no hops", request: { route: { hops: [] } }, want: /^2 / },
    {
      name: "half a hash",
      request: { payment_hash: Buffer.alloc(16), route: "built" },
      want: "2 invalid hash length of 16, want 32",
    },
  ])("refuses $name: UNKNOWN", async ({ request, want }) => {
    const whole = "route" in request && request.route === "built" ? { ...request, route: await build() } : request;
    expect(await statusOf(payer.call("router.SendToRouteV2", { payment_hash: randomBytes(32), ...whole }))).toMatch(
      want,
    );
  });

  test("a probe is a failed payment, which may be deleted", async () => {
    const payment_hash = randomBytes(32);
    await payer.call("router.SendToRouteV2", { payment_hash, route: await build() });
    const [tracked] = await payer.all("router.TrackPaymentV2", { payment_hash });
    expect(tracked).toMatchObject({ status: "FAILED", failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" });
    expect(tracked.htlcs).toHaveLength(1);
    expect(await payer.call("lightning.DeletePayment", { payment_hash })).toEqual({ status: "payment deleted" });
    expect(await statusOf(payer.all("router.TrackPaymentV2", { payment_hash }))).toBe("5 payment isn't initiated");
  });
});
