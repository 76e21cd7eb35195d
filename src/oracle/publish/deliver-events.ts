/** Delivery: one batch from the outbox to one relay. An event counts as published when the relay has shown it to us. */
import { decodeEvent } from "../../core/nip85/event.ts";
import { asksToSlowDown, type RelayAnswer } from "../../core/nip85/relay-answer.ts";
import { misfit, type RelayInfo } from "../../core/nip85/relay-info.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Batch, concludeDelivery, nextPause, summariseBatch } from "./conclude-delivery.ts";
import type { DeliverReport, DeliverRequest, DeliveryResult, DueDelivery, RelayPause, RelayTask } from "./delivery.ts";

export type DeliverPorts = {
  /** Undefined for a relay that is well. */
  readPause(relay: string): Promise<RelayPause | undefined>;
  /** Undefined ends the pause. Idempotent. */
  writePause(relay: string, pause: RelayPause | undefined): Promise<void>;
  /** What the relay says of itself, and whether it ever took an event. Never throws because of the relay. */
  describe(relay: string, now: UnixSeconds): Promise<{ info: RelayInfo | undefined; proved: boolean }>;
  /** How many events the relay may be sent now; takes nothing. */
  countTokens(relay: string, now: UnixSeconds): Promise<number>;
  /** Takes up to `want` of them, shared by all processes. */
  takeTokens(relay: string, want: number, now: UnixSeconds): Promise<number>;
  learnRate(relay: string, batch: { accepted: number; limited: boolean }, now: UnixSeconds): Promise<void>;
  noteContact(relay: string, seen: { confirmed: boolean }, now: UnixSeconds): Promise<void>;
  /** Opens a delivery to this relay for every current event that is meant for it and has none. Idempotent. */
  enrol(relay: string, selection: RelayTask & { room: number }, now: UnixSeconds): Promise<number>;
  /** Takes what is due under a lease; only the newest version of each address. Until recorded it counts as sent. */
  takeDue(relay: string, options: { now: UnixSeconds; limit: number; leaseSec: number }): Promise<DueDelivery[]>;
  /** One answer per event, in order. Never throws; what cannot be sent is answered as such. */
  publish(events: readonly DueDelivery[], signal: AbortSignal, info?: RelayInfo): Promise<RelayAnswer[]>;
  /** The ids the relay shows with our content. When not `answered`, absence means nothing. Never throws. */
  readBack(
    events: readonly DueDelivery[],
    signal: AbortSignal,
    info?: RelayInfo,
  ): Promise<{ present: ReadonlySet<string>; answered: boolean }>;
  /** Idempotent; answers about versions that were replaced meanwhile change nothing. */
  record(relay: string, results: readonly DeliveryResult[], now: UnixSeconds): Promise<number>;
  /** Puts a version that the relay may take in place of one it will not. False when there can be none now. */
  signAgain(relay: string, event: DueDelivery, wish: { bits: number }, signal: AbortSignal): Promise<boolean>;
};

/** Longer than a batch may take, so that no other worker sends the same events meanwhile. */
const LEASE_SEC = 300;

const NOTHING: DeliverReport = {
  taken: 0,
  confirmed: 0,
  refused: 0,
  postponed: 0,
  invalid: 0,
  signedAgain: 0,
  stalled: false,
};

/**
 * Sends what is due, reads it back, and writes down how it ended. Events without a clear answer are looked for first.
 * A relay that is away, silent or asked for it is left alone for a growing while, whatever becomes due meanwhile.
 */
export async function deliverEvents(ports: DeliverPorts, request: DeliverRequest): Promise<DeliverReport> {
  const { relay, task, now, signal } = request;
  const pause = await ports.readPause(relay);
  if (pause && pause.untilAt > now) return { ...NOTHING, stalled: true };

  const limited = task.role !== "full";
  const tokens = limited ? await ports.countTokens(relay, now) : request.limit;
  const room = Math.min(request.limit, tokens);
  if (room === 0) return { ...NOTHING, stalled: true };
  await ports.enrol(relay, { ...task, room }, now);
  const due = await ports.takeDue(relay, { now, limit: room, leaseSec: LEASE_SEC });
  if (due.length === 0) return { ...NOTHING, stalled: limited };

  const { info, proved } = await ports.describe(relay, now);
  const batch = await sendAndReadBack(ports, due, { ...request, info, proved });
  const results = due.map((event) => concludeDelivery(event, batch, request));
  // Those that another version is signed for stay under their lease meanwhile: a process that dies now leaves them to the next one.
  const [again, done] = partition(
    due,
    (event) => !batch.confirmed.has(event.id) && bitsWanted(event, batch) !== undefined,
  );
  const resultOf = new Map(results.map((result) => [result.id, result]));
  await ports.record(
    relay,
    done.map(({ id }) => resultOf.get(id)!),
    now,
  );
  const signedAgain = await signThoseAgain(ports, again, batch, request);
  await ports.record(
    relay,
    again.map(({ id }) => resultOf.get(id)!),
    now,
  );

  const report = { ...summariseBatch(results, batch), signedAgain };
  // A batch cut short by our own shutdown says nothing about the relay.
  if (!signal.aborted) await learnFrom(ports, batch, report, pause, request);
  return limited ? { ...report, stalled: true } : report;
}

