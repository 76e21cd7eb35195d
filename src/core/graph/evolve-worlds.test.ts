import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { everyWorld } from "./bits.ts";
import { diffGraphs } from "./change.ts";
import { type ChannelGraph, findChannel } from "./channel-graph.ts";
import { createReachEngine } from "./engine.ts";
import { type Evolution, evolveWorldsInSteps } from "./evolve-worlds.ts";
import { defaultLimits } from "./limits.ts";
import { openLiveGraph } from "./live-graph.ts";
import { type FittedPrior, UNFITTED } from "./prior.ts";
import { heldIn } from "./reached.ts";
import { type ChannelRecord, graphFromRecords } from "./records.ts";
import { type Beliefs, drawMasks, NO_BELIEFS, sampleWorlds, type Worlds } from "./worlds.ts";

const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 200, seed: 9 });
const AMOUNTS = [1e6, 1e8, 3e9];
const SEED = 4;

/** The network with some channels missing and some directions turned off, by the dice. */
const someGraph = fc.array(fc.nat({ max: 9 }), { minLength: 200, maxLength: 200 }).map((dice) => {
  const open = channels.flatMap((channel, i): ChannelRecord[] => {
    if (dice[i] === 0) return [];
    const off = dice[i] === 1;
    return [
      { ...channel, policy1: { ...channel.policy1!, enabled: channel.policy1!.enabled && !off, feePpm: dice[i]! } },
    ];
  });
  return graphFromRecords(nodes.slice(0, 40 + dice[0]!), open).graph;
});
/** Fitted to evidence: it leans on the sizes of nodes, which change with the graph. */
const LEANING: FittedPrior = {
  ...UNFITTED,
  edge: 0.5,
  offlineSpread: 0.5,
  tilt: { fee: 0.4, size: -1, disabled: 0.2 },
};
/** Something about some channels, nodes, pairs and arcs, by the dice. */
const someBeliefs = (graph: ChannelGraph, dice: number): Beliefs => {
  const some = (count: number, salt: number) => (dice * 7 + salt) % count;
  const channel = some(graph.channelCount, 1);
  const arcs = [2 * channel, 2 * some(graph.channelCount, 5) + 1];
  return {
    channels: new Map([
      [some(graph.channelCount, 3), { low: 0.2, high: 0.6, weight: 0.7 + dice / 40 }],
      [4 % graph.channelCount, { low: 0.1, high: 1, weight: 0.9 }],
    ]),
    offline: new Map([[some(graph.nodeCount, 2), 0.5]]),
    pairs: dice % 3 === 0 ? [] : [{ arcs, amountMsat: 2e8, weight: 0.8 }],
    blocked: new Set(dice % 2 === 0 ? [] : [2 * some(graph.channelCount, 9)]),
    prior: { ...LEANING, ...[{}, { offline: 1.25 }, { offlineSpread: 0.25 }, { edge: 1 }][dice % 4] },
  };
};

test("worlds that follow a graph from change to change are those drawn of it at once", () => {
  fc.assert(
    fc.property(fc.array(someGraph, { minLength: 2, maxLength: 4 }), fc.array(fc.nat(9)), (graphs, dice) => {
      const beliefsOf = (graph: ChannelGraph) => {
        const told = dice[graphs.indexOf(graph)];
        return told === undefined ? NO_BELIEFS : someBeliefs(graph, told);
      };
      let worlds = sampleWorlds(graphs[0]!, SEED, beliefsOf(graphs[0]!));
      let masks = AMOUNTS.map((amount) => drawMasks(worlds, amount));
      for (const graph of graphs.slice(1)) {
        const evolution = evolve(worlds, graph, beliefsOf(graph));
        masks = masks.map(evolution.carry);
        worlds = evolution.worlds;
        const anew = sampleWorlds(graph, SEED, beliefsOf(graph));
        expect(masks).toEqual(AMOUNTS.map((amount) => drawMasks(anew, amount)));
        expect([worlds.offline, worlds.online]).toEqual([anew.offline, anew.online]);
        expect(drawMasks(worlds, 5e7)).toEqual(drawMasks(anew, 5e7));
      }
    }),
    { numRuns: 15 },
  );
});

test("an engine that hears of changed policies answers as a new one does", () => {
  const { graph } = graphFromRecords(nodes, channels);
  const live = openLiveGraph(graph);
  const engine = createReachEngine(sampleWorlds(live.graph, SEED));
  const [target, caller] = [1, 30];
  const aimed = (amountMsat: number) => ({ target, amountMsat, limits: defaultLimits(amountMsat) });
  const before = AMOUNTS.map((amount) => engine.within(aimed(amount)));
  engine.gridTo(target);
  engine.pathsTo(aimed(1e8));
  engine.remember("caller", () => heldIn(new Int32Array(1)));
  const changed = channels.slice(0, 60).map((channel) => {
    const policy1 = { ...channel.policy1!, minHtlcMsat: 5e7, feePpm: 9_000, inboundFeePpm: -50 };
    return { ...channel, policy1 };
  });
  const after = graphFromRecords(nodes, [...changed, ...channels.slice(60)]).graph;
  const changes = diffGraphs(live.graph, after);
  for (const change of changes) live.apply(change);
  engine.refresh(touchedBy(live.graph, changes));

  const anew = createReachEngine(sampleWorlds(after, SEED));
  const answers = (one: typeof engine) => [
    AMOUNTS.map((amount) => [one.within(aimed(amount)), one.masks(amount)]),
    one.gridTo(target),
    one.pathsTo(aimed(1e8)),
    one.lookAgain(aimed(1e8), everyWorld()),
    one.keeping(aimed(1e8), "maxFeeMsat", everyWorld()),
    one.onward(1e8, [{ node: caller, worlds: everyWorld() }]),
    one.remember("caller", () => heldIn(new Int32Array(2))),
  ];
  expect(answers(engine)).toEqual(answers(anew));
  expect(AMOUNTS.map((amount) => engine.within(aimed(amount)))).not.toEqual(before);
});

function evolve(worlds: Worlds, graph: ChannelGraph, beliefs: Beliefs): Evolution {
  const steps = evolveWorldsInSteps(worlds, graph, touchedBy(graph, diffGraphs(worlds.graph, graph)), beliefs);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function touchedBy(graph: ChannelGraph, changes: ReturnType<typeof diffGraphs>): Set<number> {
  const ids = changes.flatMap((change) => ("id" in change ? [change.id] : []));
  return new Set(ids.map((id) => findChannel(graph, id)).filter((channel) => channel >= 0));
}
