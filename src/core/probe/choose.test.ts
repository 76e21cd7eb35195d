/** That choosing pays: with the same budget, chosen probes leave better predictions than drawn ones. And how it chooses. */
import { describe, expect, test } from "vitest";
import { type HiddenNetwork, hideNetwork, isReachable, sendHtlc } from "../../testing/hidden-network.ts";
import { seededRandom, syntheticGraph } from "../../testing/synthetic-graph.ts";
import type { Evidence } from "../evidence/observation.ts";
import { both, countWorlds, WORLDS, worldsAt } from "../graph/bits.ts";
import { arcHead, type ChannelGraph, inboundCount, nodeKeyHex, outboundCount } from "../graph/channel-graph.ts";
import { independentPeers } from "../graph/liveness.ts";
import { graphFromRecords } from "../graph/records.ts";
import { drawMasks, sampleWorlds } from "../graph/worlds.ts";
import type { ProbeLimits } from "../spend/policy.ts";
import { msat, unixSeconds } from "../units.ts";
import { believe } from "./believe.ts";
import { answerQuestions, chooseProbes, type OwnChannel, type ProbeQuestion, type ProbeScene } from "./choose.ts";
import { readOutcome } from "./read-outcome.ts";
import { layRoute } from "./route.ts";

const START = 1_770_000_000;
const LIMITS: ProbeLimits = {
  mode: "auto",
  maxAmountMsat: msat(3_000_000_000n),
  perHour: 100,
  perTarget24h: 100,
  perPeerInFlight: 10,
  perPeerPerHour: 100,
  maxHops: 8,
  maxCltvBlocks: 2_000,
  exploreRatio: 0,
};

type Case = {
  network: HiddenNetwork;
  source: number;
  own: OwnChannel[];
  questions: ProbeQuestion[];
  peers: Uint32Array;
};

/** A network, a well-connected node of ours in it, and what people ask about. */
function prepare(seed: number): Case {
  const records = syntheticGraph({ nodes: 90, channels: 260, seed });
  const { graph } = graphFromRecords(records.nodes, records.channels);
  const nodes = Array.from({ length: graph.nodeCount }, (_, node) => node);
  const source = nodes.sort((a, b) => outboundCount(graph, b) - outboundCount(graph, a))[0]!;
  const network = hideNetwork(graph, { seed, offlineRatio: 0.06, alwaysOnline: [source] });
  const { outStart, outArc } = graph.rows;
  const own = [...outArc.subarray(outStart[source]!, outStart[source + 1]!)].map((arc) => ({
    arc,
    spendableMsat: network.balanceMsat[arc]!,
  }));
  const random = seededRandom(seed + 1);
  const pick = (count: (graph: ChannelGraph, node: number) => number): number => {
    for (;;) {
      const node = Math.floor(random() * graph.nodeCount);
      if (node !== source && count(graph, node) > 0) return node;
    }
  };
  const questions = Array.from({ length: 12 }, () => ({
    target: pick(inboundCount),
    caller: pick(outboundCount),
    amountMsat: [1e7, 1e8, 1e9][Math.floor(random() * 3)]!,
    weight: 1,
  }));
  return { network, source, own, questions, peers: independentPeers(graph) };
}

function sceneOf({ network, source, own, peers }: Case, evidence: readonly Evidence[], second: number): ProbeScene {
  const times = { now: unixSeconds(START + second), graphAt: unixSeconds(START) };
  const belief = believe(network.graph, evidence, times, () => peers);
  return { worlds: sampleWorlds(network.graph, 1, belief.worlds), source, own };
}

/** Sends `count` probes one after the other, and gives back what they proved. */
function probe(of: Case, exploreRatio: number, count: number, seed: number): Evidence[] {
  const random = seededRandom(seed);
  const evidence: Evidence[] = [];
  for (let i = 0; i < count; i++) {
    const scene = sceneOf(of, evidence, 60 * i);
    const [chosen] = chooseProbes(scene, of.questions, { ...LIMITS, exploreRatio }, 1, random);
    if (!chosen) continue;
    const final = { amount: msat(BigInt(chosen.amountMsat)), expiryHeight: 800_080 };
    const hops = layRoute(of.network.graph, chosen.arcs, final);
    if (!hops) continue;
    const observedAt = unixSeconds(START + 60 * i + 30);
    for (const observation of readOutcome(hops, sendHtlc(of.network, hops))) {
      evidence.push({ observedAt, source: "probe", attempt: "00".repeat(32), vantage: "02".repeat(33), observation });
    }
  }
  return evidence;
}