type Sending = DeliverRequest & { info: RelayInfo | undefined; proved: boolean };

async function sendAndReadBack(ports: DeliverPorts, due: readonly DueDelivery[], sending: Sending): Promise<Batch> {
  const { relay, task, now, signal, info, proved } = sending;
  const read = (events: readonly DueDelivery[]) =>
    events.length > 0 ? ports.readBack(events, signal, info) : { present: new Set<string>(), answered: true };

  const before = await read(due.filter((event) => event.mayBeThere));
  const misfits = new Map(
    due.flatMap((event) => {
      const decoded = decodeEvent(event.json);
      const why = decoded && misfit(decoded, new TextEncoder().encode(event.json).length, info, now);
      return why ? [[event.id, why] as const] : [];
    }),
  );
  const wanted = due.filter((event) => !before.present.has(event.id) && !misfits.has(event.id));
  // Who takes events of some keys only is asked with one event whether ours is among them.
  const most = !before.answered ? 0 : info?.isSelective && !proved ? 1 : wanted.length;
  const granted =
    task.role === "full" ? most : most > 0 ? await ports.takeTokens(relay, Math.min(most, wanted.length), now) : 0;
  const toSend = wanted.slice(0, granted);
  const sent = toSend.length > 0 ? await ports.publish(toSend, signal, info) : [];
  const answers = new Map(toSend.map((event, index) => [event.id, sent[index]!]));
  const after = await read(toSend.filter((event) => mayBeStored(answers.get(event.id)!)));
  const confirmed = new Set([...before.present, ...after.present]);
  const unsent = new Set(before.answered ? wanted.slice(granted).map(({ id }) => id) : []);
  return { answers, misfits, unsent, confirmed, answeredBefore: before.answered, answeredAfter: after.answered };
}

function mayBeStored(answer: RelayAnswer): boolean {
  return answer.outcome === "acked" || answer.outcome === "duplicate" || answer.outcome === "unknown";
}

/** Those that the relay would take in another version get one; those that can have none now stay as they were concluded. */
async function signThoseAgain(
  ports: DeliverPorts,
  events: readonly DueDelivery[],
  batch: Batch,
  { relay, signal }: DeliverRequest,
): Promise<number> {
  let count = 0;
  for (const event of events) {
    if (await ports.signAgain(relay, event, { bits: bitsWanted(event, batch)! }, signal)) count++;
  }
  return count;
}

/** The leading zero bits of the version that the relay asks for; 0 when only a newer one; undefined when it asks for none. */
function bitsWanted(event: DueDelivery, batch: Batch): number | undefined {
  const work = batch.misfits.get(event.id)?.work;
  if (work !== undefined) return work;
  const answer = batch.answers.get(event.id);
  if (answer?.outcome === "outdated") return 0;
  return answer?.outcome === "work" ? (answer.bits ?? Infinity) : undefined;
}

async function learnFrom(
  ports: DeliverPorts,
  batch: Batch,
  report: DeliverReport,
  pause: RelayPause | undefined,
  request: DeliverRequest,
): Promise<void> {
  const { relay, task, now } = request;
  const answers = [...batch.answers.values()];
  const heard = answers.some(({ outcome }) => outcome !== "unknown" && outcome !== "retry");
  if (heard || report.confirmed > 0) await ports.noteContact(relay, { confirmed: report.confirmed > 0 }, now);
  const accepted = answers.filter(({ outcome }) => outcome === "acked").length;
  const limited = answers.some(asksToSlowDown);
  if (task.role !== "full" && (accepted > 0 || limited)) await ports.learnRate(relay, { accepted, limited }, now);
  const next = nextPause(report, batch, pause, request);
  if (next || pause) await ports.writePause(relay, next);
}

function partition<Item>(items: readonly Item[], holds: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
