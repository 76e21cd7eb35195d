/** Delivery: one batch from the outbox to one relay. An event counts as published when the relay has shown it to us. */
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

/** A signed event due at the relay. `mayBeThere`: it was sent before, and nobody knows whether it arrived. */
export type DueDelivery = { id: string; sig: string; json: string; attempts: number; mayBeThere: boolean };
export type DeliveryResult = {
  id: string;
  state: "pending" | "sent" | "confirmed" | "refused";
  nextTryAt: UnixSeconds;
  answer: string;
};

/** Nothing is sent to the relay before `untilAt`; `failures` counts batches in a row without any success. */
export type RelayPause = { failures: number; untilAt: UnixSeconds; reason: string };

export type DeliverPorts = {
  /** Undefined for a relay that is well. */
  readPause(relay: string): Promise<RelayPause | undefined>;
  /** Undefined ends the pause. Idempotent. */
  writePause(relay: string, pause: RelayPause | undefined): Promise<void>;
  /** Opens a delivery to this relay for every current event that has none. Idempotent. */
  enrol(relay: string, now: UnixSeconds): Promise<number>;
  /** Takes what is due under a lease; only the newest version of each address. */
  takeDue(relay: string, options: { now: UnixSeconds; limit: number; leaseSec: number }): Promise<DueDelivery[]>;
  /** One answer per event, in order. Never throws; what cannot be sent is answered as such. */
  publish(events: readonly DueDelivery[], signal: AbortSignal): Promise<RelayAnswer[]>;
  /** The ids the relay shows with our content. When not `answered`, absence means nothing. Never throws. */
  readBack(
    events: readonly DueDelivery[],
    signal: AbortSignal,
  ): Promise<{ present: ReadonlySet<string>; answered: boolean }>;
  /** Idempotent; answers about versions that were replaced meanwhile change nothing. */
  record(relay: string, results: readonly DeliveryResult[], now: UnixSeconds): Promise<number>;
};

export type DeliverRequest = {
  relay: string;
  now: UnixSeconds;
  /** At most so many events in this batch. */
  limit: number;
  signal: AbortSignal;
  /** Uniform in [0, 1): spreads retries. */
  random: () => number;
};

export type DeliverReport = {
  taken: number;
  confirmed: number;
  refused: number;
  /** Will be tried again. */
  postponed: number;
  /** True when going on at once makes no sense: the relay is away, silent, or asked for a pause. */
  stalled: boolean;
};

/** Longer than a batch may take, so that no other worker sends the same events meanwhile. */
const LEASE_SEC = 300;
const MAX_BACKOFF_SEC = 900;

const NOTHING: DeliverReport = { taken: 0, confirmed: 0, refused: 0, postponed: 0, stalled: false };

/**
 * Sends what is due, reads it back, and writes down how it ended. Events without a clear answer are looked for first.
 * A relay that is away, silent or asked for it is left alone for a growing while, whatever becomes due meanwhile.
 */
export async function deliverEvents(ports: DeliverPorts, request: DeliverRequest): Promise<DeliverReport> {
  const { relay, now, limit, signal } = request;
  const pause = await ports.readPause(relay);
  if (pause && pause.untilAt > now) return { ...NOTHING, stalled: true };

  await ports.enrol(relay, now);
  const due = await ports.takeDue(relay, { now, limit, leaseSec: LEASE_SEC });
  if (due.length === 0) return NOTHING;

  const batch = await sendAndReadBack(ports, due, signal);
  const results = due.map((event) => conclude(event, batch, request));
  await ports.record(relay, results, now);

  const report = summarise(results, batch);
  const next = nextPause(report, batch, pause, request);
  // A batch cut short by our own shutdown says nothing about the relay.
  if (!signal.aborted && (next || pause)) await ports.writePause(relay, next);
  return report;
}

