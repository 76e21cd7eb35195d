/** A payment in several parts: what the payee waits for, and what becomes of parts that wait in vain. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
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

const invoice = (request = {}) => payee.call("lightning.AddInvoice", { value_msat: "30000", ...request });
/** Sends one part of the invoice's payment. */
async function part(
  made: Answer,
  amt_msat: string,
  change: { total?: string; addr?: Buffer; bare?: true; skip?: true } = {},
) {
  const { route } = await payer.call("router.BuildRoute", {
    amt_msat,
    final_cltv_delta: 90,
    hop_pubkeys: [nodes.hub, nodes.payee].map(({ key }) => Buffer.from(key, "hex")),
    payment_addr: change.addr ?? made.payment_addr,
  });
  if (change.bare) route.hops.at(-1).mpp_record = null;
  else route.hops.at(-1).mpp_record.total_amt_msat = change.total ?? "30000";
  const request = { payment_hash: made.r_hash, route, skip_temp_err: change.skip ?? false };
  return payer.call("router.SendToRouteV2", request);
}
const look = (made: Answer) => payee.call("lightning.LookupInvoice", { r_hash: made.r_hash });
const arrived = (made: Answer, count: number) =>
  expect.poll(async () => (await look(made)).htlcs.length, POLL).toBe(count);
const track = (made: Answer) =>
  payer.all("router.TrackPaymentV2", { payment_hash: made.r_hash, no_inflight_updates: true });

describe("parts", () => {
  test("wait for each other, then all settle with one preimage", async () => {
    const made = await invoice();
    const first = part(made, "10000");
    await arrived(made, 1);
    const waiting = await look(made);
    expect(waiting).toMatchObject({
      state: "OPEN",
      amt_paid_msat: "0",
      htlcs: [{ state: "ACCEPTED", amt_msat: "10000", mpp_total_amt_msat: "30000" }],
    });
    const attempts = await Promise.all([first, part(made, "20000")]);
    expect(attempts.map(({ status }) => status)).toEqual(["SUCCEEDED", "SUCCEEDED"]);
    for (const { preimage } of attempts) expect(createHash("sha256").update(preimage).digest()).toEqual(made.r_hash);
    const settled = await look(made);
    expect(settled).toMatchObject({ state: "SETTLED", amt_paid_msat: "30000" });
    expect(settled.htlcs.map((htlc: Answer) => htlc.state)).toEqual(["SETTLED", "SETTLED"]);
    const [payment] = await track(made);
    expect(payment).toMatchObject({ status: "SUCCEEDED", value_msat: "30000", fee_msat: "2000" });
    expect(payment.htlcs).toHaveLength(2);
  });

  test("go back at once when the invoice is canceled", async () => {
    const made = await invoice();
    const first = part(made, "10000");
    await arrived(made, 1);
    await payee.call("invoices.CancelInvoice", { payment_hash: made.r_hash });
    const attempt = await first;
    expect(attempt.failure).toMatchObject({ code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2 });
    expect(await look(made)).toMatchObject({ state: "CANCELED", amt_paid_msat: "0", htlcs: [{ state: "CANCELED" }] });
    expect(await track(made)).toMatchObject([
      { status: "FAILED", failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" },
    ]);
  });

  test("go back at once when the invoice expires", async () => {
    const made = await invoice({ expiry: Math.min(20, nodes.mppTimeoutMs / 2_000) });
    const attempt = await part(made, "10000");
    expect(attempt.failure).toMatchObject({ code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: 2 });
    expect((await look(made)).state).toBe("CANCELED");
  });

  test("that wait in vain: MPP_TIMEOUT, and the invoice can still be paid", async () => {
    const made = await invoice();
    const startedAt = Date.now();
    const attempt = await part(made, "10000");
    expect(attempt.failure).toMatchObject({ code: "MPP_TIMEOUT", failure_source_index: 2 });
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(nodes.mppTimeoutMs - 100);
    expect(await look(made)).toMatchObject({ state: "OPEN", htlcs: [{ state: "CANCELED" }] });
    const request = { payment_request: made.payment_request, fee_limit_msat: "100000", timeout_seconds: 120 };
    expect((await payer.all("router.SendPaymentV2", request)).at(-1).status).toBe("SUCCEEDED");
  }, 300_000);

  test("that disagree on the total, or have another secret, are refused and do not disturb the rest", async () => {
    const made = await invoice();
    const first = part(made, "10000");
    await arrived(made, 1);
    expect(await statusOf(part(made, "20000", { total: "40000" }))).toBe("2 mp payment total amount mismatch");
    expect(await statusOf(part(made, "20000", { addr: randomBytes(32) }))).toBe("2 payment address mismatch");
    expect(await statusOf(part(made, "20001"))).toMatch(/^2 attempted value exceeds payment amount/);
    expect(await statusOf(part(made, "20000", { bare: true }))).toBe("6 payment is in transition");
    const last = await part(made, "20000");
    expect([(await first).status, last.status]).toEqual(["SUCCEEDED", "SUCCEEDED"]);
  });

  test("with skip_temp_err one that fails does not fail the payment", async () => {
    const made = await invoice();
    const { route } = await payer.call("router.BuildRoute", {
      amt_msat: "10000",
      final_cltv_delta: 90,
      hop_pubkeys: [nodes.hub, nodes.payee].map(({ key }) => Buffer.from(key, "hex")),
      payment_addr: made.payment_addr,
    });
    route.hops.at(-1).mpp_record.total_amt_msat = "30000";
    route.total_amt_msat = "10001";
    const request = { payment_hash: made.r_hash, route, skip_temp_err: true };
    expect((await payer.call("router.SendToRouteV2", request)).failure.code).toBe("FEE_INSUFFICIENT");
    expect((await part(made, "30000", { skip: true })).status).toBe("SUCCEEDED");
    const bare = { ...request, payment_hash: randomBytes(32) };
    bare.route.hops.at(-1).mpp_record = null;
    expect(await statusOf(payer.call("router.SendToRouteV2", bare))).toMatch(/^2 cannot skip temp error for non-MPP/);
  });
});
