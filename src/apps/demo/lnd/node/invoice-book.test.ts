import { expect, test } from "vitest";
import type { InvoiceEntry } from "./entries.ts";
import { type ArrivedHtlc, createInvoiceBook } from "./invoice-book.ts";

const entry: InvoiceEntry = {
  type: "invoice",
  node: "oracle",
  hash: "aa",
  preimage: "bb",
  secret: "cc",
  valueMsat: "21000",
  memo: "",
  createdAt: 1_000,
  expirySec: 60,
  cltvExpiry: 80,
  isPrivate: false,
  paymentRequest: "lnbcrt1",
  addIndex: 1,
};
const htlc: ArrivedHtlc = {
  channelId: 1n,
  amountMsat: 21_000,
  totalMsat: 21_000,
  secret: "cc",
  expiry: 900_080,
  height: 900_000,
};
const refused = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";

function open() {
  const clock = { now: 1_000 };
  const book = createInvoiceBook(() => clock.now);
  book.add(entry);
  return { book, clock };
}

test.each([
  { name: "what was asked for", change: {}, want: true },
  { name: "more than was asked for", change: { amountMsat: 30_000, totalMsat: 30_000 }, want: true },
  { name: "one msat less", change: { amountMsat: 20_999, totalMsat: 20_999 }, want: refused },
  { name: "another secret", change: { secret: "dd" }, want: refused },
  { name: "no secret", change: { secret: undefined }, want: refused },
  { name: "a lock one block too short", change: { expiry: 900_079 }, want: refused },
  { name: "one part of two", change: { amountMsat: 10_000 }, want: "MPP_TIMEOUT" },
])("the payee answers $name with $want", ({ change, want }) => {
  expect(open().book.accept("aa", { ...htlc, ...change })).toBe(want);
});

test("an invoice is paid once, not when canceled, and not from the second it expires", () => {
  const paid = open();
  expect(paid.book.accept("aa", htlc)).toBe(true);
  expect(paid.book.accept("aa", htlc)).toBe(refused);

  const canceled = open();
  canceled.book.cancel({ hash: "aa" });
  expect(canceled.book.accept("aa", htlc)).toBe(refused);

  const expired = open();
  expired.clock.now = 1_060;
  expect(expired.book.find("aa")?.state).toBe("CANCELED");
  expect(expired.book.accept("aa", htlc)).toBe(refused);
  expect(open().book.accept("ee", htlc)).toBe(refused);
});

test("what was never paid is forgotten an hour after it expired, what was paid never", () => {
  const { book, clock } = open();
  book.add({ ...entry, hash: "a2", addIndex: 2 });
  book.settle("a2", { amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
  clock.now = 1_060 + 3_599;
  book.forgetOld();
  expect(book.all().map(({ hash }) => hash)).toEqual(["aa", "a2"]);
  clock.now += 1;
  book.forgetOld();
  expect(book.all().map(({ hash }) => hash)).toEqual(["a2"]);
  expect(book.isKept({ hash: "aa", addIndex: 1 })).toBe(false);
});

test("an accepted payment is shown as settled only when told so", () => {
  const { book } = open();
  const heard: string[] = [];
  book.subscribe((invoice) => heard.push(invoice.state));
  book.accept("aa", htlc);
  expect(heard).toEqual([]);
  expect(book.find("aa")?.state).toBe("ACCEPTED");
  book.settle("aa", { amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
  expect(heard).toEqual(["SETTLED"]);
});
