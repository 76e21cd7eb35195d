/** The crawler's graph work beside its event loop: LND's bytes become a snapshot, a row per node, and scores. */
import { readChannelGraph } from "../adapters/lnd/decode-channel-graph.ts";
import { fromHex } from "../core/bytes.ts";
import { aliasOf, type ChannelGraph, inboundCount, nodeKeyHex } from "../core/graph/channel-graph.ts";
import { encodeSnapshot, snapshotDigest } from "../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../core/graph/worlds.ts";
import { type NodeScore, scoreNodes } from "../core/score/rank.ts";
import { drawReferences } from "../core/score/references.ts";
import { type UnixSeconds, unixSeconds } from "../core/units.ts";
import { moving, openThread, serveThread } from "./thread.ts";

/** A node of the graph, and what we say of it when there is something to say. */
export type RatedNode = {
  keyHex: string;
  alias: string;
  channelCount: number;
  /** Enabled channel directions towards the node. */
  liveInCount: number;
  capacitySat: bigint;
  /** Its newest announcement or channel update; 0 when none is dated. */
  lastUpdateAt: UnixSeconds;
  score: (Omit<NodeScore, "nodeKey" | "asOf"> & { scoredAt: UnixSeconds }) | undefined;
};

/** A graph as it was read, ready to be stored whole. */
export type RatedGraph = {
  digest: Uint8Array;
  takenAt: UnixSeconds;
  source: string;
  nodeCount: number;
  channelCount: number;
  /** Enabled directions. */
  arcCount: number;
  /** Announcements that could not be right and were left out. */
  rejectedCount: number;
  /** The snapshot (core/graph/snapshot.ts). */
  body: Uint8Array;
  nodes: RatedNode[];
};

/** The graph thread as the crawler sees it. */
export type GraphThread = {
  /** Decodes and rates a DescribeGraph answer. @throws GRAPH_MALFORMED */
  rate(bytes: Uint8Array, takenAt: UnixSeconds): Promise<RatedGraph>;
  close(): Promise<void>;
};

const NAME = "graph";
/** Rows per message: few enough that receiving them is not felt by what else the event loop does. */
const PAGE_ROWS = 1000;

/** Opens a thread; it starts with the first call. */
export function openGraphThread(): GraphThread {
  const thread = openThread<typeof service>(NAME, import.meta.url);
  return {
    async rate(bytes, takenAt) {
      const head = await thread.call("rate", { bytes, takenAt });
      const nodes: RatedNode[] = [];
      while (nodes.length < head.nodeCount) {
        const page = await thread.call("rows", { from: nodes.length });
        nodes.push(...page);
      }
      return { ...head, nodes };
    },
    close: thread.close,
  };
}

/** Rows of the graph rated last, until they have been fetched. */
let rated: RatedNode[] = [];

const service = {
  rate({ bytes, takenAt }: { bytes: Uint8Array; takenAt: UnixSeconds }): Omit<RatedGraph, "nodes"> {
    const { graph, rejected } = readChannelGraph(bytes);
    const body = encodeSnapshot(graph);
    const scores = scoreNodes(sampleWorlds(graph, WORLD_SEED), drawReferences(graph, WORLD_SEED), takenAt);
    rated = describeNodes(graph, scores);
    const head = {
      digest: fromHex(snapshotDigest(body))!,
      takenAt,
      source: "lnd",
      nodeCount: graph.nodeCount,
      channelCount: graph.channelCount,
      arcCount: graph.rows.inArc.length,
      rejectedCount: rejected,
      body,
    };
    return moving(head, [body.buffer]);
  },

  rows: ({ from }: { from: number }): RatedNode[] => rated.slice(from, from + PAGE_ROWS),
};

function describeNodes(graph: ChannelGraph, scores: readonly NodeScore[]): RatedNode[] {
  const byKey = new Map(scores.map((score) => [score.nodeKey, score]));
  const channelCount = new Uint32Array(graph.nodeCount);
  const capacitySat = new Float64Array(graph.nodeCount);
  const updatedAt = graph.nodeUpdatedAt.slice();
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const ends = [graph.nodeA[channel]!, graph.nodeB[channel]!];
    ends.forEach((node, side) => {
      channelCount[node]!++;
      capacitySat[node]! += graph.capacitySat[channel]!;
      updatedAt[node] = Math.max(updatedAt[node]!, graph.policies.updatedAt[2 * channel + side]!);
    });
  }
  return Array.from({ length: graph.nodeCount }, (_, node) => {
    const keyHex = nodeKeyHex(graph, node);
    return {
      keyHex,
      alias: aliasOf(graph, node),
      channelCount: channelCount[node]!,
      liveInCount: inboundCount(graph, node),
      capacitySat: BigInt(capacitySat[node]!),
      lastUpdateAt: unixSeconds(updatedAt[node]!),
      score: toRow(byKey.get(keyHex)),
    };
  });
}

function toRow(score: NodeScore | undefined): RatedNode["score"] {
  if (!score) return undefined;
  const { rank, rankLow, rankHigh, reachRatio, observations, asOf } = score;
  return { rank, rankLow, rankHigh, reachRatio, observations, scoredAt: asOf };
}

serveThread(NAME, service);
