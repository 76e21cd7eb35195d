/** `satrank payment`: pays invoices under the spend policy, and lets a person say yes or no to those that wait for it. */
import os from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { closeLnd } from "../../../adapters/lnd/connect.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { outgoingPaymentTable } from "../../../adapters/postgres/outgoing-payment.ts";
import { readSpending } from "../../../adapters/postgres/spend-budget.ts";
import { fromHex } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import { type OutgoingPayment, PAYMENT_STATES, type PaymentState } from "../../../core/spend/payment.ts";
import { type PaymentLimits, SPEND_WINDOW_SEC } from "../../../core/spend/policy.ts";
import { type Msat, msat } from "../../../core/units.ts";
import { approvePayment, type Decision, rejectPayment } from "../../../oracle/spend/decide-payment.ts";
import { type PayPorts, payInvoice } from "../../../oracle/spend/pay-invoice.ts";
import { type SendResult, sendApproved } from "../../../oracle/spend/send-approved.ts";
import { now } from "../../clock.ts";
import { type Config, readConfig } from "../../config.ts";
import { openLnd } from "../../lnd-endpoint.ts";
import { paymentPorts } from "../../payments.ts";
import { readSpendPolicy } from "../../spend-policy.ts";
import { withDatabase } from "../database.ts";
import {
  budgetFields,
  describeBudget,
  describePayment,
  explain,
  listPaymentLines,
  paymentFields,
  REFUSALS,
} from "../payment-text.ts";
import { EXIT, Exit, type Output } from "../terminal.ts";
import { iso, table } from "../text.ts";

const MAX_LISTED = 1_000;
const DEFAULT_LISTED = 20;

type Wish = { amountMsat?: Msat; maxFeeMsat?: Msat; purpose: string; subject?: string };

export function paymentCommand(output: Output): Command {
  const group = new Command("payment")
    .description(
      "payments of this node under the spend policy; needs DATABASE_URL, and to pay LND_* with LND_PAY_MACAROON_PATH",
    )
    .exitOverride();
  group
    .command("pay")
    .description(
      "pay a BOLT 11 invoice, once, or have it wait for an approval; exits with 4 while nobody knows whether it arrives",
    )
    .argument("<invoice>", "the invoice, lnbc…")
    .option("--amount-msat <n>", "the amount, for an invoice that leaves it open", amountOf)
    .option(
      "--max-fee-msat <n>",
      "the most to pay for routing (default: half of the amount, at most the policy's)",
      amountOf,
    )
    .option("--purpose <word>", "why: lower-case letters, digits and hyphens, at most 32", purposeOf, "operator")
    .option("--subject <text>", "what it is about, for the budget per subject (default: the payee)", subjectOf)
    .action((invoice: string, wish: Wish) => withNode((database, node) => pay(output, database, node, invoice, wish)));
  group
    .command("list")
    .description("show the newest payments")
    .addOption(new Option("--state <state>", "only those in this state").choices(PAYMENT_STATES))
    .option("--limit <n>", "how many", countOf, DEFAULT_LISTED)
    .action((filter: { state?: PaymentState; limit: number }) =>
      withDatabase((database) => list(output, database, filter)),
    );
  group
    .command("show")
    .description("show one payment, and who did what to it when")
    .argument("<hash>", "its payment hash, 64 hex", hashOf)
    .action((hash: Uint8Array) => withDatabase((database) => show(output, database, hash)));
  group
    .command("approve")
    .description("say yes to a payment that waits, and send it; look at its payee first (show)")
    .argument("<hash>", "its payment hash, 64 hex", hashOf)
    .action((hash: Uint8Array) => withNode((database, node) => approve(output, database, node, hash)));
  group
    .command("reject")
    .description("say no, for good, to a payment that was not sent yet")
    .argument("<hash>", "its payment hash, 64 hex", hashOf)
    .action((hash: Uint8Array) => withDatabase((database) => reject(output, database, hash)));
  group
    .command("budget")
    .description("show what may still be spent, and when more may be")
    .action(() => withDatabase((database) => showBudget(output, database)));
  return group;
}

type Node = { ports: PayPorts; limits: PaymentLimits };

async function pay(output: Output, database: Database, node: Node, invoice: string, wish: Wish): Promise<void> {
  output.progress("paying ...");
  const { amountMsat: amount, maxFeeMsat: feeLimit, purpose, subject } = wish;
  const request = { invoice, amount, feeLimit, purpose, subject, actor: actor(), limits: node.limits, now: now() };
  const { plan, send } = await payInvoice(node.ports, request);
  output.progress("");
  if (!plan.planned) {
    output.failure(plan.reason, REFUSALS[plan.reason]);
    throw new Exit(EXIT.failed);
  }
  await conclude(output, database, plan.payment, send);
}

