/** Payments from plan to end, on a real database and a node with LND's rules: answered, cut off, hanging, and gone. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outgoingPaymentTable } from "../../adapters/postgres/outgoing-payment.ts";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { readSpending } from "../../adapters/postgres/spend-budget.ts";
import { OracleError } from "../../core/errors.ts";
import { CLOCK_MARGIN_SEC } from "../../core/spend/judge-sighting.ts";
import type { PaymentLimits } from "../../core/spend/policy.ts";
import { type Msat, msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { type FakePayingNode, FEE, fakePayingNode } from "../../testing/fake-paying-node.ts";
import { approvePayment, type DecidePorts, rejectPayment } from "./decide-payment.ts";
import { type PayPorts, payInvoice } from "./pay-invoice.ts";
import { type ResolvePorts, resolvePayments } from "./resolve-payments.ts";
import { sendApproved } from "./send-approved.ts";

let database: TestDatabase;
let node: FakePayingNode;
let ports: PayPorts & ResolvePorts & DecidePorts;
/** Invoices are younger than the database's clock says, so that the job ends none of them by itself. */
const clock = { now: 0 };
beforeAll(async () => {
  database = await openTestDatabase(8);
});
afterAll(() => database.close());
beforeEach(() => {
  clock.now = Math.floor(Date.now() / 1000);
  node = fakePayingNode(clock);
  ports = portsOf(node);
});

const portsOf = (each: FakePayingNode) => ({
  ...outgoingPaymentTable(database.pool),
  ...each,
  now: () => unixSeconds(clock.now),
});
const limits: PaymentLimits = {
  mode: "auto",
  perPaymentMsat: msat(100_000n),
  per24hMsat: msat(1_000_000_000n),
  perSubject24hMsat: msat(1_000_000_000n),
  approveAboveMsat: msat(50_000n),
  maxFeeMsat: msat(2_000n),
};
const pay = (invoice: string, change: { limits?: Partial<PaymentLimits>; amount?: Msat; subject?: string } = {}) =>
  payInvoice(ports, {
    invoice,
    amount: change.amount,
    subject: change.subject,
    purpose: "test",
    actor: "test",
    limits: { ...limits, ...change.limits },
    now: unixSeconds(clock.now),
  });
const resolve = () => resolvePayments(ports, { actor: "crawler", signal: new AbortController().signal });
const stateOf = async (paymentHash: Uint8Array) => {
  const payment = await ports.find(paymentHash);
  return payment?.failure ?? payment?.state;
};
const held = async () => (await readSpending(database.pool, 86_400)).held;

/** What the node says has left it is what the books say, to the msat; `before` is what earlier tests spent. */
async function expectBooksToHold(before: { spentMsat: bigint; routingFeeMsat: bigint }): Promise<void> {
  const books = await checkBooks(database.pool);
  expect(books).toMatchObject({ differenceMsat: 0n, findings: [] });
  expect(books.spentMsat - before.spentMsat + books.routingFeeMsat - before.routingFeeMsat).toBe(node.spent());
}

test("an invoice is paid once, whoever asks how often", async () => {
  const before = await checkBooks(database.pool);
  const { invoice, paymentHash } = node.invoice();
  const results = await Promise.all(Array.from({ length: 8 }, () => pay(invoice)));
  expect(results.every(({ plan }) => plan.planned)).toBe(true);
  expect(node.state.calls).toBe(1);
  expect(await pay(invoice)).toMatchObject({
    plan: { isNew: false, payment: { state: "succeeded", fee: FEE, lndIndex: 1n } },
  });
  expect(await stateOf(paymentHash)).toBe("succeeded");
  await expectBooksToHold(before);
});

test("an open invoice is paid with the amount that was given", async () => {
  const { invoice, paymentHash } = node.invoice({ amount: undefined });
  expect(await pay(invoice)).toEqual({ plan: { planned: false, reason: "amount-missing" } });
  await pay(invoice, { amount: msat(4_321n) });
  expect(await ports.find(paymentHash)).toMatchObject({ state: "succeeded", amount: 4_321n });
});

