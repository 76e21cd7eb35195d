/** Bench: what an attacker's own funds buy. The rank of one node before and after it surrounds itself with its own nodes. */
import { KEY_BYTES } from "../../core/graph/channel-graph.ts";
import { type ChannelRecord, graphFromRecords } from "../../core/graph/records.ts";
import { sampleWorlds, WORLD_SEED } from "../../core/graph/worlds.ts";
import { scoreNodes } from "../../core/score/rank.ts";
import { drawReferences } from "../../core/score/references.ts";
import { unixSeconds } from "../../core/units.ts";
import { loadBenchRecords } from "./graph-file.ts";
import { report } from "./report.ts";

const OPEN = { enabled: true, minHtlcMsat: 1_000, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 1, cltvDelta: 40 };
const ATTACKER = `02${"e".repeat(2 * KEY_BYTES - 2)}`;
const HONEST_SAT = 1_000_000;

let lastId = 1n << 60n;
const channel = (node1: string, node2: string, capacitySat: number): ChannelRecord => {
  lastId += 1n;
  return { id: lastId, node1, node2, capacitySat, policy1: OPEN, policy2: OPEN };
};
const puppet = (index: number) => `03${((index * 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(8)}`;
const star = (nodes: number, capacitySat: number) =>
  Array.from({ length: nodes }, (_, i) => channel(ATTACKER, puppet(i), capacitySat));
const mesh = (nodes: number, capacitySat: number) =>
  Array.from({ length: nodes }, (_, i) =>
    Array.from({ length: i }, (_, k) => channel(puppet(i), puppet(k), capacitySat)),
  ).flat();

/** Prints the rank under each attack; the baseline is the node with its one honest channel and nothing else. */
export async function benchSybil(): Promise<void> {
  const { name, channels } = loadBenchRecords();
  const [hub = "", second = ""] = byDegree(channels);
  const honest = [...channels, channel(ATTACKER, hub, HONEST_SAT)];
  const attacks: [string, ChannelRecord[]][] = [
    ["one honest channel (baseline)", []],
    ["20 own nodes, 2 BTC", star(20, 10_000_000)],
    ["100 own nodes, 10 BTC", star(100, 10_000_000)],
    ["300 own nodes, 0.3 BTC", star(300, 100_000)],
    ["300 own nodes, 40 of them in a mesh", [...star(300, 100_000), ...mesh(40, 100_000)]],
    ["a second honest channel", [channel(ATTACKER, second, HONEST_SAT)]],
    [
      "both, and 40 own nodes in a mesh behind",
      [...star(40, 100_000), ...mesh(40, 100_000), channel(puppet(3), second, HONEST_SAT)],
    ],
  ];
  const rows = attacks.map(([attack, extra]) => ({ name: attack, value: rankOf([...honest, ...extra]) }));
  report(`rank of an attacker on ${name}`, rows);
}

function rankOf(channels: ChannelRecord[]): string {
  const { graph } = graphFromRecords([], channels);
  const scores = scoreNodes(sampleWorlds(graph, WORLD_SEED), drawReferences(graph, WORLD_SEED), unixSeconds(0));
  const score = scores.find(({ nodeKey }) => nodeKey === ATTACKER);
  return score ? `${score.rank} (${score.rankLow}-${score.rankHigh})` : "none";
}

/** Nodes by their open channels, most first. */
function byDegree(channels: readonly ChannelRecord[]): string[] {
  const degree = new Map<string, number>();
  for (const { node1, node2, policy1, policy2 } of channels) {
    if (!policy1?.enabled || !policy2?.enabled) continue;
    for (const node of [node1, node2]) degree.set(node, (degree.get(node) ?? 0) + 1);
  }
  return [...degree].sort(([, a], [, b]) => b - a).map(([node]) => node);
}
