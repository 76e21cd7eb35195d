/** Known laws behind a made-up network: what the fit makes of observations that follow them. */
import { describe, expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import type { Evidence, Observation } from "../evidence/observation.ts";
import { arcHead, arcTail, channelId, nodeKeyHex } from "../graph/channel-graph.ts";
import { independentPeers } from "../graph/liveness.ts";
import { type FittedPrior, offlineRatio, UNFITTED } from "../graph/prior.ts";
import { graphFromRecords } from "../graph/records.ts";
import { tiltFeatures } from "../graph/tilt.ts";
import { usableMsat } from "../graph/worlds.ts";
import { msat, unixSeconds } from "../units.ts";
import { type Belief, believe } from "./believe.ts";

const { nodes, channels } = syntheticGraph({ nodes: 400, channels: 2_400, seed: 8 });
const { graph } = graphFromRecords(nodes, channels);
const peers = independentPeers(graph);
const open = Array.from({ length: graph.channelCount }, (_, channel) => channel).filter(
  (channel) => graph.rows.slotOfArc[2 * channel]! >= 0 && graph.rows.slotOfArc[2 * channel + 1]! >= 0,
);
/** A whole hour; everything is observed a minute before. */
const HOUR = 1_789_999_200;

/** The share that end A holds, given a number in [0, 1) and which end is the larger, or the dearer. */
type Law = (random: () => number, ends: { fee: number; size: number }) => number;
const uniform: Law = (random) => random();
const drained: Law = (random) => (random() < 0.5 ? 0.04 * random() : 1 - 0.04 * random());
/** The end that is full is the larger node's in nine of ten channels. */
const towardsHubs: Law = (random, { size }) => (random() < (size < 0 ? 0.9 : 0.1) ? 0.97 : 0.03);
/** The end that asks more is drained, the more often the more it asks. */
const byFee: Law = (random, { fee }) => (random() < 1 / (1 + Math.exp(-fee)) ? 0.97 : 0.03);

describe("what is learnt from a thousand channels", () => {
  test("nothing from none: the prior is the published one", () => {
    expect(believeAll([]).worlds.prior).toEqual(UNFITTED);
  });

  test.each([
    { name: "balances are anywhere", law: uniform, edge: [-4, -1.5], size: [-0.6, 0.6], fee: [-0.5, 0.5] },
    { name: "balances are at the ends", law: drained, edge: [1.5, 4], size: [-0.6, 0.6], fee: [-0.5, 0.5] },
    { name: "money lies at hubs", law: towardsHubs, edge: [1.5, 4], size: [-2.7, -1.5], fee: [-0.3, 0.3] },
    { name: "money lies where it is cheap", law: byFee, edge: [1.5, 4], size: [-0.3, 0.3], fee: [0.6, 1.2] },
  ])("$name", ({ law, edge, size, fee }) => {
    const prior = believeAll(observe(law, 1_000)).worlds.prior;
    expectWithin(prior.edge, edge);
    expectWithin(prior.tilt.size, size);
    expectWithin(prior.tilt.fee, fee);
    expect(prior.edgeSpread).toBeLessThan(1);
  });

  test("little from little: ten channels hardly move it", () => {
    const prior = believeAll(observe(drained, 10)).worlds.prior;
    expect(Math.abs(prior.edge)).toBeLessThan(1);
    expect(prior.edgeSpread).toBeGreaterThan(0.75);
  });
});

test("the same evidence gives the same numbers, and all of them are round", () => {
  const evidence = observe(byFee, 300);
  const { prior } = believeAll(evidence).worlds;
  expect(believeAll(evidence).worlds.prior).toEqual(prior);
  for (const number of numbersOf(prior)) expect(number * 32).toBe(Math.round(number * 32));
});

test("the prior is fitted at whole hours: what is observed later waits, and moves only what it is about", () => {
  const before = observe(drained, 300);
  const late = observe(uniform, 1_200).map((each) => ({ ...each, observedAt: unixSeconds(HOUR + 10) }));
  const at = (now: number) => believeAll([...before, ...late], now).worlds;
  expect(at(HOUR + 1_800).prior).toEqual(believeAll(before).worlds.prior);
  expect(at(HOUR + 1_800).channels.size).toBeGreaterThan(1_000);
  expect(at(HOUR + 3_600).prior.edge).toBeLessThan(at(HOUR + 1_800).prior.edge);
});

test("a channel beside which another one joins the same nodes tells nothing: over which of them it went is not known", () => {
  const twins = channels.map((channel) => ({ ...channel, id: channel.id + 1n }));
  const doubled = graphFromRecords(nodes, [...channels, ...twins]).graph;
  const times = { now: unixSeconds(HOUR), graphAt: unixSeconds(HOUR) };
  const belief = believe(doubled, observe(drained, 500), times, () => new Uint32Array(doubled.nodeCount).fill(3));
  expect(belief.worlds.channels.size).toBeGreaterThan(400);
  expect(belief.worlds.prior).toEqual(UNFITTED);
});

test.each([
  { name: "everybody is there", away: 0, least: 0.2, most: 0.75 },
  { name: "as many are away as the curve says", away: 1, least: 0.75, most: 1.3 },
  { name: "three times as many are away", away: 3, least: 2.2, most: 4 },
])("$name", ({ away, least, most }) => {
  const random = dice();
  const seen = nodes.map((_, node): Observation => {
    const key = nodeKeyHex(graph, node);
    const isAway = random() < away * offlineRatio(peers[node]!);
    return isAway ? { kind: "offline", node: key, seenBy: key } : { kind: "online", node: key };
  });
  const { prior } = believeAll(seen.map(asEvidence)).worlds;
  expectWithin(prior.offline, [least, most]);
  expect(prior.offlineSpread).toBeLessThan(0.8);
});

test("a payment of ours that arrived says that its payee was there, and nothing of how many are", () => {
  const seen = nodes.map(
    ({ key }): Observation => ({ kind: "reached", node: key, amount: msat(1_000n), code: "SETTLED" }),
  );
  const paid = seen.map((each) => ({ ...asEvidence(each), source: "payment" as const }));
  const { prior, offline } = believeAll(paid).worlds;
  expect(offline.size).toBe(nodes.length);
  expect(prior).toEqual(UNFITTED);
});

function believeAll(evidence: Evidence[], now = HOUR): Belief {
  const times = { now: unixSeconds(now), graphAt: unixSeconds(now) };
  return believe(graph, evidence, times, () => peers);
}

/** One try of each of the first channels that are open both ways, at a share that the dice give. */
function observe(law: Law, count: number): Evidence[] {
  const random = dice();
  return open.slice(0, count).map((channel) => {
    const { fee, size } = tiltFeatures(graph, peers, channel);
    const share = law(random, { fee, size });
    const arc = 2 * channel + (random() < 0.5 ? 0 : 1);
    const tried = 0.9 * random() ** 2;
    const holds = ((arc & 1) === 0 ? share : 1 - share) >= tried;
    return asEvidence({
      kind: holds ? "holds-at-least" : "holds-below",
      channelId: channelId(graph, channel),
      from: nodeKeyHex(graph, arcTail(graph, arc)),
      to: nodeKeyHex(graph, arcHead(graph, arc)),
      amount: msat(BigInt(Math.round(tried * usableMsat(graph, channel)))),
    });
  });
}

function asEvidence(observation: Observation): Evidence {
  return {
    observedAt: unixSeconds(HOUR - 60),
    source: "probe",
    attempt: "00".repeat(32),
    vantage: nodes[0]!.key,
    observation,
  };
}

function numbersOf({ tilt, ...rest }: FittedPrior): number[] {
  return Object.values({ ...rest, ...tilt });
}

function expectWithin(value: number, [least, most]: readonly number[]): void {
  expect(value).toBeGreaterThan(least!);
  expect(value).toBeLessThan(most!);
}

/** Park and Miller's generator: the same numbers each time. */
function dice(): () => number {
  let state = 12_345;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
