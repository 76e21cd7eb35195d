import { expect, test } from "vitest";
import { unixSeconds } from "../../core/units.ts";
import { type CalibrationPorts, reportCalibration } from "./report-calibration.ts";

const NOW = unixSeconds(1_790_000_000);
const row = (kind: "payment" | "probe-asked", amountMsat: number, probability: number, happened: boolean) => ({
  kind,
  amountMsat,
  probability,
  happened,
  lndApriori: 0.6,
});
const ports = (judged: Awaited<ReturnType<CalibrationPorts["judged"]>>): CalibrationPorts => ({
  head: async () => ({ position: 7n, hash: new Uint8Array(32).fill(0xab) }),
  countByKind: async (since) => [{ kind: "payment", count: NOW - since }],
  judged: async () => judged,
  now: () => NOW,
});

test("predictions are judged together, by kind, and by decade of the amount", async () => {
  const rows = [
    row("payment", 3e8, 0.9, true),
    row("probe-asked", 1e6, 0.5, false),
    row("probe-asked", 3e6, 0.5, true),
    row("probe-asked", 1e8, 0.1, false),
  ];
  const report = await reportCalibration(ports(rows));
  expect(report.log).toEqual({ position: 7n, head: "ab".repeat(32) });
  expect(report.made).toEqual([{ kind: "payment", count: 90 * 86_400 }]);
  // What strangers say of their own payments is shown, and moves no other number.
  expect(report.overall).toMatchObject({ count: 3, frequency: 1 / 3 });
  expect(report.byKind.map(({ kind, count }) => [kind, count])).toEqual([
    ["payment", 1],
    ["probe-asked", 3],
  ]);
  expect(report.byAmount.map(({ fromMsat, belowMsat, count }) => [fromMsat, belowMsat, count])).toEqual([
    [1_000_000n, 10_000_000n, 2],
    [100_000_000n, 1_000_000_000n, 1],
  ]);
});

test("before the first outcome nothing is said", async () => {
  expect(await reportCalibration(ports([]))).toMatchObject({ overall: null, byKind: [], byAmount: [] });
});
