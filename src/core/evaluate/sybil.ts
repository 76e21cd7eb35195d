/** What an attacker's own funds buy: the rank of one node before and after it surrounds itself with its own nodes. */
import { KEY_BYTES } from "../graph/channel-graph.ts";
import { type ChannelRecord, graphFromRecords } from "../graph/records.ts";
import { sampleWorlds, WORLD_SEED } from "../graph/worlds.ts";
import { scoreNodes } from "../score/rank.ts";
import { drawReferences } from "../score/references.ts";
import { unixSeconds } from "../units.ts";

/** The rank after an attack, with its interval; undefined when the node has none. */
export type AttackReport = {
  readonly attack: string;
  readonly rank: number | undefined;
  readonly rankLow: number | undefined;
  readonly rankHigh: number | undefined;
};

const OPEN = { enabled: true, minHtlcMsat: 1_000, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 1, cltvDelta: 40 };
const ATTACKER = `02${"e".repeat(2 * KEY_BYTES - 2)}`;
const HONEST_SAT = 1_000_000;
/** Above every block height that a short channel id can name. */
const FIRST_ID = 1n << 60n;

type Link = readonly [node1: string, node2: string, capacitySat: number];

/** The rank under each attack; the first row is the node with its one honest channel and nothing else. */
export function attackRanks(channels: readonly ChannelRecord[], progress: (attack: string) => void): AttackReport[] {
  return attacks(channels).map(([attack, links]) => {
    progress(attack);
    const own = links.map(
      ([node1, node2, capacitySat], i): ChannelRecord => ({
        id: FIRST_ID + BigInt(i),
        node1,
        node2,
        capacitySat,
        policy1: OPEN,
        policy2: OPEN,
      }),
    );
    const { graph } = graphFromRecords([], [...channels, ...own]);
    const scores = scoreNodes(sampleWorlds(graph, WORLD_SEED), drawReferences(graph, WORLD_SEED), unixSeconds(0));
    const score = scores.find(({ nodeKey }) => nodeKey === ATTACKER);
    return { attack, rank: score?.rank, rankLow: score?.rankLow, rankHigh: score?.rankHigh };
  });
}

function attacks(channels: readonly ChannelRecord[]): [string, Link[]][] {
  const [hub = "", second = ""] = byDegree(channels);
  const honest: Link = [ATTACKER, hub, HONEST_SAT];
  return [
    ["one honest channel (baseline)", [honest]],
    ["20 own nodes, 2 BTC", [honest, ...star(20, 10_000_000)]],
    ["100 own nodes, 10 BTC", [honest, ...star(100, 10_000_000)]],
    ["300 own nodes, 0.3 BTC", [honest, ...star(300, 100_000)]],
    ["300 own nodes, 40 of them in a mesh, 1.1 BTC", [honest, ...star(300, 100_000), ...mesh(40, 100_000)]],
    ["a second honest channel", [honest, [ATTACKER, second, HONEST_SAT]]],
    [
      "both, and 40 own nodes in a mesh behind",
      [honest, ...star(40, 100_000), ...mesh(40, 100_000), [puppet(3), second, HONEST_SAT]],
    ],
    ["nothing but one honest channel of 20k sat", [[ATTACKER, hub, 20_000]]],
  ];
}

function puppet(index: number): string {
  return `03${((index * 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(8)}`;
}

function star(nodes: number, capacitySat: number): Link[] {
  return Array.from({ length: nodes }, (_, i): Link => [ATTACKER, puppet(i), capacitySat]);
}

function mesh(nodes: number, capacitySat: number): Link[] {
  return Array.from({ length: nodes }, (_, i) =>
    Array.from({ length: i }, (__, k): Link => [puppet(i), puppet(k), capacitySat]),
  ).flat();
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
