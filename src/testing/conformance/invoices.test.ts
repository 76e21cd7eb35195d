/** Invoices: made, found, listed, canceled, expired, paid too much and too little. Through the program's own adapters. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addInvoice } from "../../adapters/lnd/add-invoice.ts";
import { cancelInvoice } from "../../adapters/lnd/cancel-invoice.ts";
import { closeLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import { examineConnection } from "../../adapters/lnd/examine-connection.ts";
import { listInvoices } from "../../adapters/lnd/list-invoices.ts";
import { lookupInvoice } from "../../adapters/lnd/lookup-invoice.ts";
import { sendPayment } from "../../adapters/lnd/send-payment.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import type { Answer, Dialed } from "./dial.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { statusOf } from "./status.ts";

let nodes: Nodes;
let seller: LndClient;
let buyer: LndClient;
let payee: Dialed;
beforeAll(async () => {
  nodes = await openNodes();
  payee = nodes.payee.admin;
  seller = await nodes.payee.client("invoices:read", "invoices:write");
  buyer = await nodes.payer.client("offchain:read", "offchain:write");
  await nodes.payer.admin.call("router.ResetMissionControl");
});
afterAll(async () => {
  closeLnd(seller);
  closeLnd(buyer);
  await nodes.close();
});

const wish = { amount: msat(10_000n), memo: "conformance", expirySec: 600 };
const pay = (invoice: string) => sendPayment(buyer, { invoice, feeLimit: msat(100_000n), timeoutSec: 120 });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Pays with an amount of one's own, by the invoice's secret and along a route. */
async function payAmount(made: { paymentHash: Uint8Array }, amt_msat: number) {
  const { payment_addr } = await payee.call("lightning.LookupInvoice", { r_hash: made.paymentHash });
  const { route } = await nodes.payer.admin.call("router.BuildRoute", {
    amt_msat,
    final_cltv_delta: 90,
    hop_pubkeys: [nodes.hub, nodes.payee].map(({ key }) => Buffer.from(key, "hex")),
    payment_addr,
  });
  return nodes.payer.admin.call("router.SendToRouteV2", { payment_hash: made.paymentHash, route });
}

describe("AddInvoice", () => {
  test("signs what it was asked for, and anybody can read it", async () => {
    const made = await addInvoice(seller, wish);
    const told = await nodes.payer.admin.call("lightning.DecodePayReq", { pay_req: made.invoice });
    expect(told).toMatchObject({
      destination: nodes.payee.key,
      payment_hash: Buffer.from(made.paymentHash).toString("hex"),
      num_msat: "10000",
      expiry: "600",
      description: "conformance",
      cltv_expiry: "80",
    });
    expect(told.features["14"]).toMatchObject({ name: "payment-addr", is_required: true, is_known: true });
  });

  test("with expiry 0 lasts a day, with value 0 takes any amount", async () => {
    const { payment_request } = await payee.call("lightning.AddInvoice", {});
    const told = await payee.call("lightning.DecodePayReq", { pay_req: payment_request });
    expect(told).toMatchObject({ expiry: "86400", num_msat: "0" });
  });

  test.each([
    { name: "a negative value", request: { value_msat: "-1" }, want: "2 amount cannot be negative" },
    { name: "two values", request: { value: "1", value_msat: "1000" }, want: /^2 sat and msat arguments are mutually/ },
    { name: "more than there is", request: { value: "9000000000000000" }, want: /^2 .*too large/ },
    { name: "a memo of 1025 bytes", request: { value: "1", memo: "x".repeat(1025) }, want: /^2 memo too large/ },
    { name: "a memo of 640 bytes", request: { value: "1", memo: "x".repeat(640) }, want: /^2 .*10 bits: 1024/ },
    { name: "a year and a second", request: { value: "1", expiry: "31536001" }, want: /^2 expiry of 3/ },
    { name: "half a preimage", request: { value: "1", r_preimage: Buffer.alloc(16) }, want: /^2 .*preimage/ },
    { name: "17 blocks", request: { value: "1", cltv_expiry: "17" }, want: /^2 CLTV delta of 17/ },
  ])("refuses $name", async ({ request, want }) => {
    expect(await statusOf(payee.call("lightning.AddInvoice", request))).toMatch(want);
  });

  test("takes a preimage once", async () => {
    const request = { value: "5", r_preimage: randomBytes(32) };
    const { r_hash } = await payee.call("lightning.AddInvoice", request);
    expect(r_hash).toEqual(createHash("sha256").update(request.r_preimage).digest());
    const again = await statusOf(payee.call("lightning.AddInvoice", request));
    expect(again).toBe("2 invoice with payment hash already exists");
  });
});

