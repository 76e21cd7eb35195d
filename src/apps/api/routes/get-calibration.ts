/** GET /api/calibration: how good our predictions were. Free. */
import { z } from "zod";
import { OracleError } from "../../../core/errors.ts";
import type { CalibrationReport } from "../../../oracle/prediction/report-calibration.ts";
import { presentCalibration } from "../../calibration.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { amountMsat, probability, unixTime } from "../schemas.ts";

const kind = z.enum(["payment", "call", "probe-asked", "probe-explore"]);
const scores = z.object({
  count: z.int().min(1),
  frequency: probability.meta({ description: "How often it happened" }),
  brier: z.number().min(0).max(1),
  logLoss: z.number().min(0).meta({ description: "In nats; 0 and 1 count as half a world of 257" }),
  ece: z.number().min(0).max(1),
  auc: probability.nullable(),
  skillOverBaseRate: z
    .number()
    .max(1)
    .nullable()
    .meta({ description: "1 − Brier / Brier of always saying the frequency" }),
  skillOverLnd: z
    .number()
    .max(1)
    .nullable()
    .meta({ description: "The same against LND's a-priori estimate, over those it was stored for" }),
  lndCount: z.int().min(0),
  bins: z
    .array(
      z.object({
        from: z.number(),
        to: z.number(),
        count: z.int().min(1),
        meanPredicted: probability,
        frequency: probability,
      }),
    )
    .max(10),
});
const report = z.object({
  asOf: unixTime,
  windowSec: z.int(),
  log: z
    .object({
      position: z.string().regex(/^\d+$/),
      head: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .meta({ description: "Number of the newest prediction, and the hash that covers all up to it" }),
  made: z.array(z.object({ kind, count: z.int() })),
  overall: scores
    .nullable()
    .meta({ description: "Of probes, as are the parts by amount; null while no outcome is known" }),
  byKind: z.array(scores.extend({ kind })),
  byAmount: z.array(scores.extend({ fromMsat: amountMsat, belowMsat: amountMsat })),
});

const query = z.object({
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .meta({
      description:
        "The report that a heartbeat on Nostr names by this SHA-256, instead of today's: the digest is of the member `data` as it is sent",
    }),
});

export const getCalibrationContract = {
  operation: "getCalibration",
  method: "get",
  path: "/api/calibration",
  summary: "How good our predictions were, on outcomes that were not known when they were logged",
  query,
  response: report,
} as const satisfies Contract;

const KEPT_SEC = 60;

export type CalibrationPorts = {
  read(): Promise<CalibrationReport>;
  /** The text of a report that was signed, by its SHA-256 in hex. */
  find(digest: string): Promise<string | undefined>;
  now(): number;
};

/** Reads at most once a minute, however many ask. */
export function getCalibration({
  read,
  find: findSigned,
  now,
}: CalibrationPorts): FreeOperation<z.infer<typeof query>, z.infer<typeof report>> {
  let kept: { until: number; report: Promise<CalibrationReport> } | undefined;
  const recent = (): Promise<CalibrationReport> => {
    if (kept && now() < kept.until) return kept.report;
    const reading = read();
    const mine = { until: now() + KEPT_SEC, report: reading };
    kept = mine;
    reading.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return reading;
  };
  return {
    ...getCalibrationContract,
    async serve({ digest }, _request, response) {
      response.set("Cache-Control", `public, max-age=${KEPT_SEC}`);
      if (digest === undefined) return presentCalibration(await recent());
      const signed = await findSigned(digest);
      if (signed === undefined)
        throw new OracleError("PREDICTION_UNKNOWN", "no heartbeat names a calibration of this digest");
      return JSON.parse(signed);
    },
  };
}