describe("a call that is cut off", () => {
  test("and arrives later is paid once, and found", async () => {
    const before = await checkBooks(database.pool);
    node.state.lost = "call";
    const { invoice, paymentHash } = node.invoice();
    expect(await pay(invoice)).toMatchObject({ send: { sent: true, payment: { state: "unknown" } } });
    expect(await resolve()).toMatchObject({ asked: 1, waiting: 1, missing: [] });
    expect(await held()).toBe(2_000n);
    node.arrive();
    expect(await resolve()).toMatchObject({ succeeded: 1 });
    expect(await stateOf(paymentHash)).toBe("succeeded");
    await expectBooksToHold(before);
  });

  test("and never arrives is given up when the node would refuse it", async () => {
    const before = await checkBooks(database.pool);
    node.state.lost = "call";
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice);
    clock.now += 3_600 + CLOCK_MARGIN_SEC - 1;
    expect(await resolve()).toMatchObject({ waiting: 1 });
    clock.now += 1;
    expect(await resolve()).toMatchObject({ failed: 1 });
    expect(await stateOf(paymentHash)).toBe("never-sent");
    node.arrive();
    expect(node.spent()).toBe(0n);
    expect(await held()).toBe(0n);
    await expectBooksToHold(before);
  });

  test("is not given up for a failure that may be somebody else's", async () => {
    node.state.lost = "call";
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice);
    node.state.outcome = "fail";
    node.payByHand({ invoice, feeLimit: msat(0n) });
    expect(await resolve()).toMatchObject({ waiting: 1 });
    node.state.outcome = "settle";
    node.arrive();
    await resolve();
    expect(await stateOf(paymentHash)).toBe("succeeded");
  });

  test("before its answer has become what the node says", async () => {
    node.state.lost = "answer";
    const [paid, hanging] = [node.invoice(), node.invoice()];
    await pay(paid.invoice);
    node.state.outcome = "hang";
    await pay(hanging.invoice);
    expect(await resolve()).toMatchObject({ succeeded: 1, waiting: 1 });
    clock.now += 40 * 86_400;
    expect(await resolve()).toMatchObject({ waiting: 1 });
    expect(await held()).toBe(2_000n);
    node.decide(hanging.paymentHash, "fail");
    expect(await resolve()).toMatchObject({ failed: 1 });
    expect([await stateOf(hanging.paymentHash), await held()]).toEqual(["no-route", 0n]);
  });
});

describe("a node", () => {
  test("that is away before anything was sent is asked for nothing, and the payment waits", async () => {
    const { invoice, paymentHash } = node.invoice();
    const { payer } = ports;
    ports.payer = async () => payer().finally(() => (node.state.dead = true));
    await expect(pay(invoice)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
    expect(await stateOf(paymentHash)).toBe("approved");
    node.state.dead = false;
    ports.payer = payer;
    expect(await pay(invoice)).toMatchObject({ plan: { isNew: false }, send: { payment: { state: "succeeded" } } });
  });

  test("that refuses is believed", async () => {
    ports.pay = async () => Promise.reject(new OracleError("LND_REFUSED", "no"));
    const { invoice } = node.invoice();
    expect(await pay(invoice)).toMatchObject({
      send: { sent: true, payment: { state: "failed", failure: "refused" }, problem: { code: "LND_REFUSED" } },
    });
    ports.pay = async () => Promise.reject(new OracleError("LND_UNAVAILABLE", "away"));
    expect(await pay(node.invoice().invoice)).toMatchObject({ send: { payment: { failure: "never-sent" } } });
    expect(await held()).toBe(0n);
  });

  test("whose adapter has a fault of its own has proved nothing", async () => {
    ports.pay = async () => Promise.reject(new TypeError("a bug"));
    const { invoice, paymentHash } = node.invoice();
    expect(await pay(invoice)).toMatchObject({ send: { payment: { state: "unknown" } } });
    clock.now += 5_000;
    await resolve();
    expect(await stateOf(paymentHash)).toBe("never-sent");
  });

  test("that pays the invoice for somebody else is not asked again", async () => {
    const { invoice, paymentHash } = node.invoice();
    node.payByHand({ invoice, feeLimit: msat(0n) });
    expect(await pay(invoice)).toMatchObject({ send: { sent: false, reason: "superseded" } });
    expect([await stateOf(paymentHash), node.state.calls]).toEqual(["superseded", 0]);
  });

  test("that has failed it before is asked, and the old failure is not taken for the new one", async () => {
    const { invoice, paymentHash } = node.invoice();
    node.state.outcome = "fail";
    node.payByHand({ invoice, feeLimit: msat(0n) });
    node.state.outcome = "settle";
    node.state.lost = "call";
    await pay(invoice);
    expect(await resolve()).toMatchObject({ waiting: 1 });
    node.arrive();
    await resolve();
    expect(await ports.find(paymentHash)).toMatchObject({ state: "succeeded", priorIndex: 1n });
  });

  test("that forgets what it had begun is reported, and nothing is written off", async () => {
    node.state.outcome = "hang";
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice);
    node.forget(paymentHash);
    clock.now += 10 * 86_400;
    expect(await resolve()).toMatchObject({ waiting: 1, missing: [Buffer.from(paymentHash).toString("hex")] });
    expect(await held()).toBe(2_000n);
    ports.track = async () => ({ status: "failed", index: 1n, amount: msat(1_000n), reason: "timeout" });
    await resolve();
    expect(await stateOf(paymentHash)).toBe("timeout");
  });

  test("other than the payment's is neither asked to pay it nor about it", async () => {
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice, { limits: { mode: "ask" } });
    await approvePayment(ports, { paymentHash, actor: "me" });
    const other = { ...portsOf(fakePayingNode(clock)) };
    expect(await sendApproved(other, { paymentHash, actor: "me", limits })).toEqual({
      sent: false,
      reason: "other-node",
    });
    node.state.outcome = "hang";
    await sendApproved(ports, { paymentHash, actor: "me", limits });
    const elsewhere = await resolvePayments(other, { actor: "crawler", signal: new AbortController().signal });
    expect(elsewhere).toMatchObject({ asked: 0 });
    node.decide(paymentHash, "settle");
    expect(await resolve()).toMatchObject({ succeeded: 1 });
  });

  test("whose word about one payment makes no sense keeps no other waiting", async () => {
    node.state.lost = "answer";
    const [odd, even] = [node.invoice(), node.invoice()];
    await pay(odd.invoice);
    await pay(even.invoice);
    const { track } = ports;
    ports.track = async (hash) => {
      if (Buffer.compare(hash, odd.paymentHash) === 0) throw new OracleError("LND_REFUSED", "garbage");
      return track(hash);
    };
    expect(await resolve()).toMatchObject({ succeeded: 1, waiting: 1, problems: [{ code: "LND_REFUSED" }] });
    ports.track = track;
    expect(await resolve()).toMatchObject({ succeeded: 1 });
  });
});