async function approve(output: Output, database: Database, { ports, limits }: Node, hash: Uint8Array): Promise<void> {
  const decision = await approvePayment(outgoingPaymentTable(database), { paymentHash: hash, actor: actor() });
  const payment = found(decision);
  if (!decision.decided) return conclude(output, database, payment, undefined);
  output.progress("paying ...");
  const send = await sendApproved(ports, { paymentHash: hash, actor: actor(), limits });
  output.progress("");
  await conclude(output, database, payment, send);
}

async function reject(output: Output, database: Database, hash: Uint8Array): Promise<void> {
  const decision = await rejectPayment(outgoingPaymentTable(database), { paymentHash: hash, actor: actor() });
  const payment = found(decision);
  output.result(paymentFields(payment), describePayment(payment));
  if (!decision.decided) throw new Exit(EXIT.failed);
}

/** Tells how the payment stands, and ends with 0 only when it has arrived. */
async function conclude(
  output: Output,
  database: Database,
  planned: OutgoingPayment,
  send: SendResult | undefined,
): Promise<void> {
  const payment = (await outgoingPaymentTable(database).find(planned.paymentHash)) ?? planned;
  const { state } = payment;
  const waits = state === "awaiting-approval" ? "it waits for an approval: satrank payment approve" : undefined;
  const note = (send && explain(send)) ?? waits;
  output.result(
    { ...paymentFields(payment), ...(note !== undefined && { note }) },
    note === undefined ? describePayment(payment) : [...describePayment(payment), "", output.paint("yellow", note)],
  );
  if (state === "unknown" || state === "sending") throw new Exit(EXIT.unreachable);
  if (state !== "succeeded") throw new Exit(EXIT.failed);
}

async function list(
  output: Output,
  database: Database,
  filter: { state?: PaymentState; limit: number },
): Promise<void> {
  const payments = await outgoingPaymentTable(database).list(filter);
  output.result(payments.map(paymentFields), listPaymentLines(payments));
}

async function show(output: Output, database: Database, hash: Uint8Array): Promise<void> {
  const payments = outgoingPaymentTable(database);
  const payment = found({ payment: await payments.find(hash) });
  const steps = await payments.steps(hash);
  const rows = steps.map(({ at, state, actor: by }) => [iso(at), state, by]);
  output.result({ ...paymentFields(payment), steps }, [
    ...describePayment(payment),
    "",
    ...table(["AT", "STATE", "BY"], rows),
  ]);
}

async function showBudget(output: Output, database: Database): Promise<void> {
  const limits = readPolicy(readConfig());
  const budget = budgetFields(await readSpending(database, SPEND_WINDOW_SEC), limits);
  output.result(budget, describeBudget(budget));
}

/** Runs `work` with the database, the node that pays, and the policy it pays under. @throws CONFIG_INVALID */
async function withNode(work: (database: Database, node: Node) => Promise<void>): Promise<void> {
  const config = readConfig();
  const { lnd } = config;
  if (!lnd) throw new OracleError("CONFIG_INVALID", "LND_GRPC_HOST is not set: name the node that is to pay");
  const limits = readPolicy(config);
  const readonly = openLnd(lnd, "readonly");
  try {
    const paying = openLnd(lnd, "pay");
    try {
      await withDatabase((database) =>
        work(database, { ports: paymentPorts(database, { readonly, pay: paying }), limits }),
      );
    } finally {
      closeLnd(paying);
    }
  } finally {
    closeLnd(readonly);
  }
}

function readPolicy(config: Config): PaymentLimits {
  return readSpendPolicy(config.SPEND_POLICY_PATH, { isSimulated: false }).payments;
}

/** Who is at the keyboard, for the record of each step. */
function actor(): string {
  let user: string;
  try {
    user = os.userInfo().username;
  } catch {
    // A container's user may have no name.
    user = `uid ${process.getuid?.() ?? "unknown"}`;
  }
  return `cli ${user}@${os.hostname()}`.slice(0, 128);
}

function found({ payment }: Pick<Decision, "payment">): OutgoingPayment {
  if (!payment) throw new OracleError("PAYMENT_UNKNOWN", "no payment has this hash (satrank payment list)");
  return payment;
}

function amountOf(text: string): Msat {
  if (!/^(0|[1-9]\d{0,18})$/.test(text)) throw new InvalidArgumentError("a whole number of msat is needed");
  return msat(BigInt(text));
}

function purposeOf(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(text)) throw new InvalidArgumentError("a word such as endpoint-probe is needed");
  return text;
}

function subjectOf(text: string): string {
  if (!/^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u.test(text))
    throw new InvalidArgumentError("1 to 256 printable characters are needed");
  return text;
}

function hashOf(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length !== 32) throw new InvalidArgumentError("64 hex digits are needed (satrank payment list)");
  return bytes;
}

function countOf(text: string): number {
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= MAX_LISTED)) throw new InvalidArgumentError(`a whole number from 1 to ${MAX_LISTED} is needed`);
  return count;
}
