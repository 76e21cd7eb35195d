/** What the database itself refuses of a payment, whatever a process says; and the budget, when many ask at once. */
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import { decodeEvidence } from "../../core/evidence/canonical.ts";
import type { PaymentPlan } from "../../core/spend/payment.ts";
import { msat } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { NODE, paymentPlan } from "../../testing/payment-plan.ts";
import { evidenceTable } from "./evidence.ts";
import { MEASURING, outgoingPaymentTable } from "./outgoing-payment.ts";
import { checkBooks } from "./reconciliation.ts";
import { readSpending } from "./spend-budget.ts";

let database: TestDatabase;
let table: ReturnType<typeof outgoingPaymentTable>;
beforeAll(async () => {
  database = await openTestDatabase(12);
  table = outgoingPaymentTable(database.pool);
});
afterEach(async () => {
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  await asOwner("TRUNCATE outgoing_payment, payment_step, journal");
});
afterAll(() => database.close());

const limits = { windowSec: 86_400, total: msat(1_000_000n), perSubject: msat(1_000_000n) };
const sending = { actor: "test", priorIndex: 0n, answerSec: 60, limits };

/** What no process may do: for tests that need a payment of yesterday. */
async function asOwner(text: string, values: unknown[] = []): Promise<void> {
  const client = await database.pool.connect();
  await client.query("SET session_replication_role = replica");
  await client.query(text, values).finally(() => client.query("SET session_replication_role = DEFAULT"));
  client.release();
}

async function planned(change: Partial<PaymentPlan> = {}) {
  const plan = paymentPlan(change);
  await table.plan(plan);
  return plan;
}
async function sent(change: Partial<PaymentPlan> = {}) {
  const plan = await planned(change);
  expect(await table.begin(plan.paymentHash, sending)).toEqual({ begun: true });
  return plan;
}
const paid = ({ preimage }: { preimage: Uint8Array }, fee = 40n) =>
  ({ status: "succeeded", preimage, fee: msat(fee) }) as const;
const journal = async () =>
  (await database.pool.query("SELECT kind, amount_msat FROM journal ORDER BY journal_id")).rows.map(
    (row) => `${row.kind} ${row.amount_msat}`,
  );

test("a payment that measures proves that its payee was there, if that has announced itself; others and failed ones are not told", async () => {
  const log = evidenceTable(database.pool);
  const [announced, hidden] = [`02${"7".repeat(64)}`, `02${"8".repeat(64)}`];
  await asOwner(
    `INSERT INTO node (node_key, key_hash, alias, channel_count, live_in_count, capacity_sat, last_update_at, snapshot_id)
     VALUES (decode($1, 'hex'), sha256('x'), '', 0, 0, 0, 0, 1)`,
    [announced],
  );
  const before = (await log.networkHead()).position;
  const failed = await sent({ payee: announced, purpose: MEASURING });
  await table.close(failed.paymentHash, { status: "failed", failure: "no-route" }, "test");
  const secret = await sent({ payee: hidden, purpose: MEASURING });
  await table.close(secret.paymentHash, paid(secret), "test");
  expect((await log.networkHead()).position).toBe(before);

  const operators = await sent({ payee: announced, purpose: "operator" });
  await table.close(operators.paymentHash, paid(operators), "test");
  expect((await log.networkHead()).position).toBe(before);

  const plan = await sent({ payee: announced, purpose: MEASURING, amount: msat(4_321n) });
  const closed = await table.close(plan.paymentHash, paid(plan), "test");
  expect(await table.close(plan.paymentHash, paid(plan), "test")).toBeUndefined();
  const links = await log.page(before, 10);
  const [evidence] = links.map(({ text }) => decodeEvidence(text));
  expect(links).toHaveLength(1);
  expect(evidence).toMatchObject({
    observedAt: closed!.closedAt,
    source: "payment",
    vantage: NODE,
    observation: { kind: "reached", node: announced, amount: 3_000n, code: "SETTLED" },
  });
  expect(evidence!.attempt).not.toBe(toHex(plan.paymentHash));
  await asOwner("DELETE FROM node");
});

