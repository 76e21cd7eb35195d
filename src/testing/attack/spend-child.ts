/** One process that pays, to be killed. It pays what it is told to and looks after everybody's payments, as the crawler does. */
import { readFileSync } from "node:fs";
import { connectLnd } from "../../adapters/lnd/connect.ts";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { now } from "../../apps/clock.ts";
import { paymentPorts } from "../../apps/payments.ts";
import { errorCode } from "../../core/errors.ts";
import { planPayment } from "../../oracle/spend/plan-payment.ts";
import { resolvePayments } from "../../oracle/spend/resolve-payments.ts";
import { sendApproved } from "../../oracle/spend/send-approved.ts";
import type { BeginSpending, ToPayer, ToSpendDriver } from "./spend-protocol.ts";

const tell = (message: ToSpendDriver) => void process.send?.(message);
/** Failures of a world in which everything is killed all the time. */
const EXPECTED = new Set(["LND_UNAVAILABLE", "DATABASE_UNAVAILABLE"]);

function open({ databaseUrl, host, tlsCertPath, payMacaroonPath, readonlyMacaroonPath }: BeginSpending) {
  const database = openDatabase({ url: databaseUrl, maxConnections: 6, onError: () => undefined });
  const dial = (macaroonPath: string) =>
    connectLnd({
      host,
      tlsCert: readFileSync(tlsCertPath),
      macaroonHex: readFileSync(macaroonPath).toString("hex"),
      deadlineMs: 3_000,
    });
  return paymentPorts(database, { readonly: dial(readonlyMacaroonPath), pay: dial(payMacaroonPath) });
}

let settings: BeginSpending;
let ports: ReturnType<typeof open>;
const actor = `payer ${process.pid}`;

async function pay(invoice: string, subject: string): Promise<string> {
  const { limits, windowSec } = settings;
  const plan = await planPayment(ports, { invoice, subject, purpose: "attack", actor, limits, now: now() });
  if (!plan.planned) return plan.reason;
  const { paymentHash } = plan.payment;
  const send = await sendApproved(ports, { paymentHash, actor, limits, windowSec });
  if (send.sent) return send.payment.state;
  return "payment" in send ? send.payment.state : send.reason;
}

function confess(error: unknown): void {
  if (!EXPECTED.has(errorCode(error) ?? "")) tell({ kind: "failure", line: String(error) });
}

async function resolve(): Promise<void> {
  try {
    const found = await resolvePayments(ports, { actor, signal: new AbortController().signal });
    if (found.missing.length > 0) tell({ kind: "failure", line: `missing ${found.missing}` });
    if (found.succeeded + found.failed > 0) tell({ kind: "resolved", count: found.succeeded + found.failed });
  } catch (error) {
    confess(error);
  }
  setTimeout(() => void resolve(), settings.resolveMs);
}

process.on("message", (message: ToPayer) => {
  if (message.kind === "begin") {
    settings = message;
    ports = open(message);
    void resolve();
    return;
  }
  const { id, invoice, subject } = message;
  pay(invoice, subject).then(
    (word) => tell({ kind: "done", id, word }),
    (error: unknown) => {
      confess(error);
      tell({ kind: "done", id, word: errorCode(error) ?? "INTERNAL" });
    },
  );
});
// An orphan must not go on: nobody would end it.
process.on("disconnect", () => process.exit());
tell({ kind: "ready" });
