import { createHash } from "node:crypto";
import type { Request, Response } from "express";
import { expect, test } from "vitest";
import { calibrate } from "../../../core/prediction/calibrate.ts";
import { unixSeconds } from "../../../core/units.ts";
import type { CalibrationReport } from "../../../oracle/prediction/report-calibration.ts";
import { presentCalibration } from "../../calibration.ts";
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
  const operation = getCalibration({
    async read() {
      reads++;
      if (down) throw new Error("away");
      return report;
    },
    find: async () => undefined,
    now: () => at,
  });
  const ask = () => operation.serve({}, {} as Request, response);
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

test("the report that a heartbeat names is shown as it was signed, and another digest is unknown", async () => {
  const text = JSON.stringify(presentCalibration(report));
  const digest = createHash("sha256").update(text).digest("hex");
  const find = async (wanted: string) => (wanted === digest ? text : undefined);
  const read = () => Promise.reject(new Error("today's is not asked for"));
  const operation = getCalibration({ read, find, now: () => 1_000 });
  const answer = await operation.serve({ digest }, {} as Request, response);
  expect(createHash("sha256").update(JSON.stringify(answer)).digest("hex")).toBe(digest);
  expect(getCalibrationContract.response.parse(answer)).toEqual(answer);
  const unknown = operation.serve({ digest: "00".repeat(32) }, {} as Request, response);
  await expect(unknown).rejects.toMatchObject({ code: "PREDICTION_UNKNOWN" });
});
