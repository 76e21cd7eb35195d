/**
 * Following the network: LND's stream of changes on top of readings of its whole graph, stored version by version.
 *
 * Subscribe, then read, then take in what came meanwhile: nothing falls between the two. The stream is read without a pause.
 * When it breaks or is given up, the graph is read again and compared, and so it is from time to time: what the stream had not told is stored
 * as a change like any other, and reported.
 */
import { type ErrorCode, errorCode } from "../../core/errors.ts";
import { digestAfter } from "../../core/graph/delta.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { openInbox } from "./inbox.ts";
import { type Answer, openQuestions } from "./questions.ts";

/** One state of the stored graph; `digest` names its content. */
export type Position = { snapshotId: bigint; number: number; digest: Uint8Array };
type Counts = { nodes: number; channels: number; arcs: number };
type Counted = Readonly<Record<string, number>>;

/** What taking something in changed. */
export type Taken = {
  changeCount: number;
  delta: Uint8Array | undefined;
  lastingCount: number;
  doubts: bigint[];
  garbage: Counted;
  counts: Counts;
};

type Written = { at: UnixSeconds; after: Position | undefined };

export type FollowPorts<Stored extends { position: Position }, Change, Rated extends { digest: Uint8Array }, Node> = {
  lnd: {
    /** Ends or throws when the stream is over. */
    subscribe(signal: AbortSignal): AsyncIterable<Uint8Array>;
    /** @throws LND_UNAVAILABLE, LND_REFUSED */
    describe(signal: AbortSignal): Promise<Uint8Array>;
    /** Undefined when there is no such channel. @throws LND_UNAVAILABLE, LND_REFUSED */
    channel(id: bigint, signal: AbortSignal): Promise<Uint8Array | undefined>;
  };
  keeper: {
    open(stored: Stored | undefined): Promise<void>;
    read(bytes: Uint8Array, now: UnixSeconds): Promise<Taken & { missed: Counted }>;
    advance(
      answers: Answer[],
      heard: { messages: Uint8Array[]; first: number; at: UnixSeconds; overlapping: boolean },
      now: UnixSeconds,
    ): Promise<Taken>;
    history(): AsyncIterable<Change[]>;
    rate(now: UnixSeconds): Promise<Rated>;
    nodes(): AsyncIterable<Node[]>;
  };
  store: {
    newest(): Promise<Stored | undefined>;
    /** Undefined when another process has written meanwhile. Safe to repeat. */
    append(
      write: Written & { history: AsyncIterable<Change[]>; delta: Uint8Array; digest: Uint8Array },
    ): Promise<Position | undefined>;
    checkpoint(
      write: Written & {
        history: AsyncIterable<Change[]>;
        reading: Rated;
        nodes: AsyncIterable<Node[]>;
        sameAsBefore: boolean;
      },
    ): Promise<Position | undefined>;
  };
  events: {
    stage(stage: "describe" | "read" | "rate" | "save", elapsedMs: number): void;
    stream(up: boolean): void;
    /** A reading was compared with what was stored; `first`: nothing was. */
    read(found: { missed: Counted; garbage: Counted; first: boolean; counts: Counts }): void;
    /** Changes of the stream were stored. */
    changed(found: { changes: number; garbage: Counted; counts: Counts }): void;
    /** Nodes were rated. */
    rated(at: UnixSeconds): Promise<void>;
    failed(place: string, error: unknown): void;
  };
  now(): UnixSeconds;
  /** A monotonic clock in ms. */
  elapsedMs(): number;
  /** Resolves after so long, or when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
};

export type FollowOptions = {
  /** Pause between two readings of the whole graph. */
  readEverySec: number;
  /** How long changes are gathered before they are stored. */
  gatherMs: number;
  /** LND does not say when a subscription has begun: the reading waits this long for it. */
  headStartMs: number;
  signal: AbortSignal;
};

/** What waits while the graph is read, rated or cannot be stored. A message takes some hundred bytes. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Reading the whole graph costs LND a pass over its database, whatever the occasion. */
const MIN_READ_PAUSE_SEC = 60;
const IDLE_SEC = 30;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/**
 * Follows the graph until the signal aborts, or until another process has written: then it returns "superseded", and what
 * is stored must be read again.
 *
 * @throws what the keeper throws; failures of LND and of the database are waited out
 */
export async function followGraph<
  Stored extends { position: Position },
  Change,
  Rated extends { digest: Uint8Array },
  Node,
>(ports: FollowPorts<Stored, Change, Rated, Node>, options: FollowOptions): Promise<"stopped" | "superseded"> {
  const { signal } = options;
  const term = openTerm(ports, options);
  await term.open();
  for (let retryMs = MIN_RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
    const startedAt = ports.elapsedMs();
    const outcome = await term.followStream();
    if (outcome !== "broken") return outcome;
    // A stream that lived for a while was not broken by what we do.
    if (ports.elapsedMs() - startedAt > MAX_RETRY_MS) retryMs = MIN_RETRY_MS;
    await ports.pause(retryMs, signal);
  }
  return "stopped";
}

