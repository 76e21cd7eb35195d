/** SendPaymentV2, TrackPaymentV2 and SendToRouteV2: what is known of money that left, when the node stops talking. */
import { createHash, randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import type { LndRoute } from "./route.ts";
import { sendPayment } from "./send-payment.ts";
import { sendToRoute } from "./send-to-route.ts";
import { trackPayment } from "./track-payment.ts";

const preimage = randomBytes(32);
const paymentHash = createHash("sha256").update(preimage).digest();
const payment_hash = paymentHash.toString("hex");
const destination = `02${"ab".repeat(32)}`;

const which = { payment_hash, payment_index: "9", value_msat: "1000" };
const IN_FLIGHT = { ...which, status: "IN_FLIGHT" };
const SUCCEEDED = { ...which, status: "SUCCEEDED", payment_preimage: preimage.toString("hex"), fee_msat: "1001" };
const FAILED = { ...which, status: "FAILED", failure_reason: "FAILURE_REASON_NO_ROUTE" };
const paid = { status: "succeeded", index: 9n, amount: 1000n, preimage: new Uint8Array(preimage), fee: 1001n };

let node: TestNode;
let client: LndClient;
beforeEach(async () => {
  node = await startTestNode();
  node.unary.DecodePayReq = () => ({ destination, payment_hash, num_msat: "1000", timestamp: "1", expiry: "60" });
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00", deadlineMs: 3_000 });
});
afterEach(() => {
  closeLnd(client);
  node.kill();
});

type Stream = Parameters<NonNullable<TestNode["stream"]["SendPaymentV2"]>>[0];
const saying = (...messages: object[]) => {
  return (stream: Stream) => {
    for (const message of messages) stream.write(message);
    stream.end();
  };
};
const refusing = (code: status, details = "") => {
  return (stream: Stream) => stream.emit("error", { code, details });
};
const pay = (options?: { signal: AbortSignal }) =>
  sendPayment(client, { invoice: "lnbcrt1", feeLimit: msat(5_000n), timeoutSec: 5 }, options);

describe("sendPayment", () => {
  test("asks for the fee limit in msat and the time in seconds, and reports preimage and fee", async () => {
    let asked: object = {};
    node.stream.SendPaymentV2 = (stream) => {
      asked = stream.request;
      saying(IN_FLIGHT, SUCCEEDED)(stream);
    };
    expect(await pay()).toEqual(paid);
    expect(asked).toMatchObject({ payment_request: "lnbcrt1", fee_limit_msat: "5000", timeout_seconds: 5 });
    expect(asked).toMatchObject({ cancelable: false, allow_self_payment: false });
  });

  test.each([
    ["FAILURE_REASON_NO_ROUTE", "no-route"],
    ["FAILURE_REASON_TIMEOUT", "timeout"],
    ["FAILURE_REASON_INSUFFICIENT_BALANCE", "insufficient-balance"],
    ["FAILURE_REASON_INCORRECT_PAYMENT_DETAILS", "incorrect-payment-details"],
  ])("%s is the failure %s", async (failure_reason, reason) => {
    node.stream.SendPaymentV2 = saying({ ...FAILED, failure_reason });
    expect(await pay()).toEqual({ status: "failed", index: 9n, amount: 1000n, reason });
  });

  test.each([
    { name: "the stream ends early", behave: saying(IN_FLIGHT) },
    { name: "the stream ends empty", behave: saying() },
    { name: "the node is unavailable", behave: refusing(status.UNAVAILABLE) },
    { name: "the node fails inside", behave: refusing(status.INTERNAL) },
    { name: "the preimage is another's", behave: saying({ ...SUCCEEDED, payment_preimage: "00".repeat(32) }) },
    { name: "the preimage is short", behave: saying({ ...SUCCEEDED, payment_preimage: "00" }) },
    { name: "the fee is negative", behave: saying({ ...SUCCEEDED, fee_msat: "-1" }) },
    { name: "the payment is another", behave: saying({ ...FAILED, payment_hash: "00".repeat(32) }) },
    { name: "the status is new to us", behave: saying({ ...FAILED, status: 9 }) },
    { name: "the amount is negative", behave: saying({ ...FAILED, value_msat: "-1" }) },
  ])("unknown, and perhaps on its way, when $name", async ({ behave }) => {
    node.stream.SendPaymentV2 = behave;
    node.stream.TrackPaymentV2 = refusing(status.NOT_FOUND);
    const cause = { code: expect.stringMatching(/^LND_/) };
    expect(await pay()).toMatchObject({ status: "unknown", answered: false, cause });
  });

  test("the amount of an open invoice is said in msat, and none of another", async () => {
    const asked: unknown[] = [];
    node.stream.SendPaymentV2 = (stream) => {
      asked.push(stream.request["amt_msat"]);
      saying(SUCCEEDED)(stream);
    };
    await pay();
    await sendPayment(client, { invoice: "lnbcrt1", amount: msat(7n), feeLimit: msat(0n), timeoutSec: 5 });
    expect(asked).toEqual(["0", "7"]);
  });

  test("the node's number is told once, and before the outcome", async () => {
    const heard: unknown[] = [];
    node.stream.SendPaymentV2 = saying(IN_FLIGHT, IN_FLIGHT, SUCCEEDED);
    const onBegun = async (index: bigint) => void heard.push(index);
    const result = await sendPayment(client, { invoice: "lnbcrt1", feeLimit: msat(0n), timeoutSec: 5 }, { onBegun });
    expect([...heard, result.status]).toEqual([9n, "succeeded"]);
  });

  test("unknown when what LND says cannot be kept", async () => {
    node.stream.SendPaymentV2 = saying(IN_FLIGHT, SUCCEEDED);
    const onBegun = () => Promise.reject(new Error("no database"));
    const sending = sendPayment(client, { invoice: "lnbcrt1", feeLimit: msat(0n), timeoutSec: 5 }, { onBegun });
    expect(await sending).toMatchObject({ status: "unknown", answered: false });
  });

  test("an answer that says nothing of the payment is an answer", async () => {
    node.stream.SendPaymentV2 = refusing(status.UNKNOWN, "routerrpc server shutting down");
    node.stream.TrackPaymentV2 = refusing(status.UNAVAILABLE);
    expect(await pay()).toMatchObject({ status: "unknown", answered: true });
  });

  test("unknown when the node dies in the middle", async () => {
    node.stream.SendPaymentV2 = (stream) => {
      stream.write(IN_FLIGHT);
      setTimeout(() => node.kill(), 100);
    };
    expect(await pay()).toMatchObject({ status: "unknown", cause: { code: "LND_UNAVAILABLE" } });
  });

  test("unknown when the caller gives up", async () => {
    node.stream.SendPaymentV2 = (stream) => stream.write(IN_FLIGHT);
    expect(await pay({ signal: AbortSignal.timeout(300) })).toMatchObject({ status: "unknown" });
  });

  test.each([
    { name: "paid after all", track: saying(SUCCEEDED), want: paid },
    { name: "failed", track: saying(FAILED), want: { status: "failed", reason: "no-route" } },
    { name: "under way", track: saying(IN_FLIGHT), want: { status: "unknown" } },
    { name: "not to be asked about", track: refusing(status.UNAVAILABLE), want: { status: "unknown" } },
  ])("a refusal of a payment that LND's book has as $name", async ({ track, want }) => {
    node.stream.TrackPaymentV2 = track;
    for (const code of [status.UNKNOWN, status.ALREADY_EXISTS]) {
      node.stream.SendPaymentV2 = refusing(code, "routerrpc server shutting down");
      expect(await pay()).toMatchObject(want);
    }
  });

  test("a refusal of a payment LND never began is thrown", async () => {
    node.stream.SendPaymentV2 = refusing(status.UNKNOWN, "permission denied");
    node.stream.TrackPaymentV2 = refusing(status.NOT_FOUND);
    await expect(pay()).rejects.toMatchObject({ code: "LND_REFUSED" });
  });

  test("nothing is sent when the invoice cannot be decoded", async () => {
    let sent = false;
    node.unary.DecodePayReq = () => new Refusal(status.UNKNOWN, "checksum failed");
    node.stream.SendPaymentV2 = (stream) => {
      sent = true;
      stream.end();
    };
    await expect(pay()).rejects.toMatchObject({ code: "LND_REFUSED" });
    expect(sent).toBe(false);
  });
});

test("trackPayment reads the present state and leaves the stream", async () => {
  const left = new Promise((resolve) => {
    node.stream.TrackPaymentV2 = (stream) => {
      stream.on("cancelled", resolve);
      stream.write(IN_FLIGHT);
    };
  });
  expect(await trackPayment(client, paymentHash)).toEqual({ status: "in-flight", index: 9n, amount: 1000n });
  await left;
  node.stream.TrackPaymentV2 = refusing(status.NOT_FOUND);
  expect(await trackPayment(client, paymentHash)).toBeUndefined();
});

describe("sendToRoute", () => {
  const route: LndRoute = {
    hops: [
      { channelId: 496_979_255_820_288n, nodeKey: destination, amount: msat(1_000n), fee: msat(7n), expiryHeight: 538 },
      { channelId: 2n ** 63n, nodeKey: destination, amount: msat(1_000n), fee: msat(0n), expiryHeight: 538 },
    ],
    totalAmount: msat(1_007n),
    totalFee: msat(7n),
    expiryHeight: 618,
  };
  const paymentAddress = randomBytes(32);
  const send = () => sendToRoute(client, { paymentHash, route, paymentAddress });
  beforeEach(() => {
    node.stream.TrackPaymentV2 = refusing(status.NOT_FOUND);
  });

  test("sends the route as it is, with the record for the target on the last hop only", async () => {
    let asked: { route?: { hops: { chan_id: string; mpp_record: unknown }[] } } = {};
    node.unary.SendToRouteV2 = (request) => {
      asked = request;
      return { status: "SUCCEEDED", preimage };
    };
    expect(await send()).toEqual({ status: "succeeded", preimage: new Uint8Array(preimage) });
    expect(asked.route).toMatchObject({ total_amt_msat: "1007", total_fees_msat: "7", total_time_lock: 618 });
    expect(asked.route?.hops.map((hop) => hop.chan_id)).toEqual(["496979255820288", "9223372036854775808"]);
    expect(asked.route?.hops.map((hop) => hop.mpp_record)).toEqual([
      null,
      { payment_addr: paymentAddress, total_amt_msat: "1000" },
    ]);
  });

  test("a failure keeps its code and who reported it", async () => {
    const failure = { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2 };
    node.unary.SendToRouteV2 = () => ({ status: "FAILED", failure });
    expect(await send()).toEqual({ status: "failed", code: failure.code, sourceIndex: 2 });
  });

  test("a failure code that has no name yet is kept as a number", async () => {
    node.unary.SendToRouteV2 = () => ({ status: "FAILED", failure: { code: 77, failure_source_index: 1 } });
    expect(await send()).toEqual({ status: "failed", code: "CODE_77", sourceIndex: 1 });
  });

  test.each([
    { name: "is still in flight", answer: { status: "IN_FLIGHT" } },
    { name: "failed for no reason", answer: { status: "FAILED" } },
    {
      name: "failed beyond the route",
      answer: { status: "FAILED", failure: { code: "PERMANENT_NODE_FAILURE", failure_source_index: 3 } },
    },
    { name: "succeeded without proof", answer: { status: "SUCCEEDED", preimage: randomBytes(32) } },
  ])("an attempt that $name is unknown", async ({ answer }) => {
    node.unary.SendToRouteV2 = () => answer;
    expect(await send()).toMatchObject({ status: "unknown", cause: { code: "LND_REFUSED" } });
  });

  test("a hash that is paid or under way is not sent again", async () => {
    let sent = false;
    node.unary.SendToRouteV2 = () => {
      sent = true;
      return {};
    };
    for (const booked of [SUCCEEDED, IN_FLIGHT]) {
      node.stream.TrackPaymentV2 = saying(booked);
      await expect(send()).rejects.toMatchObject({ code: "LND_REFUSED" });
    }
    expect(sent).toBe(false);
  });

  test("a refused attempt that LND never booked is thrown; one it booked is unknown", async () => {
    node.unary.SendToRouteV2 = () => new Refusal(status.UNKNOWN, "empty route hops provided");
    await expect(send()).rejects.toMatchObject({ code: "LND_REFUSED" });

    node.unary.SendToRouteV2 = () => {
      node.stream.TrackPaymentV2 = saying(IN_FLIGHT);
      return new Refusal(status.UNKNOWN, "htlcswitch shutting down");
    };
    expect(await send()).toMatchObject({ status: "unknown" });
  });

  test("a connection lost is unknown", async () => {
    node.unary.SendToRouteV2 = () => {
      node.kill();
      return {};
    };
    expect(await send()).toMatchObject({ status: "unknown", cause: { code: "LND_UNAVAILABLE" } });
  });
});
