/** The follower at a model of LND, in made-up time: a script says what happens to the network, to the stream and to the process. */
import { createGraphService } from "../apps/graph-service.ts";
import { OracleError } from "../core/errors.ts";
import type { GraphChange } from "../core/graph/change.ts";
import type { ChannelGraph } from "../core/graph/channel-graph.ts";
import { decodeDelta } from "../core/graph/delta.ts";
import { openLiveGraph } from "../core/graph/live-graph.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import { type UnixSeconds, unixSeconds } from "../core/units.ts";
import { type FollowPorts, followGraph, type Position } from "../oracle/network/follow-graph.ts";
import { createModelLnd, type ModelEvent } from "./model-lnd.ts";

export type Scene =
  | ModelEvent
  /** The newest message overtakes the one before; the next one comes again after all others; the next one arrives. */
  | { kind: "swap" | "double" | "deliver" }
  | { kind: "wait"; sec: number }
  /** The stream breaks, and what was under way in it is lost. */
  | { kind: "break" }
  /** The next write fails, before or after it was committed. */
  | { kind: "database-away"; committed: boolean }
  | { kind: "crash" };

export type Stored = { position: Position; body: Uint8Array; deltas: Uint8Array[] };
type Head = ReturnType<ReturnType<typeof createGraphService>["rate"]>;
type Row = ReturnType<ReturnType<typeof createGraphService>["rows"]>[number];
export type FollowStore = FollowPorts<Stored, GraphChange, Head, Row>["store"];

const READ_EVERY_SEC = 600;

/**
 * Plays the script, waits until all is quiet and the graph was read twice more, and stops. With `readings` 1 the graph is read at the
 * beginning and never again. @returns what LND's graph is then, and which channels ever were in it
 */
export async function playScript(
  script: readonly Scene[],
  store: FollowStore,
  { readings = 2 }: { readings?: 1 | 2 } = {},
): Promise<{ graph: ChannelGraph; everPublic: ReadonlySet<bigint> }> {
  const scenes = [...script];
  const readEverySec = readings === 1 ? Number.POSITIVE_INFINITY : READ_EVERY_SEC;
  let quietPauses = 0;
  let clock = 1_700_000_000_000;
  let wire: Uint8Array[] = [];
  let deliver: ((message: Uint8Array) => void) | undefined;
  let breakStream = () => {};
  let failWrite: "before" | "after" | undefined;
  let process = new AbortController();
  let quiet = false;
  let quietReadings = 0;
  const lnd = createModelLnd(
    (message) => wire.push(message),
    () => Math.floor(clock / 1000),
  );

  const deliverOne = () => {
    const message = wire.shift();
    if (message) deliver?.(message);
  };
  const play = (scene: Scene) => {
    switch (scene.kind) {
      case "swap":
        wire = [...wire.slice(0, -2), ...wire.slice(-2).reverse()];
        break;
      case "double":
        wire = [...wire, ...wire.slice(0, 1)];
        break;
      case "deliver":
        deliverOne();
        break;
      case "wait":
        clock += scene.sec * 1000;
        break;
      case "break":
        wire = [];
        breakStream();
        break;
      case "database-away":
        failWrite = scene.committed ? "after" : "before";
        break;
      case "crash":
        process.abort();
        break;
      default:
        lnd.happen(scene);
    }
  };
  /** Something happens whenever somebody waits. */
  const goOn = (count: number) => {
    for (const scene of scenes.splice(0, count)) play(scene);
    while (scenes.length === 0 && wire.length > 0) deliverOne();
  };
  const failing = async <Result>(write: () => Promise<Result>): Promise<Result> => {
    const fail = failWrite;
    failWrite = undefined;
    if (fail !== "before") {
      const written = await write();
      if (fail === undefined) return written;
    }
    throw new OracleError("DATABASE_UNAVAILABLE", "the database does not answer");
  };

  const portsFor = (): FollowPorts<Stored, GraphChange, Head, Row> => {
    const service = createGraphService();
    const pages = <Item>(read: (from: number) => Item[]): AsyncIterable<Item[]> => ({
      async *[Symbol.asyncIterator]() {
        for (let from = 0; read(from).length > 0; from += read(from).length) yield read(from);
      },
    });
    return {
      lnd: {
        subscribe: (until) => {
          wire = [];
          return openStream(until, (send, end) => {
            deliver = send;
            breakStream = end;
          });
        },
        async describe() {
          quiet = scenes.length === 0 && wire.length === 0;
          goOn(1);
          const bytes = lnd.describe();
          goOn(3);
          return bytes;
        },
        async channel(id) {
          const bytes = lnd.channel(id);
          await turn();
          goOn(1);
          return bytes;
        },
      },
      keeper: {
        open: async (stored) => service.open(stored),
        read: async (bytes, now) => service.read({ bytes, now }),
        advance: async (answers, heard, now) => service.advance({ answers, heard, now }),
        history: () => pages((from) => service.history({ from })),
        rate: async (now) => service.rate({ now, evidence: [] }),
        nodes: () => pages((from) => service.rows({ from })),
      },
      store: {
        newest: store.newest,
        append: (write) => failing(() => store.append(write)),
        checkpoint: (write) => failing(() => store.checkpoint(write)),
      },
      events: {
        stage() {},
        read() {},
        /** Told of a stream that is up after each reading that was stored. */
        stream(up) {
          if (up && quiet) quietReadings++;
        },
        changed() {},
        async rated() {},
        failed() {},
      },
      now: (): UnixSeconds => unixSeconds(Math.floor(clock / 1000)),
      elapsedMs: () => clock,
      async pause(ms) {
        clock += ms;
        await turn();
        goOn(2);
        await turn();
        // What came during the first of them may say less than it did; the second one heals that.
        if (scenes.length === 0 && wire.length === 0) quietPauses++;
        if (quietReadings >= 2 || (readings === 1 && quietPauses > 20)) finished.abort();
        else if (scenes.length === 0) clock += 10_000;
      },
    };
  };
  const finished = new AbortController();
  while (!finished.signal.aborted) {
    process = new AbortController();
    const signal = AbortSignal.any([process.signal, finished.signal]);
    await followGraph(portsFor(), { readEverySec, gatherMs: 500, headStartMs: 500, signal });
  }
  return { graph: lnd.graph(), everPublic: lnd.everPublic };
}

/** A stream that a test feeds and breaks. */
function openStream(
  signal: AbortSignal,
  begin: (send: (message: Uint8Array) => void, end: () => void) => void,
): AsyncIterable<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let over = false;
  let wake = () => {};
  begin(
    (message) => {
      waiting.push(message);
      wake();
    },
    () => {
      over = true;
      wake();
    },
  );
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (waiting.length > 0) yield waiting.shift()!;
        if (signal.aborted) return;
        if (over) throw new OracleError("LND_UNAVAILABLE", "the stream broke");
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The graph that is stored. */
export function storedGraph(stored: Stored | undefined): ChannelGraph {
  if (!stored) throw new Error("nothing is stored");
  const live = openLiveGraph(decodeSnapshot(stored.body));
  for (const delta of stored.deltas) for (const change of decodeDelta(delta)) live.apply(change);
  return live.graph;
}
