/** How a delivery ends, by what the relay said and showed: the state of each event, when it is tried again, and the relay's pause. */
import { isOurFault, type RelayAnswer } from "../../core/nip85/relay-answer.ts";
import type { Misfit } from "../../core/nip85/relay-info.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import type { DeliverReport, DeliverRequest, DeliveryResult, DueDelivery, RelayPause } from "./delivery.ts";

/** What a batch brought: answers by id, ids seen on the relay, whether it told us what it holds, and what was not sent and why. */
export type Batch = {
  answers: ReadonlyMap<string, RelayAnswer>;
  misfits: ReadonlyMap<string, Misfit>;
  /** Left over when the relay had had its share. */
  unsent: ReadonlySet<string>;
  confirmed: ReadonlySet<string>;
  answeredBefore: boolean;
  answeredAfter: boolean;
};

const MAX_BACKOFF_SEC = 900;
/** With the pauses between them, a good hour. */
const MOST_UNSHOWN = 12;
/** What does not fit yet is looked at again so often. */
const MISFIT_RETRY_SEC = 60;

/** What becomes of one delivery. An event that was seen on the relay is done, whatever the relay said. */
export function concludeDelivery(event: DueDelivery, batch: Batch, request: DeliverRequest): DeliveryResult {
  const answer = batch.answers.get(event.id);
  const text = answer ? `${answer.outcome}: ${answer.text}` : "";
  const result = (state: DeliveryResult["state"], nextTryAt: UnixSeconds, note: string): DeliveryResult => {
    const held = event.mayHoldOther || state === "confirmed" || state === "sent";
    return { id: event.id, state, nextTryAt, answer: note, held };
  };
  if (batch.confirmed.has(event.id)) return result("confirmed", request.now, text);
  const wrong = batch.misfits.get(event.id);
  if (wrong?.later) return result("pending", unixSeconds(request.now + MISFIT_RETRY_SEC), wrong.text);
  if (wrong) return result("refused", request.now, wrong.text);
  if (batch.unsent.has(event.id)) return result("pending", request.now, "not sent: the relay has had its share");
  const later = retryAt(event, answer && "pauseSec" in answer ? answer.pauseSec : undefined, request);
  if (!answer) return result(event.mayBeThere ? "sent" : "pending", later, "the relay did not say what it holds");

  switch (answer.outcome) {
    case "refused-for-good":
      return "pauseSec" in answer ? result("pending", later, text) : result("refused", request.now, text);
    case "outdated":
    case "work":
      return result("refused", request.now, text);
    case "retry":
      return result("pending", later, text);
    case "acked":
    case "duplicate":
    case "unknown":
      return batch.answeredAfter
        ? { ...notShown(event, answer.outcome, later), answer: `${text} (not found on reading back)`, held: true }
        : result("sent", later, text);
  }
}

/** A relay that says often enough that it took an event, and never shows it, is not asked for ever. */
function notShown(event: DueDelivery, outcome: RelayAnswer["outcome"], later: UnixSeconds) {
  const state = outcome !== "unknown" && event.attempts >= MOST_UNSHOWN ? ("refused" as const) : ("pending" as const);
  return { id: event.id, state, nextTryAt: later };
}

/** After a pause the relay asked for, spread over half of it again; else by the number of attempts. */
function retryAt(event: DueDelivery, pauseSec: number | undefined, { now, random }: DeliverRequest): UnixSeconds {
  if (pauseSec !== undefined) return unixSeconds(now + pauseSec + Math.floor((random() * pauseSec) / 2));
  return unixSeconds(now + backoffSec(event.attempts, random));
}

/** Exponential with full jitter, from 1 s to 15 min. */
function backoffSec(attempts: number, random: () => number): number {
  const longest = Math.min(MAX_BACKOFF_SEC, 2 ** Math.min(attempts, 20));
  return Math.max(1, Math.ceil(random() * longest));
}

/** How long the relay is left alone: as it asked, or longer with each batch in a row that brought nothing. */
export function nextPause(
  report: DeliverReport,
  batch: Batch,
  last: RelayPause | undefined,
  { now, random }: DeliverRequest,
): RelayPause | undefined {
  const answers = [...batch.answers.values()];
  const asked = answers.flatMap((answer) => ("pauseSec" in answer ? [answer] : []));
  const tried = answers.length > 0 || !batch.answeredBefore;
  const brought = report.confirmed + report.refused + report.signedAgain;
  const failures = tried && brought === 0 ? (last?.failures ?? 0) + 1 : 0;
  if (asked.length === 0 && failures === 0) return undefined;
  const askedSec = Math.max(0, ...asked.map((answer) => answer.pauseSec ?? 0));
  const untilAt = unixSeconds(now + Math.max(askedSec, failures > 0 ? backoffSec(failures, random) : 0));
  const [cause] = asked.length > 0 ? asked : answers;
  return {
    failures,
    untilAt,
    reason: cause ? `${cause.outcome}: ${cause.text}` : "the relay did not say what it holds",
  };
}

/** Counts how a batch ended. */
export function summariseBatch(results: readonly DeliveryResult[], batch: Batch): Omit<DeliverReport, "signedAgain"> {
  const count = (state: DeliveryResult["state"]) => results.filter((result) => result.state === state).length;
  const [confirmed, refused] = [count("confirmed"), count("refused")];
  const answers = [...batch.answers.values()];
  const troubled = answers.some((answer) => answer.outcome === "unknown" || "pauseSec" in answer);
  const stalled = !batch.answeredBefore || !batch.answeredAfter || troubled || confirmed + refused === 0;
  return {
    taken: results.length,
    confirmed,
    refused,
    postponed: results.length - confirmed - refused,
    invalid: answers.filter(isOurFault).length,
    stalled,
  };
}
