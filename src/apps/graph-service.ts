/** What the graph thread does: it holds the graph, takes in readings and messages of LND, and rates the nodes. */
import { decodeChannel } from "../adapters/lnd/decode-channel.ts";
import { readChannelGraph } from "../adapters/lnd/decode-channel-graph.ts";
import { decodeGraphUpdate } from "../adapters/lnd/decode-graph-update.ts";
import { errorCode, OracleError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence/observation.ts";
import type { GraphChange } from "../core/graph/change.ts";
import type { ChannelGraph } from "../core/graph/channel-graph.ts";
import { decodeDelta, encodeDelta, MAX_DELTA_CHANGES } from "../core/graph/delta.ts";
import type { Garbage } from "../core/graph/garbage.ts";
import { type GraphUpdate, type Harvest, type Keeper, openKeeper, type Tally } from "../core/graph/keeper.ts";
import { openLiveGraph } from "../core/graph/live-graph.ts";
import { graphFromRecords } from "../core/graph/records.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import type { UnixSeconds } from "../core/units.ts";
import { type RatedGraph, type RatedNode, rateGraph } from "./rate-graph.ts";
import { moving } from "./thread.ts";

/** What the thread made of what it was given. It remembers the changes until the next call that makes any. */
export type Harvested = {
  changeCount: number;
  /** The changes as they are stored; undefined when there are too many for that. */
  delta: Uint8Array | undefined;
  /** How many of them the history has to remember. */
  lastingCount: number;
  doubts: bigint[];
  garbage: Garbage;
  counts: { nodes: number; channels: number; arcs: number };
};

/** Messages of the stream in the order they came; `first` is the number of the first one. */
export type Messages = { messages: Uint8Array[]; first: number; at: UnixSeconds; overlapping: boolean };
/** GetChanInfo's answer (undefined: no such channel) to a question asked after message `askedAfter`. */
export type Answered = { id: bigint; bytes: Uint8Array | undefined; askedAfter: number };

export type GraphService = ReturnType<typeof createGraphService>;

/** Entries per message out of the thread: few enough that receiving them is not felt by what else the event loop does. */
const PAGE = 1000;

/** A service that holds no graph yet. */
export function createGraphService() {
  let opened: Keeper | undefined;
  let lasting: GraphChange[] = [];
  let rated: RatedNode[] = [];

  /** A thread that was started again after a crash must not take its empty hands for the graph. */
  const held = (): Keeper => {
    if (!opened) throw new OracleError("INTERNAL", "the graph thread holds no graph");
    return opened;
  };
  const hand = (keeper: Keeper, now: UnixSeconds): Harvested => {
    const harvest: Harvest = keeper.harvest(now);
    lasting = harvest.lasting;
    const few = harvest.changes.length <= MAX_DELTA_CHANGES;
    return {
      changeCount: harvest.changes.length,
      delta: few && harvest.changes.length > 0 ? encodeDelta(harvest.changes) : undefined,
      lastingCount: lasting.length,
      doubts: harvest.doubts,
      garbage: harvest.garbage,
      counts: countsOf(keeper.graph),
    };
  };

  return {
    /** Begins with what is stored; undefined: with nothing. @throws GRAPH_MALFORMED */
    open(stored: { body: Uint8Array; deltas: Uint8Array[] } | undefined): void {
      const live = openLiveGraph(stored ? decodeSnapshot(stored.body) : nothing());
      for (const delta of stored?.deltas ?? []) for (const change of decodeDelta(delta)) live.apply(change);
      opened = openKeeper(live.graph);
    },

    /** Takes in DescribeGraph's answer. `missed` is what the stream had not told. @throws GRAPH_MALFORMED */
    read({ bytes, now }: { bytes: Uint8Array; now: UnixSeconds }): Harvested & { missed: Tally } {
      const keeper = held();
      const { graph, garbage } = readChannelGraph(bytes, now);
      const missed = keeper.read(graph, garbage);
      return { ...hand(keeper, now), missed };
    },

    /** Takes in answers, then messages. What cannot be read is counted, and does not hold up the rest. */
    advance({ answers, heard, now }: { answers: Answered[]; heard: Messages; now: UnixSeconds }): Harvested {
      const keeper = held();
      for (const { id, bytes, askedAfter } of answers) {
        const answer = bytes === undefined ? "unknown" : readable(() => decodeChannel(bytes, now));
        if (answer === undefined) keeper.count("unreadable-message");
        else keeper.settle(id, answer, askedAfter, now);
      }
      for (const [i, bytes] of heard.messages.entries()) {
        const update: GraphUpdate | undefined = readable(() => decodeGraphUpdate(bytes));
        if (!update) keeper.count("unreadable-message");
        else keeper.hear(update, { at: heard.at, number: heard.first + i, overlapping: heard.overlapping });
      }
      return hand(keeper, now);
    },

    /** What the history has to remember of the last changes, a page at a time. */
    history: ({ from }: { from: number }): GraphChange[] => lasting.slice(from, from + PAGE),

    /** Rates every node of the graph as it is, by recent evidence, and writes the graph out. */
    rate({ now, evidence }: { now: UnixSeconds; evidence: readonly Evidence[] }): Omit<RatedGraph, "nodes"> {
      const { nodes, ...head } = rateGraph(held().graph, now, evidence);
      rated = nodes;
      return moving(head, [head.body]);
    },

    /** The nodes that were rated last, a page at a time. */
    rows: ({ from }: { from: number }): RatedNode[] => rated.slice(from, from + PAGE),
  };
}

function nothing(): ChannelGraph {
  return graphFromRecords([], []).graph;
}

function countsOf(graph: ChannelGraph): Harvested["counts"] {
  return { nodes: graph.nodeCount, channels: graph.channelCount, arcs: graph.rows.inArc.length };
}

/** What `read` gives; undefined when the bytes cannot be read. */
function readable<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) === "GRAPH_MALFORMED") return undefined;
    throw error;
  }
}
