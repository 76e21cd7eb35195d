/** ListPayments, and how payments are forgotten. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
import { listen } from "./listen.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { statusOf } from "./status.ts";

const POLL = { timeout: 120_000, interval: 50 };

let nodes: Nodes;
let payer: Dialed;
let payee: Dialed;
/** Index of the last payment before these tests, and the hashes of theirs: paid, failed, paid. */
let before: string;
const hashes: string[] = [];
beforeAll(async () => {
  nodes = await openNodes();
  payer = nodes.payer.admin;
  payee = nodes.payee.admin;
  await payer.call("router.ResetMissionControl");
  before = (await list({ include_incomplete: true, reversed: true, max_payments: "1" })).last_index_offset;
  for (const isPaid of [true, false, true]) {
    const made = await payee.call("lightning.AddInvoice", { value_msat: "10000" });
    if (!isPaid) await payee.call("invoices.CancelInvoice", { payment_hash: made.r_hash });
    await payer.all("router.SendPaymentV2", {
      payment_request: made.payment_request,
      fee_limit_msat: "100000",
      timeout_seconds: 120,
    });
    hashes.push(made.r_hash.toString("hex"));
  }
});
afterAll(() => nodes.close());

const list = (request: object) => payer.call("lightning.ListPayments", request);
const shown = (page: Answer) => page.payments.map((payment: Answer) => payment.payment_hash);
const since = (request: object) => list({ index_offset: before, ...request });

describe("ListPayments", () => {
  test("goes up by index, without what has not succeeded unless asked", async () => {
    const all = await since({ include_incomplete: true });
    expect(shown(all)).toEqual(hashes);
    expect(all.payments.map((payment: Answer) => payment.status)).toEqual(["SUCCEEDED", "FAILED", "SUCCEEDED"]);
    expect(all.payments.map((payment: Answer) => payment.htlcs.length)).toEqual([1, 0, 1]);
    expect(shown(await since({}))).toEqual([hashes[0], hashes[2]]);
  });

  test("in pages, which the indexes of the answer continue", async () => {
    const first = await since({ include_incomplete: true, max_payments: "2" });
    expect(shown(first)).toEqual(hashes.slice(0, 2));
    expect(first.first_index_offset).toBe(first.payments[0].payment_index);
    expect(first.last_index_offset).toBe(first.payments[1].payment_index);
    const second = await list({ include_incomplete: true, index_offset: first.last_index_offset, max_payments: "2" });
    expect(shown(second)).toEqual(hashes.slice(2));
    expect(shown(await since({ max_payments: "2" }))).toEqual([hashes[0], hashes[2]]);
  });

  test("reversed from the end, in the order of the indexes all the same", async () => {
    expect(shown(await list({ include_incomplete: true, reversed: true, max_payments: "2" }))).toEqual(hashes.slice(1));
  });

  test("past the end: no rows, and indexes that are 0", async () => {
    const past = await list({ include_incomplete: true, index_offset: "99999999" });
    expect(past).toMatchObject({
      payments: [],
      first_index_offset: "0",
      last_index_offset: "0",
      total_num_payments: "0",
    });
  });

  test("counts all when asked to", async () => {
    const { total_num_payments } = await list({ max_payments: "1", count_total_payments: true });
    expect(Number(total_num_payments)).toBeGreaterThanOrEqual(3);
  });

  test("shows one in flight only when asked for what is incomplete", async () => {
    const preimage = randomBytes(32);
    const hash = createHash("sha256").update(preimage).digest();
    const { payment_request } = await payee.call("invoices.AddHoldInvoice", { hash, value_msat: "10000" });
    const sending = listen(payer, "router.SendPaymentV2", {
      payment_request,
      fee_limit_msat: "100000",
      timeout_seconds: 120,
    });
    const state = async () => (await payee.call("lightning.LookupInvoice", { r_hash: hash })).state;
    await expect.poll(state, POLL).toBe("ACCEPTED");
    const last = await list({ include_incomplete: true, reversed: true, max_payments: "1" });
    expect(last.payments).toMatchObject([{ payment_hash: hash.toString("hex"), status: "IN_FLIGHT" }]);
    expect(shown(await since({}))).not.toContain(hash.toString("hex"));
    await payer.call("lightning.DeleteAllPayments", { failed_payments_only: true });
    expect(shown(await since({ include_incomplete: true }))).toContain(hash.toString("hex"));
    await payee.call("invoices.CancelInvoice", { payment_hash: hash });
    await sending.ended;
  });
});