test("a payment is planned once, held, paid, and every msat is posted", async () => {
  const plan = await planned();
  expect(await table.plan({ ...plan, amount: msat(5n), actor: "another" })).toMatchObject({
    isNew: false,
    payment: { amount: 1_000n, actor: "test", state: "approved" },
  });
  expect(await table.begin(plan.paymentHash, sending)).toEqual({ begun: true });
  expect(await table.begin(plan.paymentHash, sending)).toMatchObject({ begun: false, state: "sending" });
  expect(await readSpending(database.pool, 86_400)).toMatchObject({ spent: 0n, held: 1_100n });
  await table.noteIndex(plan.paymentHash, 7n);
  expect(await table.close(plan.paymentHash, paid(plan), "crawler")).toMatchObject({
    state: "succeeded",
    fee: 40n,
    lndIndex: 7n,
  });
  expect(await table.close(plan.paymentHash, { status: "failed", failure: "no-route" }, "x")).toBeUndefined();
  expect(await table.lose(plan.paymentHash, "x", true)).toBeUndefined();
  expect(await journal()).toEqual(["hold 1100", "payment 1000", "routing-fee 40", "release 60"]);
  expect(await table.steps(plan.paymentHash)).toMatchObject([
    { state: "approved", actor: "test" },
    { state: "sending", actor: "test" },
    { state: "succeeded", actor: "crawler" },
  ]);
  const spending = await readSpending(database.pool, 86_400);
  expect(spending).toMatchObject({ spent: 1_040n, held: 0n, counts: { succeeded: 1, unknown: 0 } });
  expect(spending.nextFree).toMatchObject({ amount: 1_040n });
});

test("what failed gives everything back, and what is unknown nothing", async () => {
  const [failed, unknown] = [await sent(), await sent()];
  await table.close(failed.paymentHash, { status: "failed", failure: "no-route" }, "test");
  await table.lose(unknown.paymentHash, "test", false);
  expect(await readSpending(database.pool, 86_400)).toMatchObject({ spent: 0n, held: 1_100n });
  expect(await journal()).toEqual(["hold 1100", "hold 1100", "release 1100"]);
  await table.lose(unknown.paymentHash, "test", true);
  expect(await table.find(unknown.paymentHash)).toMatchObject({ state: "unknown", answered: true });
  const open = await table.open(NODE, { after: new Uint8Array(), limit: 10 });
  expect(open.map(({ paymentHash }) => paymentHash)).toEqual([unknown.paymentHash]);
  expect(await table.open(`03${"00".repeat(32)}`, { after: new Uint8Array(), limit: 10 })).toEqual([]);
});

test("a node that takes more for routing than it may is booked as it was", async () => {
  const plan = await sent();
  await table.close(plan.paymentHash, paid(plan, 150n), "test");
  expect(await journal()).toEqual(["hold 1100", "hold 50", "payment 1000", "routing-fee 150"]);
});

test("an approval has its time, and so has a plan", async () => {
  const soon = { invoiceEndsAt: 1 as never };
  const waiting = await planned({ state: "awaiting-approval" });
  const ended = await planned({ state: "awaiting-approval", ...soon });
  const unsent = await planned(soon);
  expect(await table.begin(waiting.paymentHash, sending)).toMatchObject({ reason: "not-approved" });
  expect(await table.begin(unsent.paymentHash, sending)).toEqual({ begun: false, reason: "expired" });
  expect(await table.begin(randomBytes(32), sending)).toEqual({ begun: false, reason: "absent" });
  expect(await table.approve(ended.paymentHash, "me")).toBeUndefined();
  expect(await table.approve(waiting.paymentHash, "me")).toMatchObject({ state: "approved", actor: "me" });
  expect(await table.approve(waiting.paymentHash, "me")).toBeUndefined();
  expect(await table.expire("crawler")).toBe(2);
  expect(await table.find(ended.paymentHash)).toMatchObject({ state: "failed", failure: "invoice-expired" });
  await asOwner("UPDATE outgoing_payment SET valid_until = 5 WHERE payment_hash = $1", [waiting.paymentHash]);
  await table.expire("crawler");
  expect(await table.find(waiting.paymentHash)).toMatchObject({ failure: "approval-expired" });
  expect(await journal()).toEqual([]);
});

