/** What is paid, what waits for a person, and what is not paid at all. */
import { expect, test } from "vitest";
import type { Invoice } from "../bolt11/invoice.ts";
import { fromHex } from "../bytes.ts";
import { msat, unixSeconds } from "../units.ts";
import { invoiceNetworkOf, judgeRequest } from "./judge-request.ts";
import { NOTHING_ALLOWED, type PaymentLimits, SIMULATED_POLICY } from "./policy.ts";

const now = unixSeconds(1_800_000_000);
const payer = { nodePubkey: `03${"cd".repeat(32)}`, network: "bc" as const };
const limits: PaymentLimits = {
  mode: "auto",
  perPaymentMsat: msat(10_000n),
  per24hMsat: msat(12_000n),
  perSubject24hMsat: msat(11_000n),
  approveAboveMsat: msat(5_000n),
  maxFeeMsat: msat(2_000n),
};
const invoice: Invoice = {
  network: "bc",
  amount: msat(5_000n),
  timestamp: unixSeconds(now - 10),
  expirySec: 60,
  paymentHash: new Uint8Array(32),
  paymentSecret: new Uint8Array(32),
  description: "",
  payee: fromHex(`02${"ab".repeat(32)}`)!,
  minFinalCltvExpiry: 18,
  routeHints: [],
  features: [8, 14, 17],
};
const { amount: _, ...open } = invoice;
const asked = (amount: bigint) => ({ ...invoice, amount: msat(amount) });

test.each([
  { name: "a payment at the threshold", want: { ok: true, amount: 5_000n, feeLimit: 2_000n, needsApproval: false } },
  { name: "one msat above it waits for a person", invoice: asked(5_001n), want: { ok: true, needsApproval: true } },
  { name: "in mode ask the smallest waits", limits: { mode: "ask" }, want: { ok: true, needsApproval: true } },
  { name: "half of a small amount goes for routing", invoice: asked(3_000n), want: { ok: true, feeLimit: 1_500n } },
  { name: "but a satoshi may, always", invoice: asked(10n), want: { ok: true, feeLimit: 1_000n } },
  { name: "an open invoice with an amount", invoice: open, amount: 3n, want: { ok: true, amount: 3n } },
  { name: "the same amount said twice", amount: 5_000n, want: { ok: true, amount: 5_000n } },
  { name: "nothing in mode off", limits: { mode: "off" }, want: { ok: false, reason: "off" } },
  { name: "another network", invoice: { ...invoice, network: "tb" }, want: { ok: false, reason: "network" } },
  { name: "the second it expires", at: 50, want: { ok: false, reason: "expired" } },
  { name: "our own invoice", payee: payer.nodePubkey, want: { ok: false, reason: "own-invoice" } },
  { name: "AMP, required", invoice: { ...invoice, features: [8, 14, 30] }, want: { ok: false, reason: "amp" } },
  { name: "AMP, offered", invoice: { ...invoice, features: [9, 15, 31] }, want: { ok: false, reason: "amp" } },
  { name: "an open invoice", invoice: open, want: { ok: false, reason: "amount-missing" } },
  { name: "an open invoice and nothing", invoice: open, amount: 0n, want: { ok: false, reason: "amount-missing" } },
  { name: "another amount than asked", amount: 5_001n, want: { ok: false, reason: "amount-differs" } },
  { name: "one msat too much", invoice: asked(10_001n), want: { ok: false, reason: "amount-over-limit" } },
  { name: "a fee limit above the policy's", feeLimit: 2_001n, want: { ok: false, reason: "fee-over-limit" } },
  {
    name: "with its fee more than a subject's day",
    invoice: asked(9_001n),
    want: { ok: false, reason: "budget-too-small" },
  },
  {
    name: "with its fee more than a day",
    limits: { perSubject24hMsat: msat(99_999n), per24hMsat: msat(6_999n) },
    want: { ok: false, reason: "budget-too-small" },
  },
])("$name", ({ want, ...given }) => {
  const base = "payee" in given ? { ...invoice, payee: fromHex(given.payee!)! } : (given.invoice ?? invoice);
  const request = {
    invoice: base as Invoice,
    amount: given.amount === undefined ? undefined : msat(given.amount),
    feeLimit: given.feeLimit === undefined ? undefined : msat(given.feeLimit),
    now: unixSeconds(now + (given.at ?? 0)),
  };
  expect(judgeRequest(request, payer, { ...limits, ...(given.limits as Partial<PaymentLimits>) })).toMatchObject(want);
});

test("each network of LND has its invoices, and an unknown one has none", () => {
  const named = ["mainnet", "testnet", "testnet4", "signet", "regtest", "simnet", "constructor", undefined];
  expect(named.map(invoiceNetworkOf)).toEqual(["bc", "tb", "tb", "tbs", "bcrt", "sb", undefined, undefined]);
});

test("without a policy nothing is paid and nobody is probed; the simulated network's is open", () => {
  expect(judgeRequest({ invoice: asked(1n), now }, payer, NOTHING_ALLOWED.payments)).toEqual({
    ok: false,
    reason: "off",
  });
  expect(NOTHING_ALLOWED.probes.mode).toBe("off");
  expect(judgeRequest({ invoice: asked(1n), now }, payer, SIMULATED_POLICY.payments)).toMatchObject({ ok: true });
});