describe("forgetting", () => {
  const remove = (payment_hash: Uint8Array, request = {}) =>
    statusOf(payer.call("lightning.DeletePayment", { payment_hash, ...request }));
  const removeAll = (request: object) => payer.call("lightning.DeleteAllPayments", request);

  test("what is not there, or no hash: UNKNOWN", async () => {
    expect(await remove(randomBytes(32))).toMatch(/^2 /);
    expect(await remove(randomBytes(31))).toBe("2 invalid hash length of 31, want 32");
  });

  test("all, only when it is said which", async () => {
    expect(await statusOf(removeAll({}))).toMatch(/^2 at least one of the options/);
    expect(await statusOf(removeAll({ all_payments: true, failed_payments_only: true }))).toMatch(
      /^2 `all_payments` cannot/,
    );
  });

  test("failed ones alone; those that succeeded stay, and their invoices' payees do not care", async () => {
    const { payment_request, r_hash } = await payee.call("lightning.AddInvoice", { value_msat: "10000" });
    await payee.call("invoices.CancelInvoice", { payment_hash: r_hash });
    await payer.all("router.SendPaymentV2", { payment_request, fee_limit_msat: "100000", timeout_seconds: 120 });
    const { status } = await removeAll({ failed_payments_only: true });
    expect(status).toMatch(/^[1-9]\d* payments deleted, failed_htlcs_only=false/);
    const left = await since({ include_incomplete: true });
    expect(left.payments.every((payment: Answer) => payment.status !== "FAILED")).toBe(true);
    expect(shown(left)).toEqual(expect.arrayContaining([hashes[0], hashes[2]]));
  });

  test("one that succeeded: then it is unknown, and its invoice still cannot be paid again", async () => {
    const payment_hash = Buffer.from(hashes[0]!, "hex");
    expect(await remove(payment_hash, { failed_htlcs_only: true })).toBe("OK");
    expect(shown(await since({}))).toContain(hashes[0]);
    expect(await remove(payment_hash)).toBe("OK");
    expect(shown(await since({ include_incomplete: true }))).not.toContain(hashes[0]);
    expect(await statusOf(payer.all("router.TrackPaymentV2", { payment_hash }))).toBe("5 payment isn't initiated");
    const { payment_request } = await payee.call("lightning.LookupInvoice", { r_hash: payment_hash });
    const again = await payer.all("router.SendPaymentV2", {
      payment_request,
      fee_limit_msat: "100000",
      timeout_seconds: 120,
    });
    expect(again.at(-1)).toMatchObject({
      status: "FAILED",
      failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS",
    });
  });
});

describe("the node's own channels", () => {
  test("ListChannels and ChannelBalance say what can be sent, and what is locked", async () => {
    const { channels } = await payer.call("lightning.ListChannels");
    expect(channels).toHaveLength(1);
    expect(channels[0]).toMatchObject({ active: true, remote_pubkey: nodes.hub.key, capacity: "5000000" });
    expect(Number(channels[0].local_chan_reserve_sat)).toBeGreaterThan(0);
    const balance = await payer.call("lightning.ChannelBalance");
    expect(balance.local_balance.sat).toBe(channels[0].local_balance);
    const spent = Number(channels[0].local_balance) + Number(channels[0].remote_balance);
    expect(spent).toBeLessThanOrEqual(5_000_000);
    expect(spent).toBeGreaterThan(4_980_000);
  });

  test.each([
    { name: "active and inactive", request: { active_only: true, inactive_only: true } },
    { name: "public and private", request: { public_only: true, private_only: true } },
    { name: "half a peer", request: { peer: Buffer.alloc(5) } },
  ])("ListChannels of $name: UNKNOWN", async ({ request }) => {
    expect(await statusOf(payer.call("lightning.ListChannels", request))).toMatch(/^2 /);
  });
});
