/** A payment that the stream has not told of yet, credited from LND's word. */
import { expect, test } from "vitest";
import type { Deposit } from "../../core/l402/account.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { claimPayment, type InvoiceState } from "./claim-payment.ts";

const token = { tokenId: new Uint8Array(32), paymentHash: new Uint8Array(32).fill(1) };
const at = unixSeconds(1_800_000_000);
const settled = { state: "settled", amountPaid: msat(1_500n), settledAt: unixSeconds(at - 5) } as const;

function claim(invoice: InvoiceState | undefined): { deposits: Deposit[]; claimed: Promise<boolean> } {
  const deposits: Deposit[] = [];
  const ports = {
    isCredited: async () => false,
    findReceipt: async () => undefined,
    lookupInvoice: async () => invoice,
    credit: async (deposit: Deposit) => deposits.push(deposit) > 0,
  };
  return { deposits, claimed: claimPayment(ports, token, at) };
}

test("what LND says of an invoice is credited, with the node that was paid", async () => {
  const nodePubkey = `02${"ab".repeat(32)}`;
  const { deposits, claimed } = claim({ ...settled, nodePubkey });
  expect(await claimed).toBe(true);
  expect(deposits).toEqual([{ ...token, amount: 1_500n, settledAt: at - 5, nodePubkey, at }]);
});

test("without the node's name it is credited too", async () => {
  const { deposits, claimed } = claim(settled);
  expect(await claimed).toBe(true);
  expect(deposits).toEqual([{ ...token, amount: 1_500n, settledAt: at - 5, at }]);
});

test.each([{ state: "open" as const }, { state: "canceled" as const }, undefined])(
  "an invoice that is not settled (%j) credits nothing",
  async (invoice) => {
    const { deposits, claimed } = claim(invoice);
    await expect(claimed).rejects.toMatchObject({ code: "PAYMENT_PENDING" });
    expect(deposits).toEqual([]);
  },
);
