/** What probing asks of LND, on a node that says what it is told to. */
import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import { msat } from "../../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { deletePayment } from "./delete-payment.ts";
import { listChannels } from "./list-channels.ts";
import { toLndRoute } from "./probe-route.ts";
import { trackProbe } from "./track-probe.ts";

const KEY = `02${"ab".repeat(32)}`;
const hash = new Uint8Array(randomBytes(32));
let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
  client = connectLnd({ host: node.host, tlsCert: Buffer.from(node.certificate.cert), macaroonHex: "00" });
});
afterAll(() => {
  closeLnd(client);
  node.kill();
});

/** What TrackPaymentV2 shows of the payment. */
const booked = (payment: object | undefined) => {
  node.stream.TrackPaymentV2 = (stream) =>
    payment === undefined
      ? void stream.emit("error", { code: status.NOT_FOUND, details: "payment isn't initiated" })
      : void stream.write({ payment_hash: toHex(hash), ...payment });
};

describe("listChannels", () => {
  const channel = {
    chan_id: "18446744073709551615",
    remote_pubkey: KEY,
    local_constraints: { chan_reserve_sat: "10" },
  };

  test.each([
    { name: "less its reserve", more: { local_balance: "1000" }, want: 990_000n },
    { name: "nothing when the reserve takes it all", more: { local_balance: "9" }, want: 0n },
    {
      name: "and less what LND keeps for fees where we opened it",
      more: { local_balance: "5000", initiator: true, fee_per_kw: "2500", commit_weight: "772" },
      want: 1_339_000n,
    },
  ])("a channel can send its balance $name", async ({ more, want }) => {
    node.unary.ListChannels = () => ({ channels: [{ ...channel, ...more }] });
    expect(await listChannels(client)).toEqual([{ channelId: 2n ** 64n - 1n, peer: KEY, spendable: want }]);
  });

  test("only announced channels with a connected peer are asked for", async () => {
    let asked = {};
    node.unary.ListChannels = (request) => {
      asked = request;
      return {};
    };
    expect(await listChannels(client)).toEqual([]);
    expect(asked).toMatchObject({ active_only: true, public_only: true, private_only: false, inactive_only: false });
  });

  test.each([
    { name: "a negative balance", channel: { ...channel, local_balance: "-1" } },
    { name: "a peer that is no key", channel: { ...channel, local_balance: "1", remote_pubkey: "zz" } },
  ])("$name is refused", async ({ channel }) => {
    node.unary.ListChannels = () => ({ channels: [channel] });
    await expect(listChannels(client)).rejects.toMatchObject({ code: "LND_REFUSED" });
  });
});

describe("trackProbe", () => {
  const update = { chan_id: "7", base_fee: 1, fee_rate: 2, time_lock_delta: 40, channel_flags: 3, timestamp: 9 };
  const failed = (failure: object) => ({
    status: "FAILED",
    failure_reason: "FAILURE_REASON_ERROR",
    htlcs: [{ status: "FAILED", resolve_time_ns: "1790000000999999999", failure }],
  });
  const policy = {
    feeBaseMsat: 1,
    feePpm: 2,
    cltvDelta: 40,
    minHtlc: 0n,
    maxHtlc: 0n,
    disabled: true,
    updatedAt: 9,
  };
  const code = "FEE_INSUFFICIENT";

  test.each([
    { name: "is unknown", payment: undefined, want: undefined },
    { name: "is under way", payment: { status: "IN_FLIGHT" }, want: { status: "in-flight" } },
    { name: "failed, LND has forgotten how", payment: { ...failed({}), htlcs: [] }, want: { status: "failed" } },
    {
      name: "failed at a hop, with its policy",
      payment: failed({ code, failure_source_index: 1, channel_update: update }),
      want: {
        status: "failed",
        failure: { code, sourceIndex: 1, update: { channelId: 7n, policy }, resolvedAt: 1_790_000_000 },
      },
    },
    {
      name: "failed, and the policy makes no sense",
      payment: failed({ code, failure_source_index: 1, channel_update: { ...update, time_lock_delta: 70_000 } }),
      want: { status: "failed", failure: { code, sourceIndex: 1, resolvedAt: 1_790_000_000 } },
    },
  ])("a probe that $name", async ({ payment, want }) => {
    booked(payment);
    expect(await trackProbe(client, hash, 2)).toEqual(want);
  });

  test("a failure from beyond the route is refused", async () => {
    booked(failed({ code, failure_source_index: 3 }));
    await expect(trackProbe(client, hash, 2)).rejects.toMatchObject({ code: "LND_REFUSED" });
  });
});

describe("deletePayment", () => {
  test("names one hash, and deletes the payment whole", async () => {
    let asked = {};
    node.unary.DeletePayment = (request) => {
      asked = request;
      return {};
    };
    expect(await deletePayment(client, hash)).toBe(true);
    expect(asked).toEqual({ payment_hash: Buffer.from(hash), failed_htlcs_only: false });
  });

  test.each([
    { name: "that LND does not have is gone", payment: undefined, want: true },
    { name: "that is under way is kept", payment: { status: "IN_FLIGHT" }, want: false },
  ])("a payment $name", async ({ payment, want }) => {
    node.unary.DeletePayment = () => new Refusal(status.UNKNOWN, "whatever");
    booked(payment);
    expect(await deletePayment(client, hash)).toBe(want);
  });

  test("a refusal of a payment that has failed is a refusal", async () => {
    node.unary.DeletePayment = () => new Refusal(status.UNKNOWN, "permission denied");
    booked({ status: "FAILED", failure_reason: "FAILURE_REASON_ERROR" });
    await expect(deletePayment(client, hash)).rejects.toMatchObject({ code: "LND_REFUSED" });
  });
});

test("each hop of LND's route says what its node passes on; the target's repeats what reaches it", () => {
  const crossings = [
    { channelId: 1n, to: "b", amount: msat(1_010n), expiryHeight: 220 },
    { channelId: 2n, to: "c", amount: msat(1_000n), expiryHeight: 140 },
    { channelId: 3n, to: "d", amount: msat(997n), expiryHeight: 100 },
  ];
  expect(toLndRoute(crossings)).toEqual({
    hops: [
      { channelId: 1n, nodeKey: "b", amount: 1_000n, fee: 10n, expiryHeight: 140 },
      { channelId: 2n, nodeKey: "c", amount: 997n, fee: 3n, expiryHeight: 100 },
      { channelId: 3n, nodeKey: "d", amount: 997n, fee: 0n, expiryHeight: 100 },
    ],
    totalAmount: 1_010n,
    totalFee: 13n,
    expiryHeight: 220,
  });
});
