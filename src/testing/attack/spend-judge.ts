/** The end of a spending attack: whether the node, the payee, the books and the budget agree. */
import { readFileSync } from "node:fs";
import { closeLnd, connectLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import { listPayments } from "../../adapters/lnd/list-payments.ts";
import { lookupInvoice } from "../../adapters/lnd/lookup-invoice.ts";
import { type Database, openDatabase } from "../../adapters/postgres/connect.ts";
import { outgoingPaymentTable } from "../../adapters/postgres/outgoing-payment.ts";
import type { SimulatedLightning } from "../../apps/demo/lnd/start.ts";
import { paymentPorts } from "../../apps/payments.ts";
import { reconcileNow } from "../../apps/reconciliation.ts";
import { toHex } from "../../core/bytes.ts";
import type { PaymentLimits } from "../../core/spend/policy.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { resolvePayments } from "../../oracle/spend/resolve-payments.ts";
import { dialPayee, type Issued } from "./spend-invoices.ts";
import type { BeginSpending } from "./spend-protocol.ts";

export type SpendVerdict = {
  violations: string[];
  paid: number;
  failed: number;
  nodeMsat: bigint;
  ledgerMsat: bigint;
  /** The most that settled in one window, of all and of one subject. */
  busiestMsat: bigint;
  limitMsat: bigint;
};

type Evidence = {
  begin: BeginSpending;
  issued: readonly Issued[];
  limits: PaymentLimits;
  windowSec: number;
  lightning: SimulatedLightning;
  now: () => UnixSeconds;
};

export async function judgeSpending(evidence: Evidence): Promise<SpendVerdict> {
  const { begin, limits, windowSec, lightning, now } = evidence;
  const violations: string[] = [];
  const database = openDatabase({ url: begin.databaseUrl, maxConnections: 4, onError: () => undefined });
  const dial = (macaroonPath: string) =>
    connectLnd({
      host: begin.host,
      tlsCert: readFileSync(begin.tlsCertPath),
      macaroonHex: readFileSync(macaroonPath).toString("hex"),
    });
  const node = { readonly: dial(begin.readonlyMacaroonPath), pay: dial(begin.payMacaroonPath) };
  const payee = dialPayee(lightning);
  const signal = new AbortController().signal;
  try {
    const left = await resolvePayments({ ...paymentPorts(database, node), now }, { actor: "judge", signal });
    if (left.waiting > 0) violations.push(`${left.waiting} payments have no end`);

    const { settled, failed } = await compareWithPayee(evidence, { database, payee, violations });
    const busiestMsat = busiest(settled, windowSec);
    if (busiestMsat > limits.per24hMsat) violations.push(`${busiestMsat} msat were spent in one window`);
    for (const subject of new Set(settled.map((each) => each.subject))) {
      const own = settled.filter((each) => each.subject === subject);
      const most = busiest(own, windowSec);
      if (most > limits.perSubject24hMsat) violations.push(`${most} msat were spent on ${subject} in one window`);
    }

    const books = await reconcileNow({ database, nodes: [], payers: [node], signal });
    violations.push(...books.findings);
    if (books.unasked.length > 0) violations.push(`not compared: ${books.unasked}`);
    for (const { others, behind } of books.payments)
      if (others + behind > 0) violations.push(`${others} payments of others, ${behind} behind`);
    if (books.books.inFlightMsat !== 0n) violations.push(`${books.books.inFlightMsat} msat are still held`);
    const page = await listPayments(node.pay, { afterIndex: 0n, limit: 500 });
    const nodeMsat = page.payments
      .filter(({ status }) => status === "succeeded")
      .reduce((sum, { amount, fee }) => sum + amount + fee, 0n);
    const ledgerMsat = books.books.spentMsat + books.books.routingFeeMsat;
    if (nodeMsat !== ledgerMsat) violations.push(`the node has spent ${nodeMsat}, the ledger says ${ledgerMsat}`);
    return {
      violations,
      paid: settled.length,
      failed,
      nodeMsat,
      ledgerMsat,
      busiestMsat,
      limitMsat: limits.per24hMsat,
    };
  } finally {
    for (const client of [node.readonly, node.pay, payee]) closeLnd(client);
    await database.end();
  }
}

type Settled = { at: number; cost: bigint; subject: string };

/** What the payee was paid beside what the books say: each invoice once, with its amount. */
async function compareWithPayee(
  { issued }: Evidence,
  { database, payee, violations }: { database: Database; payee: LndClient; violations: string[] },
): Promise<{ settled: Settled[]; failed: number }> {
  const settled: Settled[] = [];
  let failed = 0;
  for (const { paymentHash, amount, subject } of issued) {
    const payment = await outgoingPaymentTable(database).find(paymentHash);
    const invoice = await lookupInvoice(payee, paymentHash);
    const paid = invoice?.state === "settled" ? invoice : undefined;
    const received = paid?.amountPaid ?? 0n;
    const booked = payment?.state === "succeeded" ? payment.amount : 0n;
    if (received !== booked) violations.push(`${toHex(paymentHash)}: ${received} arrived, ${booked} are booked`);
    if (paid && received !== amount) violations.push(`${toHex(paymentHash)}: paid ${received} of ${amount}`);
    failed += payment?.state === "failed" ? 1 : 0;
    if (payment?.fee !== undefined && paid)
      settled.push({ at: paid.settledAt, cost: payment.amount + payment.fee, subject });
  }
  return { settled, failed };
}

/**
 * The most that surely settled within one window. Instants are whole seconds: those in as many of them as the window is long lie
 * less than the window apart.
 */
function busiest(payments: readonly Settled[], windowSec: number): bigint {
  const sums = payments.map(({ at }) =>
    payments.filter((other) => other.at >= at && other.at < at + windowSec).reduce((sum, { cost }) => sum + cost, 0n),
  );
  return sums.reduce((most, sum) => (sum > most ? sum : most), 0n);
}