describe("a lookup", () => {
  const look = (request: object) => statusOf(payee.call("lightning.LookupInvoice", request));
  const lookV2 = (request: object) => statusOf(payee.call("invoices.LookupInvoiceV2", request));

  test("of an unknown hash: NOT_FOUND from both", async () => {
    await addInvoice(seller, wish);
    expect(await look({ r_hash: randomBytes(32) })).toBe("5 unable to locate invoice");
    expect(await lookV2({ payment_hash: randomBytes(32) })).toBe("5 unable to locate invoice");
    expect(await lookupInvoice(seller, randomBytes(32))).toBeUndefined();
  });

  test("of what is no hash: UNKNOWN from the one, INVALID_ARGUMENT from the other", async () => {
    expect(await look({ r_hash: randomBytes(31) })).toMatch(/^2 payment hash must be exactly 32 bytes, is instead 31/);
    expect(await lookV2({})).toBe("3 invoice ref must be set");
    expect(await lookV2({ payment_hash: randomBytes(31) })).toMatch(/^3 /);
  });

  test("tells the adapter which permissions it has, without making an invoice", async () => {
    const now = unixSeconds(Math.floor(Date.now() / 1000));
    const missing = async (asked: LndClient) =>
      (await examineConnection(asked, ["invoices:read", "invoices:write"], now)).missing;
    expect(await missing(seller)).toEqual([]);
    const reader = await nodes.payee.client("invoices:read", "info:read");
    expect(await missing(reader)).toEqual(["invoices:write"]);
    const spender = await nodes.payee.client("offchain:read", "offchain:write");
    expect(await missing(spender)).toEqual(["invoices:read", "invoices:write"]);
    closeLnd(reader);
    closeLnd(spender);
  });
});

describe("canceling", () => {
  test("an open invoice, twice; then nobody can pay it", async () => {
    const made = await addInvoice(seller, wish);
    expect(await cancelInvoice(seller, made.paymentHash)).toBe("canceled");
    expect(await lookupInvoice(seller, made.paymentHash)).toEqual({ state: "canceled", amountPaid: 0n });
    expect(await cancelInvoice(seller, made.paymentHash)).toBe("canceled");
    expect(await payee.call("invoices.CancelInvoice", { payment_hash: made.paymentHash })).toEqual({});
    expect(await pay(made.invoice)).toMatchObject({ status: "failed", reason: "incorrect-payment-details" });
  });

  test("a settled one, an unknown one and half a hash: UNKNOWN", async () => {
    const made = await addInvoice(seller, wish);
    expect(await pay(made.invoice)).toMatchObject({ status: "succeeded" });
    const cancel = (payment_hash: Uint8Array) => statusOf(payee.call("invoices.CancelInvoice", { payment_hash }));
    expect(await cancel(made.paymentHash)).toBe("2 invoice already settled");
    expect(await cancelInvoice(seller, made.paymentHash)).toBe("settled");
    expect(await cancel(randomBytes(32))).toBe("2 unable to locate invoice");
    expect(await cancelInvoice(seller, randomBytes(32))).toBe("unknown");
    expect(await cancel(randomBytes(31))).toBe("2 invalid hash length of 31, want 32");
  });

  test("without the permission changes nothing, and a settled one is still known to be", async () => {
    const reader = await nodes.payee.client("invoices:read");
    const made = await addInvoice(seller, wish);
    await expect(cancelInvoice(reader, made.paymentHash)).rejects.toMatchObject({ code: "LND_REFUSED" });
    expect(await lookupInvoice(seller, made.paymentHash)).toMatchObject({ state: "open" });
    await pay(made.invoice);
    expect(await cancelInvoice(reader, made.paymentHash)).toBe("settled");
    closeLnd(reader);
  });

  test("while a payment is on its way one of the two wins, and both sides say which", async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const made = await addInvoice(seller, wish);
      const paying = pay(made.invoice);
      await pause(round * 12);
      const canceled = await cancelInvoice(seller, made.paymentHash);
      const { status } = await paying;
      const state = (await lookupInvoice(seller, made.paymentHash))?.state;
      outcomes.add(`${canceled}, ${status}, ${state}`);
    }
    const possible = ["canceled, failed, canceled", "settled, succeeded, settled"];
    expect(possible).toEqual(expect.arrayContaining([...outcomes]));
  });
});

