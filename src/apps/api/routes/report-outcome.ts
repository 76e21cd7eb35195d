/** POST /api/report: what became of a payment that was asked about. Free; knowing the predictionId shows who asked. */
import { z } from "zod";
import { MAX_INVOICE_CHARS } from "../../../core/bolt11/invoice.ts";
import { fromHex } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import { type ReportPorts as TakePorts, takeReport } from "../../../oracle/report/take-report.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";

const body = z
  .object({
    predictionId: z.uuid().meta({ description: "Of the answer that was paid for" }),
    outcome: z.enum(["arrived", "failed"]),
    invoice: z.string().min(1).max(MAX_INVOICE_CHARS).optional().meta({ description: "That was paid, as proof" }),
    preimage: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .meta({ description: "That paying it revealed" }),
  })
  .strict();
const answer = z.object({
  counted: z.boolean().meta({ description: "False: an outcome is known already, and the first word stays" }),
  proven: z.boolean(),
});

type Body = z.infer<typeof body>;
type Answer = z.infer<typeof answer>;

export const reportOutcomeContract = {
  operation: "reportOutcome",
  method: "post",
  path: "/api/report",
  summary: "What became of a payment that was asked about",
  body,
  response: answer,
} as const satisfies Contract;

export type ReportPorts = TakePorts &
  LimitPorts & {
    /** Counts one report against an address range. */
    takeReport: TakeOne;
  };

export function reportOutcome(ports: ReportPorts): FreeOperation<Body, Answer> {
  return {
    ...reportOutcomeContract,
    async serve({ predictionId, outcome, invoice, preimage }, request, response) {
      const secret = preimage === undefined ? undefined : fromHex(preimage);
      if ((invoice === undefined) !== (secret === undefined)) {
        throw new OracleError("PROOF_INVALID", "an invoice and its preimage prove a payment together, or send neither");
      }
      if (invoice !== undefined && outcome === "failed") {
        throw new OracleError("PROOF_INVALID", "a preimage proves that a payment arrived, not that it failed");
      }
      await holdToLimit(ports, "report", ports.takeReport, request, response);
      response.set("Cache-Control", "no-store");
      const proof = invoice !== undefined && secret ? { proof: { invoice, preimage: secret } } : {};
      return takeReport(ports, { predictionId, arrived: outcome === "arrived", ...proof });
    },
  };
}