test("a sender that is silent beyond its time is not waited for", async () => {
  const [silent, busy] = [await sent(), await sent()];
  await asOwner("UPDATE outgoing_payment SET answer_by = 5, sent_at = 1 WHERE payment_hash = $1", [silent.paymentHash]);
  expect(await table.loseSilent("crawler")).toBe(1);
  expect(await table.find(silent.paymentHash)).toMatchObject({ state: "unknown", answered: false });
  expect(await table.find(busy.paymentHash)).toMatchObject({ state: "sending" });
  expect((await readSpending(database.pool, 86_400)).oldestUnknownSec).toBeGreaterThan(1_000_000_000);
});

describe("refused by the database itself", () => {
  test.each([
    ["a payment that begins as sent", "approved", "INSERT INTO outgoing_payment SELECT * FROM changed"],
    ["a second attempt at what has failed", "failed", "SET state = 'sending', failure = NULL, closed_at = NULL"],
    ["a success taken back", "succeeded", "SET state = 'failed', failure = 'x', preimage = NULL, fee_msat = NULL"],
    ["a success changed", "succeeded", "SET fee_msat = 0"],
    [
      "sending without an approval",
      "awaiting-approval",
      "SET state = 'sending', sent_at = 1, answer_by = 2, prior_index = 0",
    ],
    ["sending without an instant", "approved", "SET state = 'sending'"],
    ["a success without a proof", "sending", "SET state = 'succeeded', fee_msat = 0, closed_at = 1"],
    [
      "a success with another's proof",
      "sending",
      `SET state = 'succeeded', fee_msat = 0, closed_at = 1, preimage = '\\x${"00".repeat(32)}'`,
    ],
    ["a failure without a reason", "sending", "SET state = 'failed', closed_at = 1"],
    ["a payment back from its end", "unknown", "SET state = 'sending'"],
    ["a payment taken back after it was sent", "sending", "SET state = 'approved'"],
    ["another amount", "approved", "SET amount_msat = 1"],
    ["another fee limit", "sending", "SET fee_limit_msat = 1"],
    ["another node", "sending", `SET node_pubkey = '03${"00".repeat(32)}'`],
    ["another invoice", "approved", "SET invoice = 'x'"],
    ["a time of sending before it is sent", "approved", "SET sent_at = 1, answer_by = 2, prior_index = 0"],
    ["another time of sending", "sending", "SET sent_at = 1"],
    ["another number of the node", "unknown", "SET lnd_index = 9"],
    ["an answer unheard", "unknown", "SET answered = false"],
    ["its removal", "approved", "DELETE"],
  ])("%s", async (_, state, change) => {
    const plan = await planned({ state: state === "awaiting-approval" ? state : "approved" });
    if (!["awaiting-approval", "approved"].includes(state)) await table.begin(plan.paymentHash, sending);
    if (state === "succeeded") await table.close(plan.paymentHash, paid(plan), "test");
    if (state === "failed") await table.close(plan.paymentHash, { status: "failed", failure: "no-route" }, "test");
    if (state === "unknown") {
      await table.noteIndex(plan.paymentHash, 3n);
      await table.lose(plan.paymentHash, "test", true);
    }
    expect(await table.find(plan.paymentHash)).toMatchObject({ state });
    const statement = change.startsWith("SET")
      ? `UPDATE outgoing_payment ${change} WHERE payment_hash = $1`
      : change === "DELETE"
        ? "DELETE FROM outgoing_payment WHERE payment_hash = $1"
        : `WITH changed AS (SELECT (jsonb_populate_record(p, '{"state": "sending", "sent_at": 1, "answer_by": 2, "prior_index": 0,
            "payment_hash": "\\\\x${"11".repeat(32)}"}')).* FROM outgoing_payment p WHERE payment_hash = $1) ${change}`;
    await expect(database.pool.query(statement, [plan.paymentHash])).rejects.toMatchObject({
      code: expect.stringMatching(/^23(001|514)$/),
    });
  });

  test("the record of a step, changed", async () => {
    await planned();
    await expect(database.pool.query("UPDATE payment_step SET actor = 'nobody'")).rejects.toMatchObject({
      code: "23001",
    });
  });
});