describe("paying", () => {
  test("what was asked for settles it, once", async () => {
    const made = await addInvoice(seller, wish);
    const paid = await pay(made.invoice);
    expect(paid).toMatchObject({ status: "succeeded" });
    const row = await payee.call("lightning.LookupInvoice", { r_hash: made.paymentHash });
    expect(row).toMatchObject({ state: "SETTLED", settled: true, amt_paid_msat: "10000", amt_paid_sat: "10" });
    expect(row.htlcs).toMatchObject([{ state: "SETTLED", amt_msat: "10000", mpp_total_amt_msat: "10000" }]);
    expect(createHash("sha256").update(row.r_preimage).digest()).toEqual(Buffer.from(made.paymentHash));
  });

  test("a hundred times what was asked for is taken, and amt_paid says what came", async () => {
    const made = await addInvoice(seller, wish);
    expect((await payAmount(made, 1_000_000)).status).toBe("SUCCEEDED");
    expect(await lookupInvoice(seller, made.paymentHash)).toMatchObject({ state: "settled", amountPaid: 1_000_000n });
  });

  test("one msat less is refused by the payee, and the invoice stays open", async () => {
    const made = await addInvoice(seller, wish);
    const attempt = await payAmount(made, 9_999);
    expect(attempt).toMatchObject({
      status: "FAILED",
      failure: { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2, htlc_msat: "0" },
    });
    expect(attempt.failure.height).toBeGreaterThan(0);
    expect(await lookupInvoice(seller, made.paymentHash)).toEqual({ state: "open", amountPaid: 0n });
  });

  test("the payee's own book shows neither as a payment of its own", async () => {
    const { payments } = await payee.call("lightning.ListPayments", { include_incomplete: true });
    const { invoices } = await payee.call("lightning.ListInvoices", { reversed: true, num_max_invoices: "5" });
    const hashes = new Set(payments.map((payment: Answer) => payment.payment_hash));
    expect(invoices.some((row: Answer) => hashes.has(row.r_hash.toString("hex")))).toBe(false);
  });
});

describe("expiry", () => {
  test("cancels an invoice by itself, counted from the exact moment of its making", async () => {
    const before = Date.now();
    const made = await addInvoice(seller, { ...wish, expirySec: 1 });
    const after = Date.now();
    const state = async () => (await lookupInvoice(seller, made.paymentHash))?.state;
    // Asked and answered within a second of its making, so it is open whatever the fraction of a second was.
    const early = await state();
    if (Date.now() < before + 1_000) expect(early).toBe("open");
    await pause(after + 1_060 - Date.now());
    expect(await state()).toBe("canceled");
    expect(await cancelInvoice(seller, made.paymentHash)).toBe("canceled");
    const row = await payee.call("lightning.LookupInvoice", { r_hash: made.paymentHash });
    expect(Number(row.creation_date)).toBe(Math.floor(before / 1000));
    await expect(pay(made.invoice)).rejects.toMatchObject({ code: "LND_REFUSED" });
  });
});

describe("listing", () => {
  test("goes forward in pages, past the end it stays where it is", async () => {
    let before = 0n;
    for (let page = await listInvoices(seller, { afterAddIndex: 0n, limit: 1_000 }); page.lastAddIndex > before; ) {
      before = page.lastAddIndex;
      page = await listInvoices(seller, { afterAddIndex: before, limit: 1_000 });
    }
    for (let i = 0; i < 5; i++) await addInvoice(seller, { ...wish, memo: `nr ${i}\u202e\n` });
    const first = await listInvoices(seller, { afterAddIndex: before, limit: 3 });
    expect(first.invoices.map(({ memo }) => memo)).toEqual(["nr 0??", "nr 1??", "nr 2??"]);
    const second = await listInvoices(seller, { afterAddIndex: first.lastAddIndex, limit: 3 });
    expect(second.invoices.map(({ addIndex, state }) => [addIndex, state])).toEqual([
      [before + 4n, "open"],
      [before + 5n, "open"],
    ]);
    const { lastAddIndex } = second;
    expect(await listInvoices(seller, { afterAddIndex: lastAddIndex, limit: 3 })).toEqual({
      invoices: [],
      lastAddIndex,
    });
    expect(await payee.call("lightning.ListInvoices", { index_offset: "999999" })).toMatchObject({
      invoices: [],
      last_index_offset: "0",
    });
    const back = await payee.call("lightning.ListInvoices", { reversed: true, num_max_invoices: "2" });
    expect(back.invoices.map((row: Answer) => BigInt(row.add_index))).toEqual([before + 4n, before + 5n]);
  });

  test("pending_only leaves out what is settled or canceled", async () => {
    const made = await addInvoice(seller, wish);
    const canceled = await addInvoice(seller, wish);
    await cancelInvoice(seller, canceled.paymentHash);
    const { invoices } = await payee.call("lightning.ListInvoices", { pending_only: true, num_max_invoices: "10000" });
    const hashes = invoices.map((row: Answer) => row.r_hash.toString("hex"));
    expect(hashes).toContain(Buffer.from(made.paymentHash).toString("hex"));
    expect(hashes).not.toContain(Buffer.from(canceled.paymentHash).toString("hex"));
  });
});
