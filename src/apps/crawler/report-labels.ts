/** Books what a label tells as any other report: the key that signed the label is the reporter, as if it had signed a request. */
import { randomBytes } from "node:crypto";
import type { Database } from "../../adapters/postgres/connect.ts";
import { endpointReportTable } from "../../adapters/postgres/endpoint-report.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { LabelPorts } from "../../oracle/inbox/take-labels.ts";
import { type CallReportPorts, takeCallReport } from "../../oracle/report/take-call-report.ts";

export function reportLabels(database: Database, now: () => UnixSeconds): LabelPorts["report"] {
  const newAttempt = () => randomBytes(32).toString("hex");
  const ports: CallReportPorts = { ...endpointReportTable(database), newAttempt, now };
  return ({ witness, ...call }) => takeCallReport(ports, { ...call, reporter: { kind: "signed", witness } });
}
