/** What evidence does to beliefs: both directions of a channel at once, the newer word against the older, and forgetting. */
import { describe, expect, test } from "vitest";
import type { Evidence, Observation } from "../evidence/observation.ts";
import { countWorlds, WORLDS } from "../graph/bits.ts";
import { offlineRatio } from "../graph/prior.ts";
import { graphFromRecords } from "../graph/records.ts";
import { drawMasks, sampleWorlds } from "../graph/worlds.ts";
import { msat, unixSeconds } from "../units.ts";
import { believe, EVIDENCE_WINDOW_SEC, findArc } from "./believe.ts";

const NOW = 1_790_000_000;
const [A, B] = ["a", "b"].map((digit) => `02${digit.repeat(64)}`) as [string, string];
const policy = { enabled: true, minHtlcMsat: 1, maxHtlcMsat: 0, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 };
const channel = (id: bigint) => ({ id, node1: A, node2: B, capacitySat: 1_000_000, policy1: policy, policy2: policy });
/** Two channels between A and B; 990,000 sat of each can move. */
const { graph } = graphFromRecords([{ key: A }, { key: B }], [channel(1n), channel(2n)]);

/** Nobody else is needed to speak for them: what is usual is what the curve says of three peers. */
const PEERS = new Uint32Array(2).fill(3);
const USUAL = offlineRatio(3);
const from = (tail: string) => ({ channelId: 1n, from: tail, to: tail === A ? B : A });
const least = (tail: string, amount: bigint): Observation => ({
  kind: "holds-at-least",
  ...from(tail),
  amount: msat(amount),
});
const below = (tail: string, amount: bigint): Observation => ({
  kind: "holds-below",
  ...from(tail),
  amount: msat(amount),
});
const seen = (observation: Observation, ageSec = 0): Evidence => ({
  observedAt: unixSeconds(NOW - ageSec),
  source: "probe",
  attempt: "00".repeat(32),
  vantage: A,
  observation,
});
const beliefOf = (evidence: Evidence[], graphAt = NOW - 60) =>
  believe(graph, evidence, { now: unixSeconds(NOW), graphAt: unixSeconds(graphAt) }, () => PEERS);

describe("the share that end A holds", () => {
  test.each([
    { name: "is at least what A forwarded", evidence: [least(A, 198_000_000n)], low: 0.2, high: 1 },
    { name: "is less than what A could not forward", evidence: [below(A, 198_000_000n)], low: 0, high: 0.2 },
    { name: "is at most what B's forwarding leaves", evidence: [least(B, 198_000_000n)], low: 0, high: 0.8 },
    { name: "is more than what B's want leaves", evidence: [below(B, 198_000_000n)], low: 0.8, high: 1 },
    {
      name: "lies between both bounds",
      evidence: [least(A, 198_000_000n), below(A, 495_000_000n)],
      low: 0.2,
      high: 0.5,
    },
    {
      name: "follows the newer bound when they contradict each other",
      evidence: [least(A, 495_000_000n), below(A, 198_000_000n)],
      low: 0,
      high: 0.2,
    },
  ])("$name", ({ evidence, low, high }) => {
    const { channels } = beliefOf(evidence.map((each) => seen(each))).worlds;
    expect([...channels.keys()]).toEqual([0]);
    expect(channels.get(0)!.low).toBeCloseTo(low, 9);
    expect(channels.get(0)!.high).toBeCloseTo(high, 9);
    expect(channels.get(0)!.weight).toBe(0.995);
  });

  test("fades to a floor, and is forgotten", () => {
    const weight = (ageSec: number) => beliefOf([seen(least(A, 1_000n), ageSec)]).worlds.channels.get(0)?.weight;
    expect(weight(6_000)).toBeCloseTo(2 ** (-6_000 / 43_200), 9);
    expect(weight(43_200)).toBe(0.8);
    expect(weight(EVIDENCE_WINDOW_SEC)).toBe(0.8);
    expect(weight(EVIDENCE_WINDOW_SEC + 1)).toBeUndefined();
  });
});

test("a sighting moves a node towards online or offline, and fades back to the prior", () => {
  const offline = (observation: Observation, ageSec: number) =>
    beliefOf([seen(observation, ageSec)]).worlds.offline.get(1);
  expect(offline({ kind: "online", node: B }, 0)).toBeCloseTo(0.02 * USUAL, 9);
  expect(offline({ kind: "online", node: B }, 86_400)).toBeCloseTo(0.51 * USUAL, 9);
  expect(offline({ kind: "offline", node: B, seenBy: A }, 0)).toBeCloseTo(0.97 + 0.03 * USUAL, 9);
  expect(offline({ kind: "offline", node: B, seenBy: A }, 7_200)).toBeCloseTo((0.97 + 1.03 * USUAL) / 2, 9);
});

