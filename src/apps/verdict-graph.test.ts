/** What evidence does to answers: however it arrives, the answers are those of the whole log; and it fades by itself. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeEvidence } from "../core/evidence/canonical.ts";
import { CHAIN_START, type ChainHead, type Link, linkHash } from "../core/evidence/chain.ts";
import type { Evidence, Observation } from "../core/evidence/observation.ts";
import { diffGraphs } from "../core/graph/change.ts";
import { findNodeHex, inboundCount } from "../core/graph/channel-graph.ts";
import { digestAfter, encodeDelta } from "../core/graph/delta.ts";
import { UNFITTED } from "../core/graph/prior.ts";
import { type ChannelRecord, graphFromRecords } from "../core/graph/records.ts";
import { encodeSnapshot } from "../core/graph/snapshot.ts";
import { resolveIntent, stateBelief } from "../core/intent/resolve-intent.ts";
import { recordSurvival } from "../core/profile/survival.ts";
import { msat, unixSeconds } from "../core/units.ts";
import { syntheticGraph } from "../testing/synthetic-graph.ts";
import { rateGraph } from "./rate-graph.ts";
import { createVerdictGraph } from "./verdict-graph.ts";

const AT = 1_770_000_000;
const { nodes, channels } = syntheticGraph({ nodes: 40, channels: 120, seed: 5 });
const graphs = [
  channels,
  channels.map((each, i): ChannelRecord => (i % 3 ? each : { ...each, policy1: { ...each.policy1!, feePpm: 77 } })),
  channels.filter((_, i) => i % 7 !== 0),
].map((records) => graphFromRecords(nodes, records).graph);
const bodies = graphs.map(encodeSnapshot);
const takenAt = graphs.map((_, i) => unixSeconds(AT + 60 * i));

/** What is told of channel `which`: by turns each kind of observation. */
function observe(which: number, kind: number, amountMsat: number): Observation {
  const { id, node1, node2 } = channels[which % channels.length]!;
  const [from, to] = kind % 2 ? [node1, node2] : [node2, node1];
  const about = { channelId: id, from, to };
  const amount = msat(BigInt(amountMsat));
  const seen: Observation[] = [
    { kind: "holds-at-least", ...about, amount },
    { kind: "holds-below", ...about, amount },
    { kind: "online", node: to },
    { kind: "offline", node: to, seenBy: from },
    { kind: "pair-holds-at-least", from, to, amount },
    { kind: "channel-gone", ...about },
  ];
  return seen[kind % seen.length]!;
}
const seen = (observation: Observation, observedAt: number): Evidence => ({
  observedAt: unixSeconds(observedAt),
  source: "probe",
  attempt: "00".repeat(32),
  vantage: nodes[0]!.key,
  observation,
});
function chain(evidence: readonly Evidence[]): Link[] {
  let head: ChainHead = CHAIN_START;
  return evidence.map((each) => {
    const text = encodeEvidence(each);
    head = { position: head.position + 1n, hash: linkHash(head.hash, text) };
    return { ...head, text };
  });
}
const headOf = (links: readonly Link[]): ChainHead => links.at(-1) ?? CHAIN_START;
const stored = (i: number) => ({ body: bodies[i]!, deltas: [], takenAt: takenAt[i]! });
/** Everything of a log at once. */
const tellAll = (log: readonly Link[], at: number) =>
  ({ begins: true, after: CHAIN_START, entries: log, at: unixSeconds(at), more: false }) as const;

const someLog = fc
  .array(fc.record({ which: fc.nat(200), kind: fc.nat(11), decade: fc.nat(2), agoSec: fc.nat(5 * 86_400) }), {
    maxLength: 40,
  })
  .map((told) => chain(told.map((t) => seen(observe(t.which, t.kind, 10 ** (7 + t.decade)), AT + 100 - t.agoSec))));

test("answers of evidence and changes that came bit by bit are those of the whole log and the last graph", async () => {
  await fc.assert(
    fc.asyncProperty(someLog, fc.array(fc.nat(40), { maxLength: 3 }), fc.boolean(), async (log, cuts, early) => {
      const grown = createVerdictGraph();
      if (!early) await grown.load(stored(0));
      const ends = [...cuts.map((cut) => Math.min(cut, log.length)), log.length].sort((a, b) => a - b);
      for (const [i, end] of ends.entries()) {
        const part = log.slice(0, ends[i - 1] ?? 0);
        const entries = log.slice(part.length, end);
        const at = unixSeconds(AT + 300 * i);
        expect(await grown.learn({ begins: i === 0, after: headOf(part), entries, at, more: false })).toBe(true);
        if (i === 0 && early) await grown.load(stored(0));
        // What profiles share is kept from one to the next.
        await profileIn(grown, 7);
        if (i < 2) await grown.follow([stepTo(i + 1, grown.world()!.graphDigest)]);
      }
      const last = Math.min(2, ends.length);
      const anew = createVerdictGraph();
      await anew.learn(tellAll(log, AT + 300 * (ends.length - 1)));
      await anew.load(stored(last));

      const named = { graphDigest: grown.world()!.graphDigest };
      for (const target of [1, 7, 20]) {
        expect(answer(grown, target)).toEqual({ ...answer(anew, target), ...named });
        expect(await profileIn(grown, target)).toEqual({ ...(await profileIn(anew, target)), ...named });
      }
      const { worlds } = grown.world()!.engine;
      expect(worlds.beliefs).toEqual(anew.world()!.engine.worlds.beliefs);
      expect(worlds.online).toEqual(anew.world()!.engine.worlds.online);
      expect(grown.world()!.engine.masks(1e8).words).toEqual(anew.world()!.engine.masks(1e8).words);
    }),
    { numRuns: 12 },
  );
}, 120_000);

