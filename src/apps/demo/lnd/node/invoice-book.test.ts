import { describe, expect, test } from "vitest";
import type { InvoiceEntry } from "./entries.ts";
import { createInvoiceBook, type InvoiceBook } from "./invoice-book.ts";
import type { ArrivedHtlc, Resolution } from "./invoice-htlc.ts";

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
  part: {} as ArrivedHtlc["part"],
  resolve: () => undefined,
};
const refused = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS";

function open() {
  const clock = { now: 1_000 };
  const book = createInvoiceBook(() => clock.now);
  book.add(entry);
  return { book, clock };
}

const hashes = (book: InvoiceBook) => [...book.all()].map(({ hash }) => hash);

test.each([
  { name: "what was asked for", change: {}, want: "ACCEPTED" },
  { name: "a thousand times what was asked for", change: { amountMsat: 21e6, totalMsat: 21e6 }, want: "ACCEPTED" },
  { name: "one msat less", change: { amountMsat: 20_999, totalMsat: 20_999 }, want: refused },
  { name: "another secret", change: { secret: "dd" }, want: refused },
  { name: "no secret", change: { secret: undefined }, want: refused },
  { name: "a lock one block too short", change: { expiry: 900_079 }, want: refused },
  { name: "one part of two", change: { amountMsat: 10_000 }, want: "OPEN" },
])("the payee answers $name with $want", ({ change, want }) => {
  const taken = open().book.accept("aa", { ...htlc, ...change });
  expect(typeof taken === "string" ? taken : taken.invoice.state).toBe(want);
});

describe("parts of one payment", () => {
  const part = (book: InvoiceBook, change: Partial<ArrivedHtlc> = {}) => {
    const seen: Resolution[] = [];
    const arrived = { ...htlc, amountMsat: 10_500, ...change, resolve: (end: Resolution) => seen.push(end) };
    return { taken: book.accept("aa", arrived), seen };
  };

  test("are held until the last is there, and end together", () => {
    const { book } = open();
    const [first, second] = [part(book), part(book)];
    expect([first.seen, second.seen]).toEqual([[], []]);
    expect(book.find("aa")).toMatchObject({ state: "ACCEPTED", isSettling: true, amountPaidMsat: 0 });
    book.settle("aa", { preimage: "bb", amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
    expect([first.seen, second.seen]).toEqual([[{ preimage: "bb" }], [{ preimage: "bb" }]]);
    expect(part(book).taken).toBe(refused);
  });

  test("must agree on the total, and may bring more than it", () => {
    const { book } = open();
    part(book);
    expect(part(book, { totalMsat: 22_000 }).taken).toBe(refused);
    expect(part(book, { amountMsat: 50_000 }).taken).toMatchObject({ invoice: { state: "ACCEPTED" } });
  });

  test("go back when time is up, when the invoice is canceled, and when it expires", () => {
    const late = open();
    const { taken, seen } = part(late.book);
    if (typeof taken === "string") throw new Error(taken);
    late.book.giveUp(taken.invoice, taken.htlc);
    late.book.giveUp(taken.invoice, taken.htlc);
    expect(seen).toEqual([{ code: "MPP_TIMEOUT" }]);
    expect(late.book.find("aa")?.state).toBe("OPEN");

    const canceled = open();
    const one = part(canceled.book);
    canceled.book.cancel({ hash: "aa" });
    expect(one.seen).toEqual([{ code: refused }]);

    const expired = open();
    const other = part(expired.book);
    expired.clock.now = 1_060;
    expired.book.find("aa");
    expect(other.seen).toEqual([{ code: refused }]);
  });

  test("of a hold invoice wait for its preimage, also when it expires meanwhile, and go back when it is canceled", () => {
    const { book, clock } = open();
    book.add({ ...entry, hash: "h", preimage: "", isHold: true, addIndex: 2 });
    const seen: Resolution[] = [];
    book.accept("h", { ...htlc, resolve: (end) => seen.push(end) });
    clock.now = 1_060;
    expect(book.find("h")).toMatchObject({ state: "ACCEPTED", isSettling: false });
    book.cancel({ hash: "h" });
    expect(seen).toEqual([{ code: refused }]);
    expect(book.find("h")).toMatchObject({ state: "CANCELED" });
  });
});

test("an invoice is paid once, not when canceled, and not from the second it expires", () => {
  const paid = open();
  expect(paid.book.accept("aa", htlc)).toMatchObject({ invoice: { state: "ACCEPTED" } });
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
  book.settle("a2", { preimage: "bb", amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
  clock.now = 1_060 + 3_599;
  book.forgetOld();
  expect(hashes(book)).toEqual(["aa", "a2"]);
  expect(book.isKept({ hash: "aa", addIndex: 1 })).toBe(true);
  clock.now += 1;
  book.forgetOld();
  expect(hashes(book)).toEqual(["a2"]);
  expect(book.isKept({ hash: "aa", addIndex: 1 })).toBe(false);
  expect(book.isKept({ hash: "aa" })).toBe(false);
});

test("one that lives for a year keeps no other from being forgotten", () => {
  const { book, clock } = open();
  book.add({ ...entry, hash: "year", addIndex: 2, expirySec: 31_536_000 });
  book.add({ ...entry, hash: "later", addIndex: 3 });
  clock.now = 1_060 + 3_600;
  book.forgetOld();
  expect(hashes(book)).toEqual(["year"]);
  // The last index given out stays in the journal, or the next start would give it out again.
  expect(book.isKept({ hash: "later", addIndex: 3 })).toBe(true);
});

test("of those that are canceled ten thousand are remembered", () => {
  const { book } = open();
  for (let i = 2; i <= 25_000; i++) {
    book.add({ ...entry, hash: `${i}`, addIndex: i });
    book.cancel({ hash: `${i}` });
    book.forgetOld();
  }
  expect(hashes(book)).toHaveLength(10_001);
  expect(book.find("aa")?.state).toBe("OPEN");
  expect(book.find("25000")?.state).toBe("CANCELED");
});

test("a preimage that is used again after it was forgotten is another invoice", () => {
  const { book, clock } = open();
  clock.now += 4_000;
  book.forgetOld();
  clock.now += 1;
  book.add({ ...entry, addIndex: 2, createdAt: clock.now });
  book.forgetOld();
  expect(book.find("aa")).toMatchObject({ state: "OPEN", addIndex: 2 });
  expect(book.isKept({ hash: "aa", addIndex: 1 })).toBe(false);
});

test("an accepted payment is shown as settled only when told so", () => {
  const { book } = open();
  const heard: string[] = [];
  book.subscribe((invoice) => heard.push(invoice.state));
  book.accept("aa", htlc);
  expect(heard).toEqual([]);
  expect(book.find("aa")?.state).toBe("ACCEPTED");
  book.settle("aa", { preimage: "bb", amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
  expect(heard).toEqual(["SETTLED"]);
});

test("who would cancel waits until a payment under way is decided", async () => {
  const { book } = open();
  book.accept("aa", htlc);
  const heard: string[] = [];
  const waiting = book.decided("aa").then(() => heard.push("decided"));
  await book.decided("ee");
  expect(heard).toEqual([]);
  book.settle("aa", { preimage: "bb", amountMsat: 21_000, settledAt: 1_010, settleIndex: 1 });
  await waiting;
});
