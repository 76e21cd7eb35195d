/** Takes labels for reports of calls: each once, and worth what the same report is worth that comes over HTTP. */
import { type ErrorCode, errorCode } from "../../core/errors.ts";
import { type LabelledCall, readOutcomeLabel } from "../../core/inbox/outcome-label.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type LabelPorts = {
  /** True for whoever looks at a label first. */
  takeLabel(eventId: string, now: UnixSeconds): Promise<boolean>;
  /** A label that could not be booked by a fault of ours is looked at again. */
  returnLabel(eventId: string): Promise<void>;
  /** Books a report as any other, with the author as its witness. @throws when it is refused */
  report(call: LabelledCall): Promise<{ counted: boolean }>;
  now(): UnixSeconds;
  seen(feed: "labels", outcome: string, count: number): void;
  failed(feed: "labels", error: unknown): void;
};

/** What is wrong with the report itself, and stays so. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "SUBJECT_UNKNOWN",
  "REPORT_TOO_LATE",
  "INVOICE_MALFORMED",
  "PROOF_INVALID",
  "ACCESS_DENIED",
  "RATE_LIMITED",
]);

/** One label that cannot be booked keeps none of the others from it. @returns how many count */
export async function takeLabels(
  ports: LabelPorts,
  events: readonly SignedEvent[],
  namespaces: readonly string[],
): Promise<number> {
  let counted = 0;
  for (const event of events) {
    const call = readOutcomeLabel(event, namespaces);
    const outcome = call ? await takeOne(ports, event.id, call) : "form";
    ports.seen("labels", outcome, 1);
    if (outcome === "counted") counted++;
  }
  return counted;
}

/** @throws DATABASE_UNAVAILABLE: the reading ends, and goes on from there */
async function takeOne(ports: LabelPorts, eventId: string, call: LabelledCall): Promise<string> {
  if (!(await ports.takeLabel(eventId, ports.now()))) return "known";
  try {
    return (await ports.report(call)).counted ? "counted" : "repeated";
  } catch (error) {
    const code = errorCode(error);
    if (code && REFUSALS.has(code)) return code;
    if (code === "DATABASE_UNAVAILABLE") {
      await ports.returnLabel(eventId);
      throw error;
    }
    ports.failed("labels", error);
    return "failed";
  }
}