describe("a person", () => {
  test("is asked in mode ask, and above the threshold in mode auto", async () => {
    const [small, large] = [node.invoice(), node.invoice({ amount: msat(50_001n) })];
    await pay(small.invoice, { limits: { mode: "ask" } });
    await pay(large.invoice);
    expect(await pay(large.invoice)).toMatchObject({ plan: { payment: { state: "awaiting-approval" } } });
    expect(await sendApproved(ports, { paymentHash: small.paymentHash, actor: "x", limits })).toMatchObject({
      sent: false,
      reason: "not-approved",
    });
    expect(node.state.calls).toBe(0);
    expect(await approvePayment(ports, { paymentHash: large.paymentHash, actor: "me" })).toMatchObject({
      decided: true,
    });
    const sent = await sendApproved(ports, { paymentHash: large.paymentHash, actor: "me", limits });
    expect(sent).toMatchObject({ sent: true, payment: { state: "succeeded" } });
    expect(await ports.find(large.paymentHash)).toMatchObject({ actor: "me" });
    expect(await approvePayment(ports, { paymentHash: large.paymentHash, actor: "me" })).toMatchObject({
      decided: false,
    });
  });

  test("who says no has said it for good", async () => {
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice, { limits: { mode: "ask" } });
    expect(await rejectPayment(ports, { paymentHash, actor: "me" })).toMatchObject({ decided: true });
    expect(await rejectPayment(ports, { paymentHash, actor: "me" })).toMatchObject({ decided: true });
    expect(await approvePayment(ports, { paymentHash, actor: "me" })).toMatchObject({ decided: false });
    expect(await pay(invoice)).toMatchObject({ plan: { payment: { failure: "rejected" } } });
    expect(await approvePayment(ports, { paymentHash: new Uint8Array(32), actor: "me" })).toEqual({
      decided: false,
      payment: undefined,
    });
  });
});

describe("at sending", () => {
  test.each([
    { name: "a policy that was turned off", change: { mode: "off" as const }, want: { reason: "off" } },
    { name: "a lower limit", change: { perPaymentMsat: msat(999n) }, want: { reason: "over-limit" } },
    { name: "a lower fee limit", change: { maxFeeMsat: msat(1n) }, want: { reason: "over-limit" } },
    { name: "a spent budget", change: { per24hMsat: msat(1n) }, want: { reason: "over-day", left: 0n } },
    { name: "the subject's spent budget", change: { perSubject24hMsat: msat(1n) }, want: { reason: "over-subject" } },
  ])("$name keeps it from being sent, and it may be sent later", async ({ change, want }) => {
    const { invoice, paymentHash } = node.invoice();
    await pay(invoice, { limits: { mode: "ask" }, subject: `subject of ${want.reason}` });
    await approvePayment(ports, { paymentHash, actor: "me" });
    const strict = { ...limits, ...change };
    expect(await sendApproved(ports, { paymentHash, actor: "me", limits: strict })).toMatchObject({
      sent: false,
      ...want,
    });
    expect([await stateOf(paymentHash), node.state.calls]).toEqual(["approved", 0]);
    expect(await sendApproved(ports, { paymentHash, actor: "me", limits })).toMatchObject({ sent: true });
  });
});
