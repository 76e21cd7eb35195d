import type { Request, Response } from "express";
import { expect, test } from "vitest";
import { calibrate } from "../../../core/prediction/calibrate.ts";
import { unixSeconds } from "../../../core/units.ts";
import type { CalibrationReport } from "../../../oracle/prediction/report-calibration.ts";
import { getCalibration, getCalibrationContract } from "./get-calibration.ts";

const scores = calibrate([{ probability: 0.5, lndApriori: null, happened: true }])!;
const report: CalibrationReport = {
  asOf: unixSeconds(1_790_000_000),
  windowSec: 90,
  log: { position: 2n ** 60n, head: "ab".repeat(32) },
  made: [{ kind: "payment", count: 3 }],
  overall: scores,
  byKind: [{ kind: "probe-explore", ...scores }],
  byAmount: [{ fromMsat: 10n, belowMsat: 100n, ...scores }],
};
const response = { set: () => response } as unknown as Response;

test("it is read once a minute however many ask, again after a failure, and fits its contract", async () => {
  let [reads, at] = [0, 1_000];
  let down = true;
  const operation = getCalibration(
    async () => {
      reads++;
      if (down) throw new Error("away");
      return report;
    },
    () => at,
  );
  const ask = () => operation.serve(undefined, {} as Request, response);
  await expect(ask()).rejects.toThrow("away");
  down = false;
  const answers = await Promise.all([ask(), ask()]);
  at += 59;
  await ask();
  expect(reads).toBe(2);
  at += 1;
  await ask();
  expect(reads).toBe(3);
  expect(getCalibrationContract.response.parse(answers[0])).toEqual(answers[1]);
  expect(answers[0]!.log.position).toBe(String(2n ** 60n));
});
