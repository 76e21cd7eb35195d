/** Graphs of a few named nodes, for tests that count by hand. */
import { type ChannelGraph, findNodeHex } from "../core/graph/channel-graph.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "../core/graph/records.ts";

/** A channel between two nodes by name; open both ways and free unless said otherwise. `block` is where it was funded. */
export type Drawn = {
  a: number;
  b: number;
  capacitySat?: number;
  block?: number;
  /** From a to b, and back. */
  there?: Partial<PolicyRecord>;
  back?: Partial<PolicyRecord>;
};

const OPEN: PolicyRecord = {
  enabled: true,
  minHtlcMsat: 0,
  maxHtlcMsat: 0,
  feeBaseMsat: 0,
  feePpm: 0,
  cltvDelta: 40,
};
export const CLOSED: Partial<PolicyRecord> = { enabled: false };

/** The key of a node by its name, a whole number. */
export const keyOf = (name: number): string => `02${name.toString(16).padStart(64, "0")}`;

/** The graph of these channels, and the place of a node in it. */
export function drawGraph(channels: readonly Drawn[]): { graph: ChannelGraph; at(name: number): number } {
  const records = channels.map(
    ({ a, b, capacitySat = 1_000_000, block = 800_000, there, back }, i): ChannelRecord => ({
      id: (BigInt(block) << 40n) | (BigInt(i + 1) << 16n),
      node1: keyOf(a),
      node2: keyOf(b),
      capacitySat,
      policy1: { ...OPEN, ...there },
      policy2: { ...OPEN, ...back },
    }),
  );
  const { graph } = graphFromRecords([], records);
  return { graph, at: (name) => findNodeHex(graph, keyOf(name)) };
}
