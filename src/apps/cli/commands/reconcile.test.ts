/** What an operator reads: whose receipts there are, and which are amiss. */
import { expect, test } from "vitest";
import type { Books } from "../../../adapters/postgres/reconciliation.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import type { Reconciliation } from "../../../oracle/ledger/reconcile.ts";
import { describeReconciliation } from "./reconcile.ts";

const [own, other] = [`02${"aa".repeat(32)}`, `03${"bb".repeat(32)}`];
const books: Books = {
  lightningMsat: 6_000n,
  inFlightMsat: 0n,
  spentMsat: 0n,
  routingFeeMsat: 0n,
  unclaimedMsat: 6_000n,
  tokensMsat: 0n,
  revenueMsat: 0n,
  kinds: [],
  received: [
    { nodePubkey: own, receivedMsat: 3_000n, receipts: 3n },
    { nodePubkey: other, receivedMsat: 2_000n, receipts: 2n },
    { nodePubkey: undefined, receivedMsat: 1_000n, receipts: 1n },
  ],
  accounts: 0n,
  accountDifferences: [],
  orphanAccounts: [],
  budgetDifferences: [],
  differenceMsat: 0n,
  findings: [],
};
const node = {
  nodePubkey: own,
  listed: 3,
  paid: 3,
  healed: 0,
  healedMsat: 0n,
  differences: [],
  differenceMsat: 0n,
  startedOver: undefined,
  hasLostData: false,
};
const found: Reconciliation<Books> = {
  ok: true,
  at: unixSeconds(1_800_000_000),
  differenceMsat: 0n,
  findings: [],
  books,
  nodes: [node],
  payments: [],
  unknown: [],
  unasked: [],
};
const describe = (report: Reconciliation<Books>) =>
  describeReconciliation(report, { paint: (_colour, text) => text }).join("\n");

test("what another node was paid is said, and is no alarm", () => {
  const text = describe(found);
  expect(text).toMatch(new RegExp(`2000 msat were received in 2 receipts at ${other}, another node`));
  expect(text.match(/another node/g)).toHaveLength(1);
  expect(text).toMatch(/the books hold$/);
});

test("nothing is called another node when all were asked, when none is set, or while one that is set is away", () => {
  expect(describe({ ...found, nodes: [node, { ...node, nodePubkey: other }] })).not.toMatch(/another node/);
  expect(describe({ ...found, nodes: [] })).not.toMatch(/another node/);
  expect(describe({ ...found, ok: false, unasked: [new Error("away")] })).not.toMatch(/another node/);
});

test("the receipts behind a finding are named, twenty of them at most", () => {
  const unknown = Array.from({ length: 25 }, (_, n) => ({ paymentHashHex: `hash-${n}-`, amountMsat: msat(1_000n) }));
  const differences = [{ paymentHashHex: "other", bookedMsat: msat(5n), paidMsat: msat(4n) }];
  const text = describe({
    ...found,
    ok: false,
    findings: ["25 receipts are not known to their node as paid"],
    nodes: [{ ...node, differences }],
    unknown,
  });
  expect(text).toMatch(/hash-0-: booked 1000 msat, not known as paid/);
  expect(text.match(/hash-/g)).toHaveLength(20);
  expect(text).toMatch(/other: booked 5 msat, paid 4 msat/);
  expect(text).toMatch(/the books do not hold$/);
});
