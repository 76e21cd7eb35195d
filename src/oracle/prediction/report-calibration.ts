/** How good our predictions were: those of the last 90 days whose outcome is known, by what they were about. */
import { toHex } from "../../core/bytes.ts";
import { type Calibration, calibrate, type Judged } from "../../core/prediction/calibrate.ts";
import type { PredictionKind } from "../../core/prediction/prediction.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type CalibrationPorts = {
  /** The newest entry's place in the log, and the hash that covers all up to it. */
  head(): Promise<{ position: bigint; hash: Uint8Array }>;
  /** How many were made since an instant. */
  countByKind(since: UnixSeconds): Promise<{ kind: PredictionKind; count: number }[]>;
  /** Those whose outcome became known since an instant: the newest `limit`. */
  judged(since: UnixSeconds, limit: number): Promise<(Judged & { kind: PredictionKind; amountMsat: number })[]>;
  now(): UnixSeconds;
};

export type CalibrationReport = {
  asOf: UnixSeconds;
  windowSec: number;
  log: { position: bigint; head: string };
  made: { kind: PredictionKind; count: number }[];
  /** Of probes: what others say became of their payments is a part of its own. */
  overall: Calibration | null;
  byKind: (Calibration & { kind: PredictionKind })[];
  /** By decade of the amount, the smallest first. */
  byAmount: (Calibration & { fromMsat: bigint; belowMsat: bigint })[];
};

const WINDOW_SEC = 90 * 86_400;
const MAX_JUDGED = 20_000;

/** Reads and sums up. @throws DATABASE_UNAVAILABLE */
export async function reportCalibration(ports: CalibrationPorts): Promise<CalibrationReport> {
  const asOf = ports.now();
  const since = (asOf - WINDOW_SEC) as UnixSeconds;
  const [head, made, judged] = await Promise.all([
    ports.head(),
    ports.countByKind(since),
    ports.judged(since, MAX_JUDGED),
  ]);
  const own = judged.filter(({ kind }) => kind.startsWith("probe-"));
  return {
    asOf,
    windowSec: WINDOW_SEC,
    log: { position: head.position, head: toHex(head.hash) },
    made,
    overall: calibrate(own),
    byKind: partition(judged, ({ kind }) => kind).map(([kind, scores]) => ({ kind, ...scores })),
    byAmount: partition(own, ({ amountMsat }) => Math.floor(Math.log10(amountMsat)))
      .sort(([a], [b]) => a - b)
      .map(([decade, scores]) => ({
        fromMsat: 10n ** BigInt(decade),
        belowMsat: 10n ** BigInt(decade + 1),
        ...scores,
      })),
  };
}

function partition<Row extends Judged, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): [Key, Calibration][] {
  const parts = new Map<Key, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const part = parts.get(key) ?? [];
    part.push(row);
    parts.set(key, part);
  }
  return [...parts].map(([key, part]) => [key, calibrate(part)!]);
}
