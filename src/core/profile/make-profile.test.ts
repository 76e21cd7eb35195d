import { expect, test } from "vitest";
import { CLOSED, type Drawn, drawGraph, keyOf } from "../../testing/small-graph.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import type { Evidence, Observation } from "../evidence/observation.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { createReachEngine } from "../graph/engine.ts";
import { offlineRatio, shareAtLeast } from "../graph/prior.ts";
import { graphFromRecords } from "../graph/records.ts";
import { sampleWorlds } from "../graph/worlds.ts";
import { drawReferences } from "../score/references.ts";
import { msat, unixSeconds } from "../units.ts";
import { prepareProfiles } from "./ground.ts";
import { makeProfile, makeProfileInSteps } from "./make-profile.ts";
import { recordSurvival } from "./survival.ts";

const now = unixSeconds(1_770_000_000);
const NOTHING = { history: { watchedSince: undefined, days: [] }, record: recordSurvival([]) };

function worldOf(graph: ChannelGraph) {
  const engine = createReachEngine(sampleWorlds(graph, 1));
  return { engine, references: drawReferences(graph, 1), grounds: { told: { nodes: new Map() } } };
}

function profileOf(graph: ChannelGraph, nodeKey: string, evidence: Evidence[] = []) {
  return makeProfile(worldOf(graph), prepareProfiles(graph, evidence), { nodeKey, now, ...NOTHING });
}

/** 1 and 2 share 1 BTC, 3 hangs on 2 by a channel of 1M sat. */
const chain: Drawn[] = [
  { a: 1, b: 2, capacitySat: 100_000_000, block: 600_000 },
  { a: 2, b: 3, block: 700_000 },
];

test("a node that hangs on one neighbour: by hand", () => {
  const { graph } = drawGraph(chain);
  const profile = profileOf(graph, keyOf(3))!;
  const online = 1 - offlineRatio(1);
  const last = (sat: number) => shareAtLeast(sat / 990_000) * online;
  const first = (sat: number) => shareAtLeast(sat / 99_000_000) * online;
  expect(profile.standing).toBe("receivable");
  for (const [i, sat] of [1e3, 1e4, 1e5, 1e6, 1e7].entries()) {
    const { amountMsat, probability, interval } = profile.receivable[i]!;
    // All four directions are drawn as callers: 1 once, 2 twice, 3 itself does not count.
    const byHand = sat < 990_000 ? (2 * last(sat) + first(sat) * last(sat)) / 3 : 0;
    expect(amountMsat).toBe(sat * 1_000);
    expect(probability).toBeCloseTo(byHand, 1);
    expect(interval.low).toBeLessThanOrEqual(probability);
    expect(interval.high).toBeGreaterThanOrEqual(probability);
  }
  expect(profile.dependence).toMatchObject({
    cutOffBy: keyOf(2),
    dependents: 0,
    withAll: { probability: profile.receivable[2]!.probability },
    withoutPeer: [{ peer: keyOf(2), probability: 0 }],
  });
  expect(profile.gossip).toMatchObject({ channels: 1, livePeers: 1, enabledInbound: 1, inboundSat: 1_000_000 });
  expect(profile.liveness.probability).toBeCloseTo(online, 1);
  expect(profile.channels).toMatchObject({ total: 1, listed: [{ peer: keyOf(2), fundingBlock: 700_000 }] });
});

test("steps lead to the same profile, and a name that nobody has to none", () => {
  const { channels } = syntheticGraph({ nodes: 80, channels: 260, seed: 4 });
  const { graph } = graphFromRecords([], channels);
  const world = worldOf(graph);
  const ground = prepareProfiles(graph, []);
  const request = { nodeKey: channels[0]!.node1, now, ...NOTHING };
  const steps = makeProfileInSteps(world, ground, request);
  let count = 0;
  let last = steps.next();
  for (; !last.done; last = steps.next()) count++;
  expect(count).toBeGreaterThan(5);
  expect(last.value).toEqual(makeProfile(world, ground, request));
  expect(makeProfile(world, ground, { ...request, nodeKey: keyOf(77) })).toBeUndefined();
});

test("what is left without a neighbour is what a graph without it says, in the same worlds", () => {
  const { channels } = syntheticGraph({ nodes: 60, channels: 150, seed: 9 });
  const { graph } = graphFromRecords([], channels);
  const world = worldOf(graph);
  const ground = prepareProfiles(graph, []);
  const keys = [...new Set(channels.map(({ node1 }) => node1))];
  let judged = 0;
  for (const nodeKey of keys) {
    const { withAll, withoutPeer } = makeProfile(world, ground, { nodeKey, now, ...NOTHING })!.dependence;
    judged += withoutPeer.length;
    for (const { probability } of withoutPeer) expect(probability).toBeLessThanOrEqual(withAll!.probability);
  }
  expect(judged).toBeGreaterThan(20);
});

test("everything disabled is a fact, and silence is none", () => {
  const shut = drawGraph([...chain, { a: 2, b: 4, there: CLOSED, back: CLOSED }]);
  const disabled = profileOf(shut.graph, keyOf(4))!;
  expect(disabled).toMatchObject({
    standing: "disabled",
    survival: [],
    dependence: { withAll: null, withoutPeer: [] },
  });
  expect(disabled.receivable.map(({ probability }) => probability)).toEqual([0, 0, 0, 0, 0]);
  const lone = graphFromRecords([{ key: keyOf(9) }], []).graph;
  expect(profileOf(lone, keyOf(9))).toMatchObject({
    standing: "insufficient",
    receivable: [],
    ways: null,
    core: null,
    survival: [],
    channels: { total: 0, listed: [] },
  });
});

test("what probes and payments saw is counted by kind, with the newest of each", () => {
  const { graph } = drawGraph(chain);
  const seen = (observation: Observation, ageSec: number): Evidence => ({
    observedAt: unixSeconds(now - ageSec),
    source: "probe",
    attempt: "00".repeat(32),
    vantage: keyOf(1),
    observation,
  });
  const direction = { channelId: 1n, from: keyOf(2), to: keyOf(3) };
  const amount = msat(1_000n);
  const { forwarding } = profileOf(graph, keyOf(2), [
    seen({ kind: "holds-at-least", ...direction, amount }, 500),
    seen({ kind: "holds-at-least", ...direction, amount }, 100),
    seen({ kind: "holds-below", ...direction, amount }, 90),
    seen({ kind: "policy-stale", ...direction, fault: "fee" }, 80),
    seen({ kind: "node-fault", node: keyOf(2), code: "x" }, 70),
    seen({ kind: "reached", node: keyOf(2), amount, code: "x" }, 60),
    seen({ kind: "offline", node: keyOf(2), seenBy: keyOf(3) }, 50),
  ])!;
  const once = (ageSec: number) => ({ count: 1, newestAt: now - ageSec });
  expect(forwarding).toEqual({
    forwarded: { count: 2, newestAt: now - 100 },
    short: once(90),
    refused: once(80),
    faulty: once(70),
    reached: once(60),
    away: once(50),
    passedTo: new Set([keyOf(3)]),
  });
});
