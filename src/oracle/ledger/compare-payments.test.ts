/** A node's payments beside ours: what is an alarm, and what is none. */
import { expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import type { PaymentState } from "../../core/spend/payment.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { type BookedPayment, comparePayments, type ListedPayment } from "./compare-payments.ts";

const nodePubkey = `02${"ab".repeat(32)}`;
const hash = (n: number) => new Uint8Array(32).fill(n);
const listed = (n: number, status: ListedPayment["status"], change: Partial<ListedPayment> = {}): ListedPayment => ({
  index: BigInt(n),
  paymentHash: hash(n),
  status,
  amount: msat(1_000n),
  fee: msat(status === "succeeded" ? 7n : 0n),
  ...change,
});
const ours = (n: number, state: PaymentState, change: Partial<BookedPayment> = {}): BookedPayment => ({
  paymentHash: hash(n),
  state,
  nodePubkey,
  amount: msat(1_000n),
  wasSent: true,
  lndIndex: BigInt(n),
  ...(state === "succeeded" && { fee: msat(7n) }),
  ...(state === "failed" && { failure: "no-route" }),
  ...change,
});

async function compare(list: ListedPayment[], books: BookedPayment[], known = new Map<string, { status: string }>()) {
  const cursor = { final: 0n };
  const found = await comparePayments(
    {
      nodePubkey: async () => nodePubkey,
      listPayments: async ({ afterIndex }) => {
        const payments = list.filter(({ index }) => index > afterIndex).slice(0, 2);
        return { payments, lastIndex: payments.at(-1)?.index ?? afterIndex };
      },
      track: async (paymentHash) => known.get(toHex(paymentHash)),
      readFinal: async () => cursor.final,
      advanceFinal: async (_, index) => {
        cursor.final = index;
      },
      booked: async (hashes) => {
        const asked = new Set(hashes.map(toHex));
        const rows = books.map((each) => [toHex(each.paymentHash), each] as const);
        return new Map(rows.filter(([hex]) => asked.has(hex)));
      },
      succeededSince: async () => books.filter(({ state }) => state === "succeeded"),
    },
    { since: unixSeconds(0), signal: new AbortController().signal },
  );
  return { ...found, final: cursor.final };
}

test("equal books differ in nothing, whatever others had the node do", async () => {
  const list = [
    listed(1, "succeeded"),
    listed(2, "failed"),
    listed(3, "succeeded"),
    listed(4, "failed"),
    listed(5, "in-flight"),
  ];
  const found = await compare(list, [ours(1, "succeeded"), ours(2, "failed"), ours(5, "unknown")]);
  expect(found).toMatchObject({
    listed: 5,
    ours: 3,
    others: 1,
    othersMsat: 1_007n,
    behind: 0,
    differences: [],
    differenceMsat: 0n,
    unknown: [],
    final: 4n,
  });
});

test("a payment that is open here is resolved elsewhere, and looked at again", async () => {
  const found = await compare([listed(1, "succeeded"), listed(2, "failed")], [ours(1, "unknown")]);
  expect(found).toMatchObject({ behind: 1, differences: [], differenceMsat: 0n, final: 0n });
});

test.each([
  { name: "another fee", list: listed(1, "succeeded", { fee: msat(9n) }), book: ours(1, "succeeded"), want: 2n },
  {
    name: "another amount",
    list: listed(1, "succeeded", { amount: msat(990n) }),
    book: ours(1, "succeeded"),
    want: 10n,
  },
  { name: "failed there, paid here", list: listed(1, "failed"), book: ours(1, "succeeded"), want: 1_007n },
  { name: "paid there, failed here", list: listed(1, "succeeded"), book: ours(1, "failed"), want: 1_007n },
  { name: "under way there, failed here", list: listed(1, "in-flight"), book: ours(1, "failed"), want: 1_000n },
])("$name is a difference", async ({ list, book, want }) => {
  const known = new Map([[toHex(hash(1)), { status: "succeeded" }]]);
  const found = await compare([list], [book], known);
  expect(found.differences).toMatchObject([{ paymentHashHex: toHex(hash(1)), state: book.state }]);
  expect(found.differenceMsat).toBe(want);
});

test.each([
  { name: "ours was rejected", book: ours(1, "failed", { wasSent: false, failure: "rejected" }) },
  { name: "ours was superseded", book: ours(1, "failed", { failure: "superseded" }) },
  { name: "ours failed under another number", book: ours(1, "failed", { lndIndex: 9n }) },
  { name: "ours is on another node", book: ours(1, "succeeded", { nodePubkey: `03${"00".repeat(32)}` }) },
])("what the node paid when $name is another's payment", async ({ book }) => {
  const known = new Map([[toHex(hash(1)), { status: "succeeded" }]]);
  expect(await compare([listed(1, "succeeded")], [book], known)).toMatchObject({
    others: 1,
    othersMsat: 1_007n,
    differences: [],
    unknown: [],
  });
});

test("a success that the node does not know is missing, one that the list did not reach is not", async () => {
  const known = new Map([[toHex(hash(2)), { status: "succeeded" }]]);
  const found = await compare([], [ours(1, "succeeded"), ours(2, "succeeded")], known);
  expect(found).toMatchObject({
    unknown: [{ paymentHashHex: toHex(hash(1)), costMsat: 1_007n }],
    differenceMsat: 1_007n,
  });
});