/** What a batch brought: answers by id, ids seen on the relay, and whether it told us what it holds. */
type Batch = {
  answers: Map<string, RelayAnswer>;
  confirmed: Set<string>;
  answeredBefore: boolean;
  answeredAfter: boolean;
};

async function sendAndReadBack(ports: DeliverPorts, due: readonly DueDelivery[], signal: AbortSignal): Promise<Batch> {
  const read = (events: readonly DueDelivery[]) =>
    events.length > 0 ? ports.readBack(events, signal) : { present: new Set<string>(), answered: true };

  const before = await read(due.filter((event) => event.mayBeThere));
  const toSend = before.answered ? due.filter((event) => !before.present.has(event.id)) : [];
  const sent = toSend.length > 0 ? await ports.publish(toSend, signal) : [];
  const answers = new Map(toSend.map((event, index) => [event.id, sent[index]!]));
  const after = await read(toSend.filter((event) => mayBeStored(answers.get(event.id)!)));
  const confirmed = new Set([...before.present, ...after.present]);
  return { answers, confirmed, answeredBefore: before.answered, answeredAfter: after.answered };
}

/** What becomes of one delivery. An event that was seen on the relay is done, whatever the relay said. */
function conclude(event: DueDelivery, batch: Batch, request: DeliverRequest): DeliveryResult {
  const answer = batch.answers.get(event.id);
  const text = answer ? `${answer.outcome}: ${answer.text}` : "";
  const result = (state: DeliveryResult["state"], nextTryAt: UnixSeconds, note: string): DeliveryResult => {
    return { id: event.id, state, nextTryAt, answer: note };
  };
  const later = retryAt(event, answer && "pauseSec" in answer ? answer.pauseSec : undefined, request);
  if (batch.confirmed.has(event.id)) return result("confirmed", request.now, text);
  if (!answer) return result(event.mayBeThere ? "sent" : "pending", later, "the relay did not say what it holds");

  switch (answer.outcome) {
    case "refused-for-good":
      return "pauseSec" in answer ? result("pending", later, text) : result("refused", request.now, text);
    case "retry":
      return result("pending", later, text);
    case "acked":
    case "duplicate":
    case "unknown":
      return batch.answeredAfter
        ? result("pending", later, `${text} (not found on reading back)`)
        : result("sent", later, text);
  }
}

function mayBeStored(answer: RelayAnswer): boolean {
  return answer.outcome === "acked" || answer.outcome === "duplicate" || answer.outcome === "unknown";
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
function nextPause(
  report: DeliverReport,
  batch: Batch,
  last: RelayPause | undefined,
  { now, random }: DeliverRequest,
): RelayPause | undefined {
  const asked = [...batch.answers.values()].flatMap((answer) => ("pauseSec" in answer ? [answer] : []));
  const failures = report.confirmed + report.refused === 0 ? (last?.failures ?? 0) + 1 : 0;
  if (asked.length === 0 && failures === 0) return undefined;
  const askedSec = Math.max(0, ...asked.map((answer) => answer.pauseSec ?? 0));
  const untilAt = unixSeconds(now + Math.max(askedSec, failures > 0 ? backoffSec(failures, random) : 0));
  const [cause] = asked.length > 0 ? asked : batch.answers.values();
  return {
    failures,
    untilAt,
    reason: cause ? `${cause.outcome}: ${cause.text}` : "the relay did not say what it holds",
  };
}

function summarise(results: readonly DeliveryResult[], batch: Batch): DeliverReport {
  const count = (state: DeliveryResult["state"]) => results.filter((result) => result.state === state).length;
  const [confirmed, refused] = [count("confirmed"), count("refused")];
  const answers = [...batch.answers.values()];
  const troubled = answers.some((answer) => answer.outcome === "unknown" || "pauseSec" in answer);
  const stalled = !batch.answeredBefore || !batch.answeredAfter || troubled || confirmed + refused === 0;
  return { taken: results.length, confirmed, refused, postponed: results.length - confirmed - refused, stalled };
}
