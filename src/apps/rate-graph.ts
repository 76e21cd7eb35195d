/** A graph becomes what is stored of it: its snapshot, and a row with a score for each node. */
import { createHash } from "node:crypto";
import type { Evidence } from "../core/evidence/observation.ts";
import { aliasOf, type ChannelGraph, inboundCount, nodeKeyHex } from "../core/graph/channel-graph.ts";
import { independentPeers } from "../core/graph/liveness.ts";
import { encodeSnapshot } from "../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../core/graph/worlds.ts";
import { beliefInstant, believe } from "../core/probe/believe.ts";
import { type NodeScore, scoreNodes } from "../core/score/rank.ts";
import { drawReferences } from "../core/score/references.ts";
import { type UnixSeconds, unixSeconds } from "../core/units.ts";

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
  /** The snapshot (core/graph/snapshot.ts). */
  body: Uint8Array;
  nodes: RatedNode[];
};

/** Writes the graph out and rates its nodes, by what recent evidence (oldest first) leaves unknown. */
export function rateGraph(graph: ChannelGraph, takenAt: UnixSeconds, evidence: readonly Evidence[] = []): RatedGraph {
  const body = encodeSnapshot(graph);
  const peers = independentPeers(graph);
  const times = { now: beliefInstant(takenAt), graphAt: takenAt };
  // What a node can say of itself never raises its rank.
  const seen = evidence.filter(({ source }) => source !== "report");
  const { worlds } = believe(graph, seen, times, () => peers);
  const scores = scoreNodes(sampleWorlds(graph, WORLD_SEED, worlds), drawReferences(graph, WORLD_SEED), takenAt);
  return {
    // The same as snapshotDigest, in a fraction of its time.
    digest: new Uint8Array(createHash("sha256").update(body).digest()),
    takenAt,
    source: "lnd",
    nodeCount: graph.nodeCount,
    channelCount: graph.channelCount,
    arcCount: graph.rows.inArc.length,
    body,
    nodes: describeNodes(graph, scores),
  };
}

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
