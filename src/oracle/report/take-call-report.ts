/** Takes what a caller says became of a call of an endpoint. Its proof decides what it is worth, and who says it how often. */
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { toHex } from "../../core/bytes.ts";
import type { Method } from "../../core/endpoint/endpoint.ts";
import { OracleError } from "../../core/errors.ts";
import type { CallEvidence, CallSource } from "../../core/evidence/call.ts";
import { findCallProofFault, findTimeFault, publicWitness, type ToldCall } from "../../core/report/call-proof.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

export type CallReportPorts = {
  /**
   * Undefined when the catalogue never had it. `payees` and `shared` are whom its invoices pay, as we have seen: nodes of its own, and
   * those that take payments for many. `operator` is the key that proved to run it.
   */
  findSeen(endpoint: string, method: Method, now: UnixSeconds): Promise<Seen | undefined>;
  hasAsked(witness: string, endpointId: bigint, now: UnixSeconds): Promise<boolean>;
  /** Atomic. "used": the payment has proven another report; "repeated": this reporter has had its word today. */
  book(report: {
    evidence: CallEvidence;
    /** Who reports, for our books alone: the log names it otherwise. */
    witness: string;
    endpointId: bigint;
    paymentHash?: Uint8Array;
    now: UnixSeconds;
  }): Promise<"booked" | "used" | "repeated" | "limited">;
  /** 64 random hex digits. */
  newAttempt(): string;
  now(): UnixSeconds;
};

/** Who reports: the holder of a token of ours (a digest of it), or a Nostr key; 64 hex digits. */
export type Reporter = { readonly kind: "holder" | "signed"; readonly witness: string };

export type CallReport = {
  readonly endpoint: string;
  readonly method: Method;
  readonly told: ToldCall;
  readonly latencyMs?: number;
  readonly reporter?: Reporter;
  readonly proof?: { readonly invoice: string; readonly preimage: Uint8Array };
};

type Seen = { endpointId: bigint; payees: string[]; shared: string[]; operator?: string };
type ReportSource = Exclude<CallSource, "probe">;
type Standing = { source: ReportSource; price?: Msat; payee?: string; paymentHash?: Uint8Array };

/**
 * @returns what it is worth, and whether it counts: of one reporter without proof one word on an endpoint counts a day
 * @throws SUBJECT_UNKNOWN, REPORT_TOO_LATE, INVOICE_MALFORMED, PROOF_INVALID, CREDENTIAL_REQUIRED, ACCESS_DENIED, RATE_LIMITED
 */
export async function takeCallReport(
  ports: CallReportPorts,
  report: CallReport,
): Promise<{ counted: boolean; source: ReportSource }> {
  const { endpoint, method, told, latencyMs } = report;
  const now = ports.now();
  const late = findTimeFault(told, now);
  if (late) throw new OracleError("REPORT_TOO_LATE", late);
  const seen = await ports.findSeen(endpoint, method, now);
  if (!seen) throw new OracleError("SUBJECT_UNKNOWN", "the catalogue has no such endpoint with this method");

  const { source, price, payee, paymentHash } = await standingOf(ports, report, seen, now);
  const attempt = ports.newAttempt();
  // A payment proves one report, so whoever shows nothing else is another one each time.
  const witness = report.reporter?.witness ?? attempt;
  const { stage, good, code } = told;
  const evidence: CallEvidence = {
    observedAt: told.at > now ? now : told.at,
    source,
    attempt,
    witness: publicWitness(witness, endpoint, method),
    call: {
      endpoint,
      method,
      stage,
      good,
      code,
      ...(price !== undefined && { price }),
      ...(payee !== undefined && { payee }),
      ...(latencyMs !== undefined && { latencyMs }),
    },
  };
  const outcome = await ports.book({
    evidence,
    witness,
    endpointId: seen.endpointId,
    now,
    ...(paymentHash && { paymentHash }),
  });
  if (outcome === "used") throw new OracleError("PROOF_INVALID", "this payment has proven another report");
  if (outcome === "limited") throw new OracleError("RATE_LIMITED", "that is more than one reporter can tell in a day");
  return { counted: outcome === "booked", source };
}

/** What the report rests on. A proof outweighs whoever brings it. */
async function standingOf(
  ports: CallReportPorts,
  { told, reporter, proof }: CallReport,
  seen: Seen,
  now: UnixSeconds,
): Promise<Standing> {
  if (reporter?.kind === "signed" && reporter.witness === seen.operator)
    throw new OracleError("ACCESS_DENIED", "an operator does not report on its own endpoint; it may reply");
  if (proof) {
    const invoice = decodeInvoice(proof.invoice);
    const fault = findCallProofFault({ invoice, preimage: proof.preimage }, told, seen);
    if (fault) throw new OracleError("PROOF_INVALID", fault);
    const { paymentHash, amount, payee } = invoice;
    return {
      source: "proven",
      paymentHash,
      payee: toHex(payee),
      ...(amount !== undefined && { price: amount }),
    };
  }
  if (!reporter) {
    throw new OracleError(
      "CREDENTIAL_REQUIRED",
      "a report needs the invoice that was paid with its preimage, the token that asked about the endpoint, or a Nostr signature",
    );
  }
  if (reporter.kind === "holder" && !(await ports.hasAsked(reporter.witness, seen.endpointId, now))) {
    throw new OracleError("ACCESS_DENIED", "this token has not asked about this endpoint in the last day");
  }
  return { source: reporter.kind };
}
