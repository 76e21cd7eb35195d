import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { errorCode } from "../errors.ts";
import { diffGraphs, type GraphChange, keyOf, NO_POLICY } from "./change.ts";
import { type ChannelGraph, channelId } from "./channel-graph.ts";
import { decodeDelta, encodeDelta } from "./delta.ts";
import { openLiveGraph } from "./live-graph.ts";
import { type ChannelRecord, graphFromRecords, type NodeRecord } from "./records.ts";
import { graphDigest } from "./snapshot.ts";

const { nodes, channels } = syntheticGraph({ nodes: 30, channels: 70, seed: 6 });

/** A graph of some of the same nodes and channels, each of them a little different. */
const someGraph = fc
  .tuple(
    fc.subarray(nodes, { minLength: 2 }),
    fc.subarray(channels),
    fc.array(fc.nat({ max: 3 }), { minLength: 70, maxLength: 70 }),
  )
  .map(([some, open, dice]) => graphFromRecords(some.map(renamed(dice)), open.map(altered(dice))).graph);

function renamed(dice: number[]) {
  return (node: NodeRecord, i: number): NodeRecord => ({ ...node, alias: `${node.alias}${dice[i] === 0 ? "!" : ""}` });
}

function altered(dice: number[]) {
  return (channel: ChannelRecord, i: number): ChannelRecord => {
    if (dice[i] === 0) return { ...channel, policy1: { ...channel.policy1!, enabled: !channel.policy1!.enabled } };
    if (dice[i] === 1) return { ...channel, capacitySat: channel.capacitySat + 1 };
    const { policy2, ...half } = channel;
    return dice[i] === 2 ? half : { ...half, policy2: { ...policy2!, feePpm: dice[(i + 1) % 70]! } };
  };
}

test("what differs between two graphs, stored and read back, turns the one into the other in every array", () => {
  fc.assert(
    fc.property(someGraph, someGraph, (from, to) => {
      const live = openLiveGraph(from);
      for (const change of decodeDelta(encodeDelta(diffGraphs(from, to)))) expect(live.apply(change)).toBe(true);
      expect(live.graph).toEqual(to);
      expect(diffGraphs(live.graph, to)).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

test("a change that says what is so already changes nothing", () => {
  const { graph } = graphFromRecords(nodes, channels);
  const live = openLiveGraph(graph);
  const again = diffGraphs(graphFromRecords([], []).graph, graph).filter(({ kind }) => kind !== "opened");
  expect(again.length).toBeGreaterThan(100);
  for (const change of again) expect(live.apply(change)).toBe(false);
  expect(live.graph).toEqual(graph);
});

test("a graph that grows from nothing and shrinks to nothing again", () => {
  const empty = graphFromRecords([], []).graph;
  const { graph } = graphFromRecords(nodes, channels);
  const live = openLiveGraph(empty);
  for (const change of diffGraphs(empty, graph)) live.apply(change);
  expect(live.graph).toEqual(graph);
  for (const change of diffGraphs(graph, empty)) live.apply(change);
  expect(live.graph).toEqual(empty);
});

const { graph } = graphFromRecords(nodes, channels);
const id = channelId(graph, 0);
const [keyA, keyB] = [keyOf(graph, graph.nodeA[0]!), keyOf(graph, graph.nodeB[0]!)];
test.each<[string, GraphChange]>([
  ["a policy of a channel nobody opened", { kind: "policy", id: 1n, fromA: true, policy: NO_POLICY }],
  ["the end of a channel nobody opened", { kind: "closed", id: 2n, height: 0 }],
  ["a channel that is open", { kind: "opened", id, keyA, keyB, capacitySat: 5 }],
  ["the end of a node with channels", { kind: "node-gone", key: keyA }],
])("%s does not fit, and changes nothing", (_, change) => {
  const live = openLiveGraph(graph);
  expect(() => live.apply(change)).toThrow(expect.objectContaining({ code: "GRAPH_MALFORMED" }));
  expect(live.graph).toEqual(graph);
});

test("every shortened, lengthened or damaged delta is refused by name, or says something else in canonical form", () => {
  const delta = encodeDelta(
    diffGraphs(graphFromRecords([], []).graph, graphFromRecords(nodes.slice(0, 9), channels.slice(0, 9)).graph),
  );
  const position = fc.nat(delta.length - 1);
  fc.assert(fc.property(position, (length) => refusal(delta.subarray(0, length)) === "GRAPH_MALFORMED"));
  expect(refusal(new Uint8Array([...delta, 0]))).toBe("GRAPH_MALFORMED");
  fc.assert(
    fc.property(position, fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = delta.slice();
      damaged[at]! ^= flip;
      const code = refusal(damaged);
      if (code === undefined) expect(encodeDelta(decodeDelta(damaged))).toEqual(damaged);
      else expect(code).toBe("GRAPH_MALFORMED");
    }),
  );
});

test("the digest of a live graph's snapshot is that of the same graph built at once", () => {
  const live = openLiveGraph(graphFromRecords(nodes, channels.slice(20)).graph);
  for (const change of diffGraphs(live.graph, graph)) live.apply(change);
  expect(digestOf(live.graph)).toBe(digestOf(graph));
});

function digestOf(tables: ChannelGraph): string {
  return graphDigest(tables);
}

function refusal(bytes: Uint8Array): string | undefined {
  try {
    decodeDelta(bytes);
    return undefined;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}