test("a probe that arrived makes the answer likelier and narrower, says so, and fades until nothing is left of it", async () => {
  const held = createVerdictGraph();
  await held.load(stored(0));
  const before = answer(held, 7);
  const unknown = (decision: typeof before) => decision.unknowns.map(({ code }) => code);
  expect(before.belief).toEqual({ position: 0n, head: "00".repeat(32), at: 0, prior: UNFITTED });
  expect(unknown(before)).toEqual(expect.arrayContaining(["balances-never-probed", "target-never-tried"]));
  const into = channels.filter(({ node1, node2 }) => [node1, node2].includes(nodes[7]!.key));
  const enabled = inboundCount(graphs[0]!, findNodeHex(graphs[0]!, nodes[7]!.key));
  const told = into.flatMap(({ id, node1, node2 }): Observation[] => {
    const [from, to] = node1 === nodes[7]!.key ? [node2, node1] : [node1, node2];
    return [
      { kind: "online", node: to },
      { kind: "holds-at-least", channelId: id, from, to, amount: msat(100_000_000n) },
    ];
  });
  const log = chain(told.map((each) => seen(each, AT)));
  await held.learn(tellAll(log, AT));
  const after = answer(held, 7);
  const width = ({ interval }: typeof before) => interval.high - interval.low;
  expect(after.probability).toBeGreaterThan(before.probability);
  expect(width(after)).toBeLessThan(width(before));
  expect(after.belief).toMatchObject({
    position: BigInt(log.length),
    head: Buffer.from(headOf(log).hash).toString("hex"),
    at: AT,
  });
  expect(after.evidence.probed).toMatchObject({ channels: enabled, targetSighted: true, newestAgeSec: 60 });
  expect(unknown(after)).toContain("balances-partly-probed");
  expect(unknown(after)).not.toContain("target-never-tried");

  const later = async (sec: number) => {
    const at = unixSeconds(AT + sec);
    expect(await held.learn({ begins: false, after: headOf(log), entries: [], at, more: false })).toBe(true);
    return answer(held, 7).probability;
  };
  expect(await later(12 * 3_600)).toBeLessThan(after.probability);
  expect(await later(3 * 86_400 + 1)).toBe(before.probability);
});

test("a profile needs a graph, and a node that is in it", async () => {
  const held = createVerdictGraph();
  await expect(profileIn(held, 7)).rejects.toMatchObject({ code: "GRAPH_NOT_READY" });
  await held.load(stored(0));
  const { profile, belief, graphDigest, asOf } = await profileIn(held, 7);
  const world = held.world()!;
  expect([profile.nodeKey, belief, graphDigest, asOf]).toEqual([
    nodes[7]!.key,
    stateBelief(world),
    world.graphDigest,
    world.takenAt,
  ]);
  const request = { nodeKey: `02${"9".repeat(64)}`, now: asOf, history: { watchedSince: undefined, days: [] } };
  const gone = held.profile({ ...request, record: recordSurvival([]) });
  await expect(gone).rejects.toMatchObject({ code: "SUBJECT_UNKNOWN" });
});

test("news that do not follow are refused, and change nothing", async () => {
  const held = createVerdictGraph();
  const log = chain([seen(observe(1, 0, 1e8), AT), seen(observe(2, 1, 1e8), AT)]);
  const news = { begins: false, after: CHAIN_START, entries: log.slice(0, 1), at: unixSeconds(AT), more: false };
  expect(await held.learn(news)).toBe(false);
  expect(await held.learn({ ...news, begins: true })).toBe(true);
  expect(await held.learn(news)).toBe(false);
  expect(await held.learn({ ...news, after: headOf(log.slice(0, 1)), entries: log.slice(1) })).toBe(true);
});

test("ranks are drawn from the same evidence", () => {
  const { key } = nodes[7]!;
  const offline = seen({ kind: "offline", node: key, seenBy: nodes[0]!.key }, AT);
  const rankOf = (evidence: Evidence[]) =>
    rateGraph(graphs[0]!, unixSeconds(AT), evidence).nodes.find(({ keyHex }) => keyHex === key)!.score!.rank;
  expect(rankOf([])).toBeGreaterThan(20);
  expect(rankOf([offline])).toBeLessThan(10);
});

function answer(held: ReturnType<typeof createVerdictGraph>, target: number) {
  const question = { target: nodes[target]!.key, caller: nodes[30]!.key, amount: msat(50_000_000n) };
  return resolveIntent(held.world()!, { ...question, now: unixSeconds(AT + 60) });
}

function profileIn(held: ReturnType<typeof createVerdictGraph>, node: number) {
  const history = { watchedSince: undefined, days: [] };
  const now = unixSeconds(AT + 60);
  return held.profile({ nodeKey: nodes[node]!.key, now, history, record: recordSurvival([]) });
}

/** The change that leads from the graph before to graph `i`. */
function stepTo(i: number, digestHex: string) {
  const delta = encodeDelta(diffGraphs(graphs[i - 1]!, graphs[i]!));
  const digest = digestAfter(Buffer.from(digestHex, "hex"), delta);
  return { delta, digest, takenAt: takenAt[i]! };
}
