import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom, syntheticGraph } from "../../testing/synthetic-graph.ts";
import { WORDS } from "../graph/bits.ts";
import { findNodeHex, inboundCount } from "../graph/channel-graph.ts";
import { createReachEngine } from "../graph/engine.ts";
import { offlineRatio, shareAtLeast, USABLE_RATIO } from "../graph/prior.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "../graph/records.ts";
import { sampleWorlds } from "../graph/worlds.ts";
import { unixSeconds } from "../units.ts";
import { meanOfCallers } from "./mean-of-callers.ts";
import { scoreNodes } from "./rank.ts";
import { tableReach } from "./reach-table.ts";
import { drawReferences } from "./references.ts";
import { RANK_TERMS } from "./terms.ts";

const at = unixSeconds(1_770_000_000);
const open: PolicyRecord = { enabled: true, minHtlcMsat: 0, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 };
const key = (digit: string) => `02${digit.repeat(64)}`;
const join = (id: bigint, node1: string, node2: string, capacitySat: number): ChannelRecord => ({
  id,
  node1,
  node2,
  capacitySat,
  policy1: open,
  policy2: open,
});
const rankAll = (channels: readonly ChannelRecord[], seed = 1) => {
  const { graph } = graphFromRecords([], channels);
  return new Map(scoreNodes(sampleWorlds(graph, seed), drawReferences(graph, seed), at).map((s) => [s.nodeKey, s]));
};

test("the worked example of docs/scoring.md", () => {
  const [sender, hub, target] = [key("a"), key("b"), key("c")];
  const ranks = rankAll([join(1n, sender, hub, 100_000_000), join(2n, hub, target, 1_000_000)]);

  // By hand: one independent peer speaks for each node (the target hangs on the hub); callers are the ends of both channels, so the sender weighs 1 and the hub 2 for the target.
  const online = 1 - offlineRatio(1);
  const holds = (amountSat: number, capacitySat: number) => shareAtLeast(amountSat / (USABLE_RATIO * capacitySat));
  const arrives = [1e3, 1e4, 1e5, 1e6].map((amount) => {
    const last = holds(amount, 1e6) * online;
    return (2 * last + holds(amount, 1e8) * online * last) / 3;
  });
  const beside = [1e6, 1e7].map((amount) => (2 * online + holds(amount, 1e8) * online * online) / 3);
  const expected = 100 * ([...arrives, ...beside].reduce((sum, p) => sum + p, 0) / 6);

  expect(expected).toBeCloseTo(63.7, 1);
  const score = ranks.get(target)!;
  expect(Math.abs(score.rank - expected)).toBeLessThanOrEqual(2);
  expect(score.reachRatio).toBeCloseTo(arrives[2]!, 1);
  expect(score).toMatchObject({ observations: 1, asOf: at });
  expect(score.rankLow).toBeLessThan(score.rank);
  expect(score.rankHigh).toBeGreaterThan(score.rank);
});

test("a node that nobody can pay has no score, and ranks stay between their bounds", () => {
  const { channels } = syntheticGraph({ nodes: 150, channels: 500, seed: 6 });
  const { graph } = graphFromRecords([], channels);
  const scores = scoreNodes(sampleWorlds(graph, 1), drawReferences(graph, 1), at);
  const receivable = Array.from({ length: graph.nodeCount }, (_, node) => inboundCount(graph, node) > 0);

  expect(scores.length).toBe(receivable.filter(Boolean).length);
  for (const score of scores) {
    expect(receivable[findNodeHex(graph, score.nodeKey)]).toBe(true);
    expect(score.rankLow).toBeLessThanOrEqual(score.rank);
    expect(score.rank).toBeLessThanOrEqual(score.rankHigh);
    expect(score.rankLow).toBeGreaterThanOrEqual(0);
    expect(score.rankHigh).toBeLessThanOrEqual(100);
    expect(score.reachRatio).toBeGreaterThanOrEqual(0);
    expect(score.reachRatio).toBeLessThanOrEqual(1);
  }
});

test("the seed moves a rank less than its interval", () => {
  const { channels } = syntheticGraph({ nodes: 150, channels: 500, seed: 6 });
  const [one, two] = [rankAll(channels, 1), rankAll(channels, 2)];
  const inside = [...one.values()].filter((s) => {
    const other = two.get(s.nodeKey)!.rank;
    return other >= s.rankLow - 2 && other <= s.rankHigh + 2;
  });
  expect(inside.length / one.size).toBeGreaterThan(0.9);
});

