/** `satrank reconcile`: compares LND's invoices with our receipts, and the books with themselves. */
import { Command } from "commander";
import { closeLnd } from "../../../adapters/lnd/connect.ts";
import { openDatabase } from "../../../adapters/postgres/connect.ts";
import type { Books } from "../../../adapters/postgres/reconciliation.ts";
import { OracleError } from "../../../core/errors.ts";
import type { PaymentComparison, PaymentDifference } from "../../../oracle/ledger/compare-payments.ts";
import type { NodeComparison, Reconciliation } from "../../../oracle/ledger/reconcile.ts";
import { readConfig } from "../../config.ts";
import { hasMacaroon, openLnd } from "../../lnd-endpoint.ts";
import { reconcileNow } from "../../reconciliation.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";

/** How many receipts are named; all are counted. */
const MAX_LISTED = 20;

export function reconcileCommand(output: Output): Command {
  return new Command("reconcile")
    .description("book what LND was paid and we missed, and check that the books hold; exits with 1 when they do not")
    .action(async () => {
      const { DATABASE_URL: url, lnd, lndFallback } = readConfig();
      if (url === undefined)
        throw new OracleError(
          "CONFIG_INVALID",
          "DATABASE_URL is not set; the embedded world reconciles itself every few minutes",
        );
      const database = openDatabase({ url, maxConnections: 2, onError: () => undefined });
      const endpoints = [lnd, lndFallback].filter((endpoint) => endpoint !== undefined);
      const nodes = endpoints.map((endpoint) => openLnd(endpoint, "readonly"));
      const payers = endpoints.flatMap((endpoint, i) =>
        hasMacaroon(endpoint, "pay") ? [{ readonly: nodes[i]!, pay: openLnd(endpoint, "pay") }] : [],
      );
      try {
        const onStage = (stage: string) => output.progress(`reading ${stage} ...`);
        const found = await reconcileNow({ database, nodes, payers, signal: new AbortController().signal, onStage });
        output.progress("");
        output.result(found, describeReconciliation(found, output));
        if (!found.ok) throw new Exit(EXIT.failed);
      } finally {
        for (const client of [...nodes, ...payers.map(({ pay }) => pay)]) closeLnd(client);
        await database.end();
      }
    });
}

/** The report as lines. */
export function describeReconciliation(found: Reconciliation<Books>, output: Pick<Output, "paint">): string[] {
  const { ok, books, nodes, payments, unknown, unasked, findings } = found;
  const amount = (name: string, msat: bigint) => `${name.padEnd(10)} ${String(msat).padStart(20)} msat`;
  const compared = nodes.map(
    ({ nodePubkey, listed, paid, healed }) =>
      `LND ${nodePubkey}: ${listed} invoices read, ${paid} of ours paid, ${healed} were not booked and are now`,
  );
  const isAlone = nodes.length + unasked.length === 0;
  return [
    ...(isAlone ? ["LND_* is not set: only the books were checked"] : compared),
    ...payments.map(sayPayments),
    ...unasked.map((error) => output.paint("red", `not compared: ${error instanceof Error ? error.message : error}`)),
    amount("lightning", books.lightningMsat),
    ...sayOthers(found),
    amount("in flight", books.inFlightMsat),
    amount("spent", books.spentMsat),
    amount("routing", books.routingFeeMsat),
    amount("unclaimed", books.unclaimedMsat),
    amount("tokens", books.tokensMsat),
    amount("revenue", books.revenueMsat),
    ...findings.map((finding) => output.paint("red", finding)),
    ...sayReceipts(unknown, nodes),
    ...books.accountDifferences.map(
      ({ accountId, balanceMsat, expectedMsat }) =>
        `  account ${accountId} holds ${balanceMsat} msat, and should hold ${expectedMsat}`,
    ),
    ...payments.flatMap(({ differences }) => differences.map(sayDifference)),
    findings.length > 0 ? output.paint("red", "the books do not hold") : output.paint("green", sayHold(ok)),
  ];
}

function sayHold(isComplete: boolean): string {
  return isComplete ? "the books hold" : "the books hold, as far as they could be compared";
}

/** What nodes were paid that the oracle has left. While one of its own is away, nobody can tell which those are. */
function sayOthers({ books, nodes, unasked }: Reconciliation<Books>): string[] {
  if (nodes.length === 0 || unasked.length > 0) return [];
  return books.received
    .filter(({ nodePubkey }) => nodePubkey !== undefined && nodes.every((node) => node.nodePubkey !== nodePubkey))
    .map(
      (other) =>
        `  ${other.receivedMsat} msat were received in ${other.receipts} receipts at ${other.nodePubkey}, another node: only that one can confirm them`,
    );
}

/** The receipts behind the findings. */
function sayReceipts(unknown: Reconciliation<Books>["unknown"], compared: readonly NodeComparison[]): string[] {
  return [
    ...unknown
      .slice(0, MAX_LISTED)
      .map(({ paymentHashHex, amountMsat }) => `  ${paymentHashHex}: booked ${amountMsat} msat, not known as paid`),
    ...compared
      .flatMap(({ differences }) => differences)
      .map(
        ({ paymentHashHex, bookedMsat, paidMsat }) =>
          `  ${paymentHashHex}: booked ${bookedMsat} msat, paid ${paidMsat} msat`,
      ),
  ];
}

function sayPayments({ nodePubkey, listed, ours, behind, others, othersMsat }: PaymentComparison): string {
  const open = behind === 0 ? "" : `, ${behind} of them still to be resolved here`;
  const foreign = others === 0 ? "" : `; others had it pay ${others} more, ${othersMsat} msat`;
  return `LND ${nodePubkey}: ${listed} payments and probes read, ${ours} of ours${open}${foreign}`;
}

function sayDifference({ paymentHashHex, state, bookedMsat, paidMsat }: PaymentDifference): string {
  return `  payment ${paymentHashHex} is ${state} here with ${bookedMsat} msat, and cost ${paidMsat} msat at the node`;
}
