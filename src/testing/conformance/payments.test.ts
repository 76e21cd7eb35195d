/** SendPaymentV2 and TrackPaymentV2: every way a payment ends, and what is known of it meanwhile. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
import { listen } from "./listen.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { statusOf } from "./status.ts";

const POLL = { timeout: 120_000, interval: 50 };

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

const limits = { fee_limit_msat: "100000", timeout_seconds: 120 };
const send = (request: object) => payer.all("router.SendPaymentV2", { ...limits, ...request });
const end = async (request: object) => (await send({ no_inflight_updates: true, ...request })).at(-1);
const track = (payment_hash: Uint8Array, request = {}) =>
  payer.all("router.TrackPaymentV2", { payment_hash, no_inflight_updates: true, ...request });
const invoice = (request: object) => payee.call("lightning.AddInvoice", { value_msat: "10000", ...request });
const hold = async (request: object = {}) => {
  const preimage = randomBytes(32);
  const hash = createHash("sha256").update(preimage).digest();
  const made = await payee.call("invoices.AddHoldInvoice", { hash, value_msat: "10000", ...request });
  return { preimage, hash, payment_request: made.payment_request };
};
const stateOf = async (r_hash: Uint8Array) => (await payee.call("lightning.LookupInvoice", { r_hash })).state;

describe("a payment that arrives", () => {
  test("shows itself in flight, then its preimage, its fee and its route", async () => {
    const { payment_request, r_hash } = await invoice({});
    const updates = await send({ payment_request });
    expect(updates.map(({ status }) => status)).toEqual(["IN_FLIGHT", "IN_FLIGHT", "SUCCEEDED"]);
    expect(updates[0]).toMatchObject({ payment_preimage: "0".repeat(64), htlcs: [], fee_msat: "0" });
    const paid = updates.at(-1);
    expect(createHash("sha256").update(paid.payment_preimage, "hex").digest()).toEqual(r_hash);
    expect(paid).toMatchObject({ value_msat: "10000", fee_msat: "1000", failure_reason: "FAILURE_REASON_NONE" });
    expect(paid.payment_request).toBe(payment_request);
    expect(paid.htlcs).toHaveLength(1);
    const { hops, total_amt_msat, total_fees_msat } = paid.htlcs[0].route;
    expect({ total_amt_msat, total_fees_msat }).toEqual({ total_amt_msat: "11000", total_fees_msat: "1000" });
    expect(
      hops.map(({ pub_key, fee_msat, amt_to_forward_msat }: Answer) => ({ pub_key, fee_msat, amt_to_forward_msat })),
    ).toEqual([
      { pub_key: nodes.hub.key, fee_msat: "1000", amt_to_forward_msat: "10000" },
      { pub_key: nodes.payee.key, fee_msat: "0", amt_to_forward_msat: "10000" },
    ]);
    expect(hops[1].mpp_record.total_amt_msat).toBe("10000");
    expect(Number(paid.creation_time_ns)).toBeGreaterThan(Number(paid.creation_date) * 1e9 - 1);
  });

  test("with no_inflight_updates says only how it ended", async () => {
    const { payment_request, r_hash } = await invoice({});
    const updates = await send({ payment_request, no_inflight_updates: true });
    expect(updates.map(({ status }) => status)).toEqual(["SUCCEEDED"]);
    expect((await track(r_hash)).map(({ status }) => status)).toEqual(["SUCCEEDED"]);
  });

  test("is not made twice: ALREADY_EXISTS", async () => {
    const { payment_request } = await invoice({});
    await send({ payment_request });
    expect(await statusOf(send({ payment_request }))).toBe("6 invoice is already paid");
  });

  test("of an amount left open takes the one it is told, and none without", async () => {
    const open = await payee.call("lightning.AddInvoice", {});
    const { payment_request } = open;
    expect(await statusOf(send({ payment_request }))).toMatch(/^2 amount must be specified when paying a zero amount/);
    expect(await end({ payment_request, amt_msat: "12345" })).toMatchObject({
      status: "SUCCEEDED",
      value_msat: "12345",
    });
    const set = await invoice({});
    const both = { payment_request: set.payment_request, amt_msat: "10000" };
    expect(await statusOf(send(both))).toMatch(/^2 amount must not be specified when paying a non-zero/);
  });
});

describe("a payment that fails", () => {
  const refusedByPayee = { status: "FAILED", failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" };

  test("at a payee who does not know the hash", async () => {
    const request = { dest: Buffer.from(nodes.payee.key, "hex"), amt_msat: "10000", payment_hash: randomBytes(32) };
    const payment_addr = randomBytes(32);
    const updates = await send({ ...request, payment_addr, final_cltv_delta: 80 });
    expect(updates.at(-1)).toMatchObject(refusedByPayee);
    expect(updates.at(-1).htlcs).toMatchObject([
      { status: "FAILED", failure: { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2 } },
    ]);
    // What it was that failed is kept no longer than the payment runs.
    await expect.poll(() => track(request.payment_hash), POLL).toMatchObject([{ ...refusedByPayee, htlcs: [] }]);
  });

  test("at an invoice that is canceled, and may be tried again", async () => {
    const { payment_request, r_hash } = await invoice({});
    await payee.call("invoices.CancelInvoice", { payment_hash: r_hash });
    const first = await end({ payment_request });
    const second = await end({ payment_request });
    expect([first, second]).toMatchObject([refusedByPayee, refusedByPayee]);
    expect(Number(second.payment_index)).toBeGreaterThan(Number(first.payment_index));
  });

  test.each([
    {
      name: "no channel leads there",
      request: { dest: Buffer.from(`03${"0".repeat(61)}123`, "hex"), amt_msat: "10000" },
      reason: "NO_ROUTE",
    },
    { name: "the fee limit is one msat short", request: { fee_limit_msat: "999" }, reason: "NO_ROUTE" },
    { name: "the fee limit is 0", request: { fee_limit_msat: "0" }, reason: "NO_ROUTE" },
    { name: "it is more than the payer has", request: { amt: "40000000" }, reason: "INSUFFICIENT_BALANCE" },
    { name: "it is more than any channel holds", request: { amt: "900000000" }, reason: "INSUFFICIENT_BALANCE" },
    { name: "the blocks do not suffice", request: { cltv_limit: 84 }, reason: "NO_ROUTE" },
    {
      name: "it may not leave through that channel",
      request: { outgoing_chan_ids: ["12345"] },
      reason: "INSUFFICIENT_BALANCE",
    },
    {
      name: "it must come through a node that leads nowhere",
      request: { last_hop_pubkey: Buffer.from(`02${"1".repeat(64)}`, "hex") },
      reason: "NO_ROUTE",
    },
  ])("$name: $reason", async ({ request, reason }) => {
    const asks = "dest" in request || "amt" in request;
    const parts = {
      dest: Buffer.from(nodes.payee.key, "hex"),
      payment_hash: randomBytes(32),
      payment_addr: randomBytes(32),
    };
    const whole = asks
      ? { ...parts, ...request }
      : { payment_request: (await invoice({})).payment_request, ...request };
    expect(await end(whole)).toMatchObject({ status: "FAILED", failure_reason: `FAILURE_REASON_${reason}`, htlcs: [] });
  });

  test("where nobody is: the payee is offline for its peers", async ({ skip }) => {
    const { stop, start } = nodes;
    if (!stop || !start) return skip("nobody can stop the nodes");
    const { payment_request, r_hash } = await invoice({});
    await stop(nodes.payee, "orderly");
    const failed = await end({ payment_request });
    await start(nodes.payee);
    expect(failed).toMatchObject({ status: "FAILED", failure_reason: "FAILURE_REASON_NO_ROUTE" });
    await payer.call("router.ResetMissionControl");
    expect(await stateOf(r_hash)).toBe("OPEN");
    expect(await end({ payment_request })).toMatchObject({ status: "SUCCEEDED" });
  }, 300_000);
});

describe("a payment that is not begun", () => {
  test.each([
    { name: "garbage", request: { payment_request: "lnsb1garbage" }, want: /^2 / },
    {
      name: "neither invoice nor amount",
      request: { dest: Buffer.alloc(33, 2), payment_hash: randomBytes(32) },
      want: /^2 amount must be specified/,
    },
    { name: "a negative fee limit", request: { fee_limit_msat: "-1" }, want: /^2 / },
    { name: "two fee limits", request: { fee_limit_sat: "1", fee_limit_msat: "1" }, want: /^2 sat and msat arguments/ },
    { name: "a negative timeout", request: { timeout_seconds: -1 }, want: /^2 / },
  ])("$name: UNKNOWN", async ({ request, want }) => {
    expect(await statusOf(send(request))).toMatch(want);
  });

  test("fewer blocks than the payee wants, or more than LND ever locks: UNKNOWN", async () => {
    const { payment_request } = await invoice({});
    expect(await statusOf(send({ payment_request, cltv_limit: 83 }))).toBe("2 cltv limit 83 should be greater than 83");
    expect(await statusOf(send({ payment_request, cltv_limit: 9_999 }))).toMatch(/^2 total time lock of 9999 exceeds/);
  });

  test("an expired invoice, and one's own: UNKNOWN, and the hash stays unknown", async () => {
    const expiring = await invoice({ expiry: "1" });
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect(await statusOf(send({ payment_request: expiring.payment_request }))).toMatch(/^2 invoice expired/);
    expect(await statusOf(track(expiring.r_hash))).toBe("5 payment isn't initiated");
    const own = await payer.call("lightning.AddInvoice", { value_msat: "10000" });
    expect(await statusOf(send({ payment_request: own.payment_request }))).toBe("2 self-payments not allowed");
    expect(await statusOf(track(own.r_hash))).toBe("5 payment isn't initiated");
  });
});

describe("tracking", () => {
  test("an unknown hash: NOT_FOUND; half a hash: UNKNOWN", async () => {
    expect(await statusOf(track(randomBytes(32)))).toBe("5 payment isn't initiated");
    expect(await statusOf(track(randomBytes(31)))).toBe("2 invalid hash length of 31, want 32");
  });

  test("a payment in flight: shown at once, and its end to everybody who follows", async () => {
    const { payment_request, hash, preimage } = await hold();
    const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request });
    await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
    const tracking = listen(payer, "router.TrackPaymentV2", { payment_hash: hash });
    const quiet = listen(payer, "router.TrackPaymentV2", { payment_hash: hash, no_inflight_updates: true });
    await expect.poll(() => tracking.seen.length).toBe(1);
    expect(tracking.last()).toMatchObject({ status: "IN_FLIGHT", htlcs: [{ status: "IN_FLIGHT", failure: null }] });
    expect(quiet.seen).toEqual([]);
    expect(await statusOf(send({ payment_request }))).toBe("6 payment is in transition");
    expect(await statusOf(payer.call("lightning.DeletePayment", { payment_hash: hash }))).toMatch(
      /^2 payment .* has inflight/,
    );

    await payee.call("invoices.SettleInvoice", { preimage });
    expect(await Promise.all([sending.ended, tracking.ended, quiet.ended])).toEqual(["OK", "OK", "OK"]);
    for (const { last } of [sending, tracking, quiet]) {
      expect(last()).toMatchObject({ status: "SUCCEEDED", payment_preimage: preimage.toString("hex") });
    }
    expect(await stateOf(hash)).toBe("SETTLED");
  });

  test("goes on when the client that sent it has gone", async () => {
    const { payment_request, hash, preimage } = await hold();
    const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request });
    await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
    sending.stop();
    await sending.ended;
    const tracking = track(hash);
    await payee.call("invoices.SettleInvoice", { preimage });
    expect((await tracking).map(({ status }) => status)).toEqual(["SUCCEEDED"]);
  });

  test.each([
    { end: "settled", status: "SUCCEEDED", reason: "FAILURE_REASON_NONE" },
    { end: "canceled", status: "FAILED", reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" },
  ])(
    "timeout_seconds ends the trying and not the waiting; $end, TIMEOUT is noted all the same",
    async ({ end, status, reason }) => {
      const { payment_request, hash, preimage } = await hold();
      const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request, timeout_seconds: 4 });
      await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
      await new Promise((resolve) => setTimeout(resolve, 4_500));
      expect(sending.last()).toMatchObject({ status: "IN_FLIGHT", failure_reason: "FAILURE_REASON_NONE" });
      if (end === "settled") await payee.call("invoices.SettleInvoice", { preimage });
      else await payee.call("invoices.CancelInvoice", { payment_hash: hash });
      expect(await sending.ended).toBe("OK");
      expect(sending.last()).toMatchObject({ status, failure_reason: reason });
      await expect.poll(() => track(hash), POLL).toMatchObject([{ status, failure_reason: "FAILURE_REASON_TIMEOUT" }]);
    },
  );
});

describe("a hold invoice", () => {
  test("is settled by its preimage once the money is in, and not before", async () => {
    const { payment_request, hash, preimage } = await hold();
    const settle = (bytes: Uint8Array) => statusOf(payee.call("invoices.SettleInvoice", { preimage: bytes }));
    expect(await settle(preimage)).toBe("2 invoice still open");
    expect(await settle(randomBytes(32))).toBe("2 unable to locate invoice");
    const single = listen(payee, "invoices.SubscribeSingleInvoice", { r_hash: hash });
    const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request });
    await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
    const row = await payee.call("lightning.LookupInvoice", { r_hash: hash });
    expect(row).toMatchObject({ amt_paid_msat: "10000", settle_index: "0", htlcs: [{ state: "ACCEPTED" }] });
    expect(row.r_preimage).toEqual(Buffer.alloc(0));
    expect(await settle(preimage)).toBe("OK");
    expect(await settle(preimage)).toBe("OK");
    await sending.ended;
    expect(sending.last().status).toBe("SUCCEEDED");
    await single.ended;
    expect(single.seen.map(({ state }) => state)).toEqual(["OPEN", "ACCEPTED", "SETTLED"]);
  });

  test("is canceled with its money in it, and the money goes back", async () => {
    const { payment_request, hash } = await hold();
    const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request });
    await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
    await payee.call("invoices.CancelInvoice", { payment_hash: hash });
    await sending.ended;
    expect(sending.last()).toMatchObject({
      status: "FAILED",
      failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS",
    });
    const row = await payee.call("lightning.LookupInvoice", { r_hash: hash });
    expect(row).toMatchObject({ state: "CANCELED", htlcs: [{ state: "CANCELED" }] });
  });

  test("that has its money does not expire", async () => {
    const { payment_request, hash } = await hold({ expiry: "8" });
    const sending = listen(payer, "router.SendPaymentV2", { ...limits, payment_request });
    await expect.poll(() => stateOf(hash), POLL).toBe("ACCEPTED");
    await new Promise((resolve) => setTimeout(resolve, 8_500));
    expect(await stateOf(hash)).toBe("ACCEPTED");
    await payee.call("invoices.CancelInvoice", { payment_hash: hash });
    await sending.ended;
  });
});