test("hundreds of own nodes behind one honest channel do not lift a rank", () => {
  const { channels } = syntheticGraph({ nodes: 400, channels: 1500, seed: 12 });
  const hub = busiest(channels);
  const attacker = key("e");
  const honest = [...channels, join(1n, attacker, hub, 1_000_000)];
  const random = seededRandom(9);
  const puppet = () => `03${Array.from({ length: 64 }, () => Math.floor(16 * random()).toString(16)).join("")}`;
  const puppets = Array.from({ length: 300 }, (_, i) => join(BigInt(1000 + i), attacker, puppet(), 100_000));
  const fat = Array.from({ length: 20 }, (_, i) => join(BigInt(2000 + i), attacker, puppet(), 10_000_000));

  const before = rankAll(honest).get(attacker)!.rank;
  for (const attack of [puppets, fat]) {
    expect(rankAll([...honest, ...attack]).get(attacker)!.rank).toBeLessThanOrEqual(before + 1);
  }
});

test("one backward pass says of a node what forward passes from all callers say", () => {
  const { channels } = syntheticGraph({ nodes: 120, channels: 400, seed: 3 });
  const { graph } = graphFromRecords([], channels);
  const worlds = sampleWorlds(graph, 1);
  const references = drawReferences(graph, 1);
  const [table] = tableReach(worlds, references, [{ place: "node", amountMsat: 1e8 }]);
  const engine = createReachEngine(worlds);
  for (let node = 0; node < graph.nodeCount; node++) {
    const alone = meanOfCallers(references, node, engine.toTarget(node, 1e8));
    expect(alone).toEqual(table!.slice(node * WORDS, (node + 1) * WORDS));
  }
});

test("one more honest channel never lowers a rank, as long as the callers stay the same", () => {
  const { channels } = syntheticGraph({ nodes: 60, channels: 200, seed: 8 });
  const nodes = [...new Set(channels.flatMap(({ node1, node2 }) => [node1, node2]))];
  const termsOf = (list: ChannelRecord[], nodeKey: string) => {
    const { graph } = graphFromRecords([], list);
    // The same callers before and after: what is measured is the channel, and not another draw.
    const references = callers.map((caller) => ({ node: findNodeHex(graph, caller), weight: 1 }));
    const node = findNodeHex(graph, nodeKey);
    const table = tableReach(sampleWorlds(graph, 1), references, RANK_TERMS);
    return table.map((reach) => reach.slice(node * WORDS, (node + 1) * WORDS));
  };
  const callers = nodes.slice(0, 12);
  const place = fc.nat({ max: nodes.length - 1 });
  const capacity = fc.integer({ min: 20_000, max: 50_000_000 });
  fc.assert(
    fc.property(place, place, capacity, (target, peer, capacitySat) => {
      fc.pre(target !== peer);
      const more = [...channels, join(1n, nodes[peer]!, nodes[target]!, capacitySat)];
      const [before, after] = [termsOf(channels, nodes[target]!), termsOf(more, nodes[target]!)];
      before.forEach((groups, i) => {
        groups.forEach((p, g) => {
          expect(after[i]![g]).toBeGreaterThanOrEqual(p - 1e-12);
        });
      });
    }),
    { numRuns: 30 },
  );
});

test("a policy that is not known never raises anybody's rank, as long as the callers stay the same", () => {
  const { channels } = syntheticGraph({ nodes: 60, channels: 200, seed: 8 });
  const termsOf = (list: ChannelRecord[]) => {
    const { graph } = graphFromRecords([], list);
    const callers = channels.slice(0, 12).map(({ node1 }) => ({ node: findNodeHex(graph, node1), weight: 1 }));
    return tableReach(sampleWorlds(graph, 1), callers, RANK_TERMS);
  };
  const known = termsOf(channels);
  fc.assert(
    fc.property(fc.nat({ max: channels.length - 1 }), fc.boolean(), (which, first) => {
      const silent = channels.map((channel, i): ChannelRecord => {
        const { policy1, policy2, ...rest } = channel;
        if (i !== which) return channel;
        return first ? { ...rest, ...(policy2 && { policy2 }) } : { ...rest, ...(policy1 && { policy1 }) };
      });
      termsOf(silent).forEach((reach, term) => {
        expect(reach.every((p, i) => p <= known[term]![i]! + 1e-12)).toBe(true);
      });
    }),
    { numRuns: 40 },
  );
});

test("a channel added elsewhere moves at most one draw of the references", () => {
  const { channels } = syntheticGraph({ nodes: 200, channels: 700, seed: 2 });
  const names = (list: ChannelRecord[]) => {
    const { graph } = graphFromRecords([], list);
    return drawReferences(graph, 5).flatMap(({ node, weight }) =>
      Array(weight).fill(graph.nodeKeys.slice(node * 33, node * 33 + 33).join()),
    );
  };
  const before = names(channels);
  const after = names([...channels, join(9n, channels[0]!.node1, channels[9]!.node2, 5_000_000)]);
  const left = before.filter((name) => !takeOut(after, name));
  expect(before.length).toBe(64);
  expect(left.length).toBeLessThanOrEqual(2);
});

function takeOut(list: string[], name: string): boolean {
  const at = list.indexOf(name);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

function busiest(channels: ChannelRecord[]): string {
  const counts = new Map<string, number>();
  for (const { node1, node2 } of channels) for (const n of [node1, node2]) counts.set(n, (counts.get(n) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}
