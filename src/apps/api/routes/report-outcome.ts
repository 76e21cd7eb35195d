/**
 * POST /api/report: what became of a payment that was asked about, or of a call of an endpoint. Free; what stands behind a
 * report decides what it is worth.
 */
import type { Request, Response } from "express";
import { z } from "zod";
import { MAX_INVOICE_CHARS } from "../../../core/bolt11/invoice.ts";
import { fromHex } from "../../../core/bytes.ts";
import { STAGES } from "../../../core/endpoint/call.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import { OracleError } from "../../../core/errors.ts";
import { unixSeconds } from "../../../core/units.ts";
import { type CallReportPorts, type Reporter, takeCallReport } from "../../../oracle/report/take-call-report.ts";
import { type ReportPorts as PaymentReportPorts, takeReport } from "../../../oracle/report/take-report.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";

const proof = {
  invoice: z.string().min(1).max(MAX_INVOICE_CHARS).optional().meta({ description: "That was paid, as proof" }),
  preimage: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .meta({ description: "That paying it revealed" }),
};
const paymentReport = z
  .object({
    predictionId: z.uuid().meta({ description: "Of the answer that was paid for" }),
    outcome: z.enum(["arrived", "failed"]),
    ...proof,
  })
  .strict();
const callReport = z
  .object({
    endpoint: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: "The endpoint's id: SHA-256 of its normalised URL" }),
    method: z.enum(METHODS),
    stage: z.enum(STAGES).meta({ description: "The last stage the call came to; all before it went well" }),
    good: z.boolean().meta({ description: "Whether that one did" }),
    code: z
      .string()
      .regex(/^[A-Z0-9_]{1,64}$/)
      .optional()
      .meta({ description: 'What was seen there, such as "STATUS_5XX"; default "REPORTED"' }),
    calledAt: z
      .int()
      .min(0)
      .max(2 ** 40)
      .optional()
      .meta({ description: "Unix seconds, at most a day ago; default now" }),
    latencyMs: z.int().min(0).max(86_400_000).optional(),
    ...proof,
  })
  .strict();
const body = z.union([paymentReport, callReport]);

const paymentAnswer = z.object({
  counted: z.boolean().meta({ description: "False: an outcome is known already, and the first word stays" }),
  proven: z.boolean(),
});
const callAnswer = z.object({
  counted: z.boolean().meta({ description: "False: this reporter has had its word on this endpoint today" }),
  source: z.enum(["proven", "holder", "signed"]).meta({ description: "What stands behind it, the strongest first" }),
});
const answer = z.union([paymentAnswer, callAnswer]);

type Body = z.infer<typeof body>;
type PaymentReport = z.infer<typeof paymentReport>;
type CallReport = z.infer<typeof callReport>;
type Answer = z.infer<typeof answer>;

export const reportOutcomeContract = {
  operation: "reportOutcome",
  method: "post",
  path: "/api/report",
  summary: "What became of a payment that was asked about, or of a call of an endpoint",
  body,
  response: answer,
} as const satisfies Contract;

export type ReportPorts = PaymentReportPorts &
  CallReportPorts &
  LimitPorts & {
    /** Counts one report against an address range. */
    takeReport: TakeOne;
    /** Who reports, when the request shows it. @throws when it shows something that does not hold */
    readReporter(request: Request, response: Response, operation: Contract): Promise<Reporter | undefined>;
  };

export function reportOutcome(ports: ReportPorts): FreeOperation<Body, Answer> {
  return {
    ...reportOutcomeContract,
    async serve(report, request, response) {
      const paid = readProof(report);
      await holdToLimit(ports, "report", ports.takeReport, request, response);
      response.set("Cache-Control", "no-store");
      return "predictionId" in report
        ? servePayment(ports, report, paid)
        : serveCall(ports, report, paid, request, response);
    },
  };
}

type Proof = { proof?: { invoice: string; preimage: Uint8Array } };

/** @throws PROOF_INVALID for half of a proof */
function readProof({ invoice, preimage }: Body): Proof {
  const secret = preimage === undefined ? undefined : fromHex(preimage);
  if ((invoice === undefined) !== (secret === undefined)) {
    throw new OracleError("PROOF_INVALID", "an invoice and its preimage prove a payment together, or send neither");
  }
  return invoice !== undefined && secret ? { proof: { invoice, preimage: secret } } : {};
}

function servePayment(ports: ReportPorts, { predictionId, outcome }: PaymentReport, paid: Proof): Promise<Answer> {
  if (paid.proof && outcome === "failed") {
    throw new OracleError("PROOF_INVALID", "a preimage proves that a payment arrived, not that it failed");
  }
  return takeReport(ports, { predictionId, arrived: outcome === "arrived", ...paid });
}

async function serveCall(
  ports: ReportPorts,
  report: CallReport,
  paid: Proof,
  request: Request,
  response: Response,
): Promise<Answer> {
  const { endpoint, method, stage, good, code = "REPORTED", calledAt, latencyMs } = report;
  const reporter = await ports.readReporter(request, response, reportOutcomeContract);
  // What a reporter is told depends on who it is.
  response.vary("Authorization");
  const at = calledAt === undefined ? ports.now() : unixSeconds(calledAt);
  return takeCallReport(ports, {
    endpoint,
    method,
    told: { stage, good, code, at },
    ...(latencyMs !== undefined && { latencyMs }),
    ...(reporter && { reporter }),
    ...paid,
  });
}
