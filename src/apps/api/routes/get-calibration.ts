/** GET /api/calibration: how good our predictions were. Free. */
import { z } from "zod";
import type { CalibrationReport } from "../../../oracle/prediction/report-calibration.ts";
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

export const getCalibrationContract = {
  operation: "getCalibration",
  method: "get",
  path: "/api/calibration",
  summary: "How good our predictions were, on outcomes that were not known when they were logged",
  response: report,
} as const satisfies Contract;

const KEPT_SEC = 60;

/** Reads at most once a minute, however many ask. */
export function getCalibration(
  read: () => Promise<CalibrationReport>,
  now: () => number,
): FreeOperation<undefined, z.infer<typeof report>> {
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
    async serve(_query, _request, response) {
      const { log, byKind, byAmount, overall, ...rest } = await recent();
      response.set("Cache-Control", `public, max-age=${KEPT_SEC}`);
      return {
        ...rest,
        log: { ...log, position: String(log.position) },
        overall: overall && { ...overall, bins: [...overall.bins] },
        byKind: byKind.map((part) => ({ ...part, bins: [...part.bins] })),
        byAmount: byAmount.map(({ fromMsat, belowMsat, ...part }) => ({
          ...part,
          bins: [...part.bins],
          fromMsat: String(fromMsat),
          belowMsat: String(belowMsat),
        })),
      };
    },
  };
}