function brier(of: Case, evidence: readonly Evidence[]): number {
  const answers = answerQuestions(sceneOf(of, evidence, 7_200), of.questions);
  const errors = of.questions.map(({ caller, target, amountMsat }, i) => {
    const truth = isReachable(of.network, caller, target, amountMsat) ? 1 : 0;
    return (countWorlds(answers[i]!.yes) / WORLDS - truth) ** 2;
  });
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

test("a probe's arrival is counted in the worlds it was chosen in, and never certain", () => {
  const of = prepare(2);
  const scene = sceneOf(of, [], 0);
  const chosen = chooseProbes(scene, of.questions, { ...LIMITS, exploreRatio: 0.5 }, 6, seededRandom(3));
  expect(chosen.length).toBeGreaterThan(2);
  for (const { arcs, amountMsat, arrival } of chosen) {
    const masks = drawMasks(scene.worlds, amountMsat);
    const { slotOfArc } = scene.worlds.graph.rows;
    const first = worldsAt(scene.worlds.online, arcHead(scene.worlds.graph, arcs[0]!));
    const yes = arcs.slice(1).reduce((all, arc) => both(all, worldsAt(masks.words, slotOfArc[arc]!)), first);
    expect(arrival.probability).toBeCloseTo((countWorlds(yes) + 0.5) / 257, 12);
    expect(arrival.probability > 0 && arrival.probability < 1).toBe(true);
    expect(arrival.lndApriori).toBeLessThan(0.6 ** (arcs.length - 1) + 1e-9);
  }
});

test("20 chosen probes leave a lower Brier score than 20 drawn ones, and than none, over eight networks", {
  timeout: 120_000,
}, () => {
  const mean = { none: 0, drawn: 0, chosen: 0 };
  let better = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const of = prepare(seed);
    const drawn = brier(of, probe(of, 1, 20, seed));
    const chosen = brier(of, probe(of, 0, 20, seed));
    mean.none += brier(of, []) / 8;
    mean.drawn += drawn / 8;
    mean.chosen += chosen / 8;
    if (chosen < drawn) better++;
  }
  expect(mean.chosen).toBeLessThan(0.8 * mean.drawn);
  expect(mean.drawn).toBeLessThan(mean.none);
  expect(better).toBeGreaterThanOrEqual(6);
});

describe("a choice", () => {
  const of = prepare(3);
  const scene = sceneOf(of, [], 0);

  test("keeps to the limits", () => {
    const limits = { ...LIMITS, maxHops: 4, maxCltvBlocks: 300, maxAmountMsat: msat(100_000_000n) };
    const { graph } = of.network;
    const chosen = [
      ...chooseProbes(scene, of.questions, limits, 20, () => 0.5),
      ...chooseProbes(scene, [], { ...limits, exploreRatio: 1 }, 20, seededRandom(1)),
    ];
    expect(chosen.length).toBeGreaterThan(10);
    for (const { arcs, amountMsat } of chosen) {
      expect(arcs.length).toBeLessThanOrEqual(4);
      expect(amountMsat).toBeLessThanOrEqual(1e8);
      const blocks = arcs.slice(1).reduce((sum, arc) => sum + graph.policies.cltvDelta[arc]!, 0);
      expect(blocks).toBeLessThanOrEqual(300);
      expect(of.own.map(({ arc }) => arc)).toContain(arcs[0]);
    }
  });

  test("never ends twice at the same node", () => {
    const chosen = chooseProbes(scene, of.questions, LIMITS, 20, () => 0.5);
    const ends = chosen.map(({ arcs }) => arcHead(of.network.graph, arcs.at(-1)!));
    expect(new Set(ends).size).toBe(ends.length);
  });

  test("asks nothing when nobody asks, and draws its share whoever asks", () => {
    expect(chooseProbes(scene, [], LIMITS, 5, () => 0.5)).toEqual([]);
    const drawn = chooseProbes(scene, of.questions, { ...LIMITS, exploreRatio: 1 }, 5, seededRandom(2));
    expect(drawn.length).toBeGreaterThan(0);
    expect(drawn.every(({ purpose }) => purpose === "explore")).toBe(true);
  });

  test("does not ask again what was just answered", () => {
    const [first] = chooseProbes(scene, of.questions, LIMITS, 1, () => 0.5);
    const { graph } = of.network;
    const hops = layRoute(graph, first!.arcs, { amount: msat(BigInt(first!.amountMsat)), expiryHeight: 800_080 })!;
    const evidence = readOutcome(hops, sendHtlc(of.network, hops)).map((observation) => ({
      observedAt: unixSeconds(START),
      source: "probe" as const,
      attempt: "00".repeat(32),
      vantage: nodeKeyHex(graph, of.source),
      observation,
    }));
    const again = chooseProbes(sceneOf(of, evidence, 60), of.questions, LIMITS, 1, () => 0.5)[0];
    expect(again && { arcs: again.arcs, amount: again.amountMsat }).not.toEqual({
      arcs: first!.arcs,
      amount: first!.amountMsat,
    });
  });

  test("a node without a channel that can pay asks nothing", () => {
    const poor = { ...scene, own: of.own.map(({ arc }) => ({ arc, spendableMsat: 0 })) };
    expect(chooseProbes(poor, of.questions, { ...LIMITS, exploreRatio: 0.5 }, 5, seededRandom(1))).toEqual([]);
  });
});