describe("the budget", () => {
  const total = (amount: bigint, perSubject = amount) => ({
    ...sending,
    limits: { windowSec: 86_400, total: msat(amount), perSubject: msat(perSubject) },
  });

  test("holds when forty ask at once for room that ten have", async () => {
    const plans = await Promise.all(Array.from({ length: 40 }, () => planned()));
    const begun = await Promise.all(plans.map(({ paymentHash }) => table.begin(paymentHash, total(11_999n))));
    expect(begun.filter((each) => each.begun)).toHaveLength(10);
    expect(begun.find((each) => !each.begun)).toEqual({ begun: false, reason: "over-day", left: 999n });
    expect(await readSpending(database.pool, 86_400)).toMatchObject({ held: 11_000n });
  });

  test("is kept per subject too", async () => {
    const [a, b, c] = [await planned(), await planned(), await planned({ subject: "another" })];
    const narrow = total(10_000n, 1_100n);
    expect(await table.begin(a.paymentHash, narrow)).toEqual({ begun: true });
    expect(await table.begin(b.paymentHash, narrow)).toEqual({ begun: false, reason: "over-subject", left: 0n });
    expect(await table.begin(c.paymentHash, narrow)).toEqual({ begun: true });
  });

  test("counts what settled for a day, to the second, and what may settle for ever", async () => {
    const [settled, hanging, next] = [await sent(), await sent(), await planned()];
    await table.close(settled.paymentHash, paid(settled), "test");
    const { at } = await readSpending(database.pool, 86_400);
    const shift = (column: string, to: number, { paymentHash }: { paymentHash: Uint8Array }) =>
      asOwner(`UPDATE outgoing_payment SET ${column} = $2 WHERE payment_hash = $1`, [paymentHash, to]);
    await shift("sent_at", at - 30 * 86_400, hanging);
    await shift("closed_at", at - 86_390, settled);
    const refused = await table.begin(next.paymentHash, total(3_239n));
    expect(refused).toEqual({ begun: false, reason: "over-day", left: 999n + 100n, freesAt: at + 11 });
    await shift("closed_at", at - 86_402, settled);
    expect(await table.begin(next.paymentHash, total(2_199n))).toMatchObject({ reason: "over-day", left: 1_099n });
    expect(await table.begin(next.paymentHash, total(2_200n))).toEqual({ begun: true });
  });

  test("tells when enough of several payments has left the window", async () => {
    const olds = [await sent(), await sent(), await sent()];
    const { at } = await readSpending(database.pool, 86_400);
    for (const [i, old] of olds.entries()) {
      await table.close(old.paymentHash, paid(old, 0n), "test");
      await asOwner("UPDATE outgoing_payment SET closed_at = $2 WHERE payment_hash = $1", [
        old.paymentHash,
        at - 1_000 + i,
      ]);
    }
    const next = await planned();
    const asked = await table.begin(next.paymentHash, total(3_000n));
    // 1,100 are needed: the first two free 2,000.
    expect(asked).toEqual({ begun: false, reason: "over-day", left: 0n, freesAt: at - 1_000 + 1 + 86_401 });
  });
});
