/** Real outcomes: which nodes of a graph could still be paid long after it was read. Ours against what anybody could count. */
import { OracleError } from "../errors.ts";
import { type ChannelGraph, nodeKeyHex } from "../graph/channel-graph.ts";
import { sampleWorlds, WORLD_SEED } from "../graph/worlds.ts";
import { areaUnderCurve } from "../prediction/area-under-curve.ts";
import { forecastSurvival, recordSurvival } from "../profile/survival.ts";
import { scoreNodes } from "../score/rank.ts";
import { drawReferences } from "../score/references.ts";
import { unixSeconds } from "../units.ts";
import { type Scores, score } from "./metrics.ts";
import { degreesOf } from "./truth.ts";

/** What became of a node: 1 when some channel towards it was enabled later. */
export type NodeLabel = { readonly nodeKey: string; readonly receivable: 0 | 1 };

/** How well a number known at the time ranks the nodes that were receivable later above the others. */
export type LabelReport = { readonly feature: string; readonly auc: number };

/**
 * Reads a table with a header. Needed are the columns `pub_key` and one that begins with `inbound_enabled_`, the last of
 * which is the outcome; names in quotes may hold commas. @throws CONFIG_INVALID
 */
export function parseLabels(text: string): NodeLabel[] {
  const [header = "", ...lines] = text.split(/\r?\n/).filter((line) => line !== "");
  const names = splitRow(header);
  const key = names.indexOf("pub_key");
  const outcome = names.findLastIndex((name) => name.startsWith("inbound_enabled_"));
  if (key < 0 || outcome < 0) {
    throw new OracleError("CONFIG_INVALID", "The labels need columns pub_key and inbound_enabled_<year>.");
  }
  return lines.map((line) => {
    const cells = splitRow(line);
    const nodeKey = cells[key] ?? "";
    if (!/^0[23][0-9a-f]{64}$/.test(nodeKey)) throw new OracleError("CONFIG_INVALID", "A label has no node key.");
    return { nodeKey, receivable: Number(cells[outcome]) > 0 ? 1 : 0 };
  });
}

function splitRow(line: string): string[] {
  const cells = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? [];
  return cells.map((cell) => cell.replace(/,$/, ""));
}

/** What was said of labelled nodes, and how it turned out. */
export type LabelsReport = {
  readonly nodes: number;
  readonly rows: readonly LabelReport[];
  /** The forecast of the node profile, without any history of our own, and what always saying the frequency would score. */
  readonly forecast: Scores & { readonly days: number; readonly baseRateBrier: number };
};

/** Nodes of the graph without an enabled channel towards them have rank 0. Labels of other nodes, and of dead ones, are left out. */
export function judgeLabels(graph: ChannelGraph, labels: readonly NodeLabel[], days: number): LabelsReport {
  const scores = scoreNodes(sampleWorlds(graph, WORLD_SEED), drawReferences(graph, WORLD_SEED), unixSeconds(0));
  const reach = new Map(scores.map((each) => [each.nodeKey, each]));
  const byKey = new Map(labels.map((label) => [label.nodeKey, label.receivable]));
  const degrees = degreesOf(graph);
  const capacity = new Float64Array(graph.nodeCount);
  for (let channel = 0; channel < graph.channelCount; channel++) {
    capacity[graph.nodeA[channel]!]! += graph.capacitySat[channel]!;
    capacity[graph.nodeB[channel]!]! += graph.capacitySat[channel]!;
  }
  const known = Array.from({ length: graph.nodeCount }, (_, node) => node).flatMap((node) => {
    const nodeKey = nodeKeyHex(graph, node);
    const receivable = byKey.get(nodeKey);
    return receivable === undefined || degrees[node] === 0 ? [] : [{ node, nodeKey, receivable }];
  });
  const happened = known.map(({ receivable }) => receivable);
  const auc = (feature: string, of: (each: { node: number; nodeKey: string }) => number) => ({
    feature,
    auc: areaUnderCurve(known.map(of), happened),
  });
  const rows = [
    auc("rank", ({ nodeKey }) => reach.get(nodeKey)?.rank ?? 0),
    auc("capacity", ({ node }) => capacity[node]!),
    auc("live channels", ({ node }) => degrees[node]!),
    auc("enabled inbound channels", ({ nodeKey }) => reach.get(nodeKey)?.observations ?? 0),
  ];
  const forecast = score({
    probability: Float64Array.from(known, ({ node }) => forecastAlone(graph, node, days)),
    happened: Uint8Array.from(happened),
  });
  const frequency = happened.reduce((sum: number, each) => sum + each, 0) / Math.max(1, happened.length);
  const baseRateBrier = frequency * (1 - frequency);
  rows.push({ feature: "forecast of the profile", auc: forecast.auc });
  return { nodes: known.length, rows, forecast: { ...forecast, days, baseRateBrier } };
}

/** The forecast for a node of which, and of whose kind, nothing is remembered. Without a channel towards it, it stays unpayable. */
function forecastAlone(graph: ChannelGraph, node: number, days: number): number {
  const { inStart, inArc } = graph.rows;
  const inbound = inArc.subarray(inStart[node]!, inStart[node + 1]!);
  const inboundSat = inbound.reduce((sum, arc) => sum + graph.capacitySat[arc >>> 1]!, 0);
  const facts = { enabledInbound: inbound.length, inboundSat, ageDays: undefined, closed: 0, channelDays: 0 };
  return forecastSurvival(facts, recordSurvival([]), [days])[0]?.probability ?? 0;
}
