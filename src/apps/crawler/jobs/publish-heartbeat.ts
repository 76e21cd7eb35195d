/** Job: say that each key lives, and what it says, after every change and once an hour. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import { evidenceTree } from "../../../adapters/postgres/evidence-tree.ts";
import { type CalibrationDigest, calibrationReports, heartbeatView } from "../../../adapters/postgres/heartbeat.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import { predictionTable } from "../../../adapters/postgres/prediction.ts";
import { toHex } from "../../../core/bytes.ts";
import { reportCalibration } from "../../../oracle/prediction/report-calibration.ts";
import { publishHeartbeats } from "../../../oracle/publish/publish-heartbeat.ts";
import { presentCalibration } from "../../calibration.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import type { Publisher } from "../publisher.ts";

/** Whoever compares what a relay shows waits for the proof of a change no longer than this. */
const EVERY_SEC = 15;
const TIMEOUT_SEC = 300;
const DAY_SEC = 86_400;

export function publishHeartbeatJob(deps: { database: Database; publisher: Publisher; events: Events }): Job {
  const { database, publisher, events } = deps;
  const { node, endpoint, operator } = publisher.pubkeys;
  const ports = {
    ...outboxTable(database),
    ...heartbeatView(database),
    sign: publisher.sign,
    standingRoot: publisher.standingRoot,
    logs: () => readLogs(database),
  };
  return {
    name: "publish-heartbeat",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const report = await publishHeartbeats(ports, { pubkeys: [node, endpoint, operator], now: now() });
      events.published("staged", report.staged);
      events.published("refused_by_lint", report.refused.length);
      const { staged, unchanged, refused } = report;
      // A run that had nothing to tell is not told of.
      return { taken: staged + refused.length, staged, unchanged, ...(refused.length > 0 && { refused }) };
    },
  };
}

async function readLogs(database: Database) {
  const [evidence, tree, head, calibration] = [
    await heartbeatView(database).evidenceHead(),
    await evidenceTree(database).root(),
    await predictionTable(database).head(),
    await dailyCalibration(database),
  ];
  return {
    evidence,
    evidenceTree: { size: Number(tree.size), root: toHex(tree.root) },
    predictions: { position: head.position, head: toHex(head.hash) },
    calibration,
  };
}

/** The calibration of the day, made by the first heartbeat of it. */
async function dailyCalibration(database: Database): Promise<CalibrationDigest | undefined> {
  const reports = calibrationReports(database);
  const at = now();
  const newest = await reports.newest();
  if (newest && newest.asOf >= at - (at % DAY_SEC)) return newest;
  const report = await reportCalibration({ ...predictionTable(database), now: () => at });
  await reports.add(at, JSON.stringify(presentCalibration(report)));
  return reports.newest();
}