function openTerm<Stored extends { position: Position }, Change, Rated extends { digest: Uint8Array }, Node>(
  ports: FollowPorts<Stored, Change, Rated, Node>,
  { readEverySec, gatherMs, headStartMs, signal }: FollowOptions,
) {
  const { lnd, keeper, store, events } = ports;
  let position: Position | undefined;
  let ratedAt: number | undefined;
  let superseded = false;

  const timed = async <Result>(stage: Parameters<typeof events.stage>[0], work: Promise<Result>): Promise<Result> => {
    const from = ports.elapsedMs();
    const result = await work;
    events.stage(stage, ports.elapsedMs() - from);
    return result;
  };

  /** Writes, as often as it takes while the database is away. */
  const write = async (attempt: () => Promise<Position | undefined>): Promise<void> => {
    for (let retryMs = MIN_RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
      try {
        const written = await attempt();
        superseded = written === undefined;
        position = written ?? position;
        return;
      } catch (error) {
        if (errorCode(error) !== "DATABASE_UNAVAILABLE") throw error;
        events.failed("storing the graph", error);
        await ports.pause(retryMs, signal);
      }
    }
  };
  const append = (delta: Uint8Array, at: UnixSeconds) =>
    write(() =>
      store.append({
        at,
        after: position,
        delta,
        digest: digestAfter(position!.digest, delta),
        history: keeper.history(),
      }),
    );
  const checkpoint = async (at: UnixSeconds, sameAsBefore: boolean) => {
    const reading = await timed("rate", keeper.rate(at));
    const history = sameAsBefore ? none<Change>() : keeper.history();
    const save = () => store.checkpoint({ at, after: position, reading, nodes: keeper.nodes(), history, sameAsBefore });
    await timed("save", write(save));
    if (superseded || signal.aborted) return;
    ratedAt = at;
    await events.rated(at);
  };

  /** Stores what was taken in, as a delta where it fits into one. */
  const keep = async ({ changeCount, delta }: Taken, at: UnixSeconds) => {
    if (position && delta) await append(delta, at);
    else if (!position || changeCount > 0) await checkpoint(at, false);
  };

  const readWhole = async () => {
    const bytes = await timed("describe", lnd.describe(signal));
    const at = ports.now();
    const taken = await timed("read", keeper.read(bytes, at));
    const { missed, garbage, counts } = taken;
    events.read({ missed, garbage, counts, first: position === undefined });
    await keep(taken, at);
    const due = ratedAt === undefined || at - ratedAt >= readEverySec;
    if (due && !superseded && !signal.aborted) await checkpoint(ports.now(), true);
  };

  return {
    async open() {
      const stored = await store.newest();
      await keeper.open(stored);
      position = stored?.position;
    },

    /** One life of the stream. */
    async followStream(): Promise<"stopped" | "superseded" | "broken"> {
      const inbox = openInbox(lnd.subscribe, { maxBytes: MAX_WAITING_BYTES, signal });
      const questions = openQuestions({
        channel: (id) => lnd.channel(id, signal),
        lastHeard: () => heardUpTo,
        onFailed: (error) => events.failed("asking for a channel", error),
      });
      let heardUpTo = -1;
      let readAt: number | undefined;
      let takenInAt = 0;

      const takeIn = async (overlapping: boolean) => {
        const { messages, first } = inbox.take();
        const answers = questions.take();
        heardUpTo = first + messages.length - 1;
        const at = ports.now();
        // The keeper may want to ask for a channel again, also while nothing happens.
        if (messages.length + answers.length === 0 && at - takenInAt < IDLE_SEC) return;
        takenInAt = at;
        const taken = await keeper.advance(answers, { messages, first, at, overlapping }, at);
        const { changeCount, garbage, counts } = taken;
        await keep(taken, at);
        events.changed({ changes: changeCount, garbage, counts });
        questions.ask(taken.doubts);
      };
      const step = async () => {
        const sinceSec = readAt === undefined ? Number.POSITIVE_INFINITY : ports.now() - readAt;
        const due = sinceSec >= readEverySec || (questions.tooMany() && sinceSec >= MIN_READ_PAUSE_SEC);
        if (!due) return takeIn(false);
        questions.forget();
        await readWhole();
        readAt = ports.now();
        if (superseded || signal.aborted) return;
        events.stream(inbox.ended() === undefined);
        await takeIn(true);
      };
      try {
        await ports.pause(headStartMs, signal);
        while (!signal.aborted && !superseded) {
          const ended = inbox.ended();
          if (ended) throw ended.error;
          await step();
          await ports.pause(gatherMs, signal);
        }
        return signal.aborted ? "stopped" : "superseded";
      } catch (error) {
        if (signal.aborted) return "stopped";
        if (!WAITED_OUT.has(errorCode(error))) throw error;
        events.failed("following the graph", error);
        return "broken";
      } finally {
        events.stream(false);
        await inbox.close();
      }
    },
  };
}

/** What may be otherwise in a moment. */
const WAITED_OUT = new Set<ErrorCode | undefined>([
  "LND_UNAVAILABLE",
  "LND_REFUSED",
  "DATABASE_UNAVAILABLE",
  "GRAPH_MALFORMED",
  "OVERLOADED",
]);

async function* none<Change>(): AsyncGenerator<Change[]> {}