test("somebody's proof of a payment halves the doubt about a node nobody saw, fades, and never counts beside what we saw", () => {
  const paid = (ageSec = 0): Evidence => ({
    ...seen({ kind: "reached", node: A, amount: msat(1_000n), code: "SETTLED" }, ageSec),
    source: "report",
  });
  const offlineOf = (...evidence: Evidence[]) => beliefOf(evidence).worlds.offline.get(0);
  expect(offlineOf(paid())).toBeCloseTo(USUAL / 2, 12);
  expect(offlineOf(paid(21_600))).toBeCloseTo(0.75 * USUAL, 12);
  expect(offlineOf(paid(EVIDENCE_WINDOW_SEC + 1))).toBeUndefined();
  const away = seen({ kind: "offline", node: A, seenBy: B }, 60);
  expect(offlineOf(away, paid())).toBe(offlineOf(away));
  expect(offlineOf(paid(90), away)).toBe(offlineOf(away));
  expect(beliefOf([paid()]).told.nodes.size).toBe(0);
});

test("what is gone or disabled carries nothing, until the graph is newer than the word of it", () => {
  const gone = [seen({ kind: "channel-gone", ...from(A) }, 30)];
  const arc = findArc(graph, from(A));
  expect([...beliefOf(gone, NOW - 60).worlds.blocked]).toEqual([arc]);
  expect([...beliefOf(gone, NOW - 20).worlds.blocked]).toEqual([]);
  const belief = beliefOf(gone);
  const masks = drawMasks(sampleWorlds(graph, 1, belief.worlds), 1_000);
  expect(countWorlds(masks.words, graph.rows.slotOfArc[arc]!)).toBe(0);
});

test("what a pair has carried some channel of it carries, where its head is online and the fact has not faded", () => {
  const fact: Observation = { kind: "pair-holds-at-least", from: A, to: B, amount: msat(900_000_000n) };
  const some = (evidence: Evidence[], amountMsat: number) => {
    const belief = beliefOf([seen({ kind: "online", node: B }), ...evidence]);
    const { words } = drawMasks(sampleWorlds(graph, 1, belief.worlds), amountMsat);
    const [first, second] = [0, 2].map((arc) => graph.rows.slotOfArc[arc]! * 8);
    return countWorlds(words.slice(first!, first! + 8).map((word, g) => word | words[second! + g]!)) / WORLDS;
  };
  expect(some([], 9e8)).toBeLessThan(0.6);
  expect(some([seen(fact)], 9e8)).toBeGreaterThan(0.98);
  expect(some([seen(fact)], 9.5e8)).toBe(some([], 9.5e8));
});

test("a channel that held too little later is not the one that carried the pair's amount", () => {
  const fact: Observation = { kind: "pair-holds-at-least", from: A, to: B, amount: msat(500_000_000n) };
  const second: Observation = { ...below(A, 400_000_000n), channelId: 2n } as Observation;
  const pairs = (...seenOf: Observation[]) => beliefOf(seenOf.map((each) => seen(each))).worlds.pairs;
  const [first] = [findArc(graph, from(A))];
  expect(pairs(fact)[0]!.arcs).toHaveLength(2);
  expect(pairs(fact, second).map(({ arcs }) => arcs)).toEqual([[first]]);
  expect(pairs(fact, second, below(A, 400_000_000n))).toEqual([]);
  expect(pairs(fact, below(A, 600_000_000n))[0]!.arcs).toHaveLength(2);
  expect(pairs(below(A, 400_000_000n), fact)[0]!.arcs).toHaveLength(2);
});

test("how much a belief rests on is counted, with the newest of it", () => {
  const { told } = beliefOf([
    seen(least(A, 1_000n), 50),
    seen(below(B, 2_000n), 20),
    seen({ kind: "online", node: B }, 9),
  ]);
  expect([...told.channels]).toEqual([[0, { observations: 2, newestAt: NOW - 20 }]]);
  expect([...told.nodes]).toEqual([[1, { observations: 1, newestAt: NOW - 9 }]]);
});
