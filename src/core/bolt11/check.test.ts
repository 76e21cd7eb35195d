import { expect, test } from "vitest";
import type { Msat, UnixSeconds } from "../units.ts";
import { checkInvoice } from "./check.ts";
import type { Invoice } from "./invoice.ts";

const invoice: Invoice = {
  network: "bcrt",
  amount: 21_000n as Msat,
  timestamp: 1_000 as UnixSeconds,
  expirySec: 60,
  paymentHash: new Uint8Array(32).fill(1),
  paymentSecret: new Uint8Array(32).fill(2),
  description: "",
  payee: new Uint8Array(33).fill(3),
  minFinalCltvExpiry: 18,
  routeHints: [],
  features: [],
};
const { amount: _, ...amountless } = invoice;
const now = 1_059 as UnixSeconds;
const agreed = {
  network: "bcrt" as const,
  amount: 21_000n as Msat,
  paymentHash: new Uint8Array(32).fill(1),
  payee: new Uint8Array(33).fill(3),
  now,
};

test.each([
  { name: "as agreed, in its last second", invoice, expected: agreed, want: "ok" },
  { name: "nothing agreed but the time", invoice, expected: { now }, want: "ok" },
  { name: "dead in the second it names", invoice, expected: { ...agreed, now: 1_060 as UnixSeconds }, want: "expired" },
  { name: "another network", invoice, expected: { ...agreed, network: "bc" as const }, want: "network" },
  { name: "one msat more", invoice, expected: { ...agreed, amount: 20_999n as Msat }, want: "amount" },
  { name: "an amount left open", invoice: amountless, expected: agreed, want: "amount" },
  { name: "another payment", invoice, expected: { ...agreed, paymentHash: new Uint8Array(32) }, want: "payment-hash" },
  { name: "another payee", invoice, expected: { ...agreed, payee: new Uint8Array(33) }, want: "payee" },
])("$name: $want", ({ invoice, expected, want }) => {
  const verdict = checkInvoice(invoice, expected);
  expect(verdict.ok ? "ok" : verdict.reason).toBe(want);
});
