/** The calibration report as the api shows it and as heartbeats sign it: one text. */
import type { CalibrationReport } from "../oracle/prediction/report-calibration.ts";

/** The report without integers that JSON cannot hold, its members in one order. */
export function presentCalibration({ log, byKind, byAmount, overall, ...rest }: CalibrationReport) {
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
}
