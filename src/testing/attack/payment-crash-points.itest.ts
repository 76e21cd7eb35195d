/**
 * A payment by a process that dies before or after each of its statements and calls, or loses its connection there. Another one asks
 * again, and the crawler resolves what is left: the invoice is paid once at most, and every msat is where the books say.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { outgoingPaymentTable } from "../../adapters/postgres/outgoing-payment.ts";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { readSpending } from "../../adapters/postgres/spend-budget.ts";
import { OracleError } from "../../core/errors.ts";
import { CLOCK_MARGIN_SEC } from "../../core/spend/judge-sighting.ts";
import { SIMULATED_POLICY } from "../../core/spend/policy.ts";
import { unixSeconds } from "../../core/units.ts";
import { type PayPorts, payInvoice } from "../../oracle/spend/pay-invoice.ts";
import { type ResolvePorts, resolvePayments } from "../../oracle/spend/resolve-payments.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { type FakePayingNode, FEE, fakePayingNode } from "../fake-paying-node.ts";
import { type Fault, type MortalPool, openMortalPool } from "./mortal-pool.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(12);
});
afterAll(() => database.close());

const AMOUNT = 1_000n;
const EXPIRY_SEC = 3_600;
const limits = SIMULATED_POLICY.payments;

type Clock = { now: number };

function healthy(node: FakePayingNode, clock: Clock): PayPorts & ResolvePorts {
  return { ...outgoingPaymentTable(database.pool), ...node, now: () => unixSeconds(clock.now) };
}

/** The same, each statement and call of which may be the last. A call that is cut off says nothing of the payment. */
function mortal(node: FakePayingNode, clock: Clock, { pool, call }: MortalPool): PayPorts & ResolvePorts {
  const asked = <Result>(work: () => Promise<Result>) =>
    call(work).catch((cause: unknown) => {
      throw new OracleError("LND_UNAVAILABLE", "the line is dead", { cause });
    });
  return {
    ...outgoingPaymentTable(pool),
    now: () => unixSeconds(clock.now),
    nodePubkey: () => asked(() => node.nodePubkey()),
    payer: () => asked(() => node.payer()),
    track: (hash) => asked(() => node.track(hash)),
    pay: (order, options) =>
      call(() => node.pay(order, options)).catch((cause: unknown) => ({ status: "unknown", answered: false, cause })),
  };
}

type Verb = (ports: PayPorts & ResolvePorts, invoice: string, clock: Clock) => Promise<unknown>;
const pay: Verb = (ports, invoice, clock) =>
  payInvoice(ports, { invoice, purpose: "test", actor: "test", limits, now: unixSeconds(clock.now) });
const resolve: Verb = (ports) => resolvePayments(ports, { actor: "crawler", signal: new AbortController().signal });

type Scenario = {
  outcome: "settle" | "fail" | "hang";
  /** What the node's payments end with, when they hang first. */
  ends?: "settle" | "fail";
  verb: Verb;
  points: number;
};

const scenarios: Record<string, Scenario> = {
  "pay, and it arrives": { verb: pay, outcome: "settle", points: 10 },
  "pay, and there is no way": { verb: pay, outcome: "fail", points: 10 },
  "pay, and it hangs and arrives": { verb: pay, outcome: "hang", ends: "settle", points: 10 },
  "pay, and it hangs and comes back": { verb: pay, outcome: "hang", ends: "fail", points: 10 },
  "resolve what has arrived": { verb: resolve, outcome: "settle", points: 6 },
  "resolve what has failed, for all that is known": { verb: resolve, outcome: "fail", points: 5 },
};

/** One verb with one fault. @returns whether the fault was reached */
async function attempt({ verb, outcome, ends }: Scenario, fault: Fault): Promise<boolean> {
  const clock = { now: Math.floor(Date.now() / 1000) };
  const node = fakePayingNode(clock);
  node.state.outcome = outcome;
  const { invoice, paymentHash } = node.invoice({ expirySec: EXPIRY_SEC });
  const before = await checkBooks(database.pool);
  if (verb === resolve) {
    node.state.lost = "answer";
    await pay(healthy(node, clock), invoice, clock);
    node.state.lost = "nothing";
  }

  const mortality = openMortalPool(database.pool);
  const ports = mortal(node, clock, mortality);
  mortality.arm(fault);
  await Promise.race([verb(ports, invoice, clock).catch(() => undefined), mortality.died]);
  mortality.arm(undefined);

  // Whoever wanted it asks again, elsewhere; then the crawler looks, before and after the invoice has ended.
  const survivor = healthy(node, clock);
  await pay(survivor, invoice, clock);
  await resolve(survivor, invoice, clock);
  if (ends && (await node.track(paymentHash))?.status === "in-flight") node.decide(paymentHash, ends);
  clock.now += EXPIRY_SEC + CLOCK_MARGIN_SEC;
  await resolve(survivor, invoice, clock);

  const books = await checkBooks(database.pool);
  expect(books).toMatchObject({ differenceMsat: 0n, findings: [], inFlightMsat: 0n });
  const spent = books.spentMsat - before.spentMsat + books.routingFeeMsat - before.routingFeeMsat;
  const arrives = (ends ?? outcome) === "settle";
  expect([0n, arrives ? AMOUNT + FEE : 0n]).toContain(spent);
  expect(spent).toBe(node.spent());
  expect((await readSpending(database.pool, 86_400)).held).toBe(0n);
  expect((await survivor.find(paymentHash))?.state).toBe(spent > 0n ? "succeeded" : "failed");
  expect(node.state.calls).toBeLessThanOrEqual(1);
  return mortality.struck();
}

test.each(Object.entries(scenarios))(
  "%s: a crash or a lost connection around any step pays nothing twice and loses sight of nothing",
  async (_, scenario) => {
    for (const what of ["death", "loss"] as const) {
      for (const when of ["before", "after"] as const) {
        let points = 0;
        while (await attempt(scenario, { nth: points + 1, when, what })) points += 1;
        expect(points).toBeGreaterThanOrEqual(scenario.points);
      }
    }
  },
  180_000,
);
