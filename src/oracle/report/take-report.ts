/** Takes what whoever asked says became of the payment. The first word on a prediction counts; a proof makes it evidence. */
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { OracleError } from "../../core/errors.ts";
import {
  type BookedReport,
  findProofFault,
  REPORT_WINDOW_SEC,
  readReport,
  type ToldPrediction,
} from "../../core/report/payment-proof.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type ReportPorts = {
  /** Of a paid answer; undefined for any other id. */
  findTold(predictionId: string): Promise<ToldPrediction | undefined>;
  /** All of it or nothing. "repeated": an outcome is known already; "used": the payment has proven another one. */
  bookReport(report: BookedReport): Promise<"booked" | "repeated" | "used">;
  /** 64 random hex digits. */
  newAttempt(): string;
  now(): UnixSeconds;
};

/** `proof` has the BOLT 11 text, and a preimage of 32 bytes. */
export type OutcomeReport = {
  predictionId: string;
  arrived: boolean;
  proof?: { invoice: string; preimage: Uint8Array };
};

/**
 * @returns whether this is the word that counts, and whether it is proven
 * @throws PREDICTION_UNKNOWN, REPORT_TOO_LATE, INVOICE_MALFORMED, PROOF_INVALID, DATABASE_UNAVAILABLE
 */
export async function takeReport(
  ports: ReportPorts,
  { predictionId, arrived, proof }: OutcomeReport,
): Promise<{ counted: boolean; proven: boolean }> {
  const at = ports.now();
  const told = await ports.findTold(predictionId);
  if (!told) {
    throw new OracleError(
      "PREDICTION_UNKNOWN",
      "no paid answer has this predictionId; one that was just given is known a second later",
    );
  }
  if (at > told.at + REPORT_WINDOW_SEC) {
    throw new OracleError("REPORT_TOO_LATE", "what happened more than a day after a prediction is not its outcome");
  }
  const proven = proof && prove(ports, told, proof);
  const booked = await ports.bookReport({ predictionId, happened: arrived, at, ...(proven && { proof: proven }) });
  if (booked === "used") throw new OracleError("PROOF_INVALID", "this payment has proven another outcome");
  return { counted: booked === "booked", proven: proven !== undefined };
}

function prove(ports: ReportPorts, told: ToldPrediction, proof: { invoice: string; preimage: Uint8Array }) {
  const invoice = decodeInvoice(proof.invoice);
  const fault = findProofFault({ invoice, preimage: proof.preimage }, told);
  if (fault) throw new OracleError("PROOF_INVALID", fault);
  return { paymentHash: invoice.paymentHash, evidence: readReport(told, ports.newAttempt(), told.target) };
}
