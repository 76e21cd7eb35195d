/** Limits, against a search that walks every route of a small graph in single worlds. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { countWorlds, everyWorld, GROUP, WORDS, WORLDS } from "./bits.ts";
import type { ChannelGraph } from "./channel-graph.ts";
import { createReachEngine } from "./engine.ts";
import { defaultLimits, type Limit, MAX_HOPS, type RouteLimits } from "./limits.ts";
import { leaveOverAnnounced } from "./own-channels.ts";
import { type Reached, writeOut } from "./reached.ts";
import { type ChannelRecord, graphFromRecords, type PolicyRecord } from "./records.ts";
import { type Masks, sampleWorlds } from "./worlds.ts";

const LIMITS: readonly Limit[] = ["maxFeeMsat", "maxCltvDelta", "maxHops"];
const cases = fc.record({
  seed: fc.nat(10_000),
  nodes: fc.integer({ min: 3, max: 12 }),
  channels: fc.integer({ min: 2, max: 18 }),
  amountMsat: fc.constantFrom(1e6, 1e7, 1e8, 1e9),
  feeRatio: fc.constantFrom(0, 0.0005, 0.002, 0.01, 0.05, 1),
  maxCltvDelta: fc.constantFrom(0, 40, 150, 400, 2016),
  maxHops: fc.integer({ min: 1, max: 6 }),
  isUsual: fc.boolean(),
});

test("nothing is found within limits that breaks one, and what keeps them all is never ruled out", () => {
  let [found, doubtful, settled] = [0, 0, 0];
  fc.assert(
    fc.property(cases, ({ seed, nodes, channels, amountMsat, ...asked }) => {
      const graph = makeGraph(seed, nodes, channels);
      const limits = limitsOf(amountMsat, asked);
      const engine = createReachEngine(sampleWorlds(graph, seed));
      const masks = engine.masks(amountMsat);
      const target = seed % graph.nodeCount;
      const aim = { target, amountMsat, limits };
      const sets = {
        rounds: engine.within(aim),
        again: engine.lookAgain(aim, everyWorld()),
        whatever: engine.toTarget(target, amountMsat),
        ...Object.fromEntries(LIMITS.map((limit) => [limit, engine.keeping(aim, limit, everyWorld())])),
      };
      for (let caller = 0; caller < graph.nodeCount; caller++) {
        if (caller === target) continue;
        const leaves = Object.fromEntries(
          Object.entries(sets).map(([name, reached]) => [name, leaveOverAnnounced(graph, masks, caller, reached)]),
        );
        for (let world = 0; world < WORLDS; world += 37) {
          const truth = hasRoute(graph, masks, caller, { ...aim, world });
          for (const [name, worlds] of Object.entries(leaves)) {
            const said = hasBit(worlds, 0, world);
            if (name === "rounds" || name === "again") expect(said && !truth, `${name} breaks a limit`).toBe(false);
            else expect(truth && !said, `${name} rules a route out`).toBe(false);
          }
          found += Number(truth);
          settled += Number(truth && (hasBit(leaves["again"]!, 0, world) || hasBit(leaves["rounds"]!, 0, world)));
          doubtful += Number(
            !truth &&
              Object.entries(leaves).every(
                ([name, worlds]) => name === "rounds" || name === "again" || hasBit(worlds, 0, world),
              ),
          );
        }
      }
    }),
    { numRuns: 120, seed: 20 },
  );
  // The bounds are worth something: most routes are found, and few that do not exist stay possible.
  expect(found).toBeGreaterThan(300);
  expect(settled / found).toBeGreaterThan(0.9);
  expect(doubtful / found).toBeLessThan(0.05);
});

test("a limit on hops alone is exact", () => {
  fc.assert(
    fc.property(cases, fc.integer({ min: 1, max: MAX_HOPS }), ({ seed, nodes, channels, amountMsat }, maxHops) => {
      const free = { feeBaseMsat: 0, feePpm: 0, cltvDelta: 0, inboundFeeBaseMsat: 0, inboundFeePpm: 0 };
      const graph = makeGraph(seed, nodes, channels, free);
      const engine = createReachEngine(sampleWorlds(graph, seed));
      const aim = { target: 0, amountMsat, limits: { ...defaultLimits(amountMsat), maxHops } };
      const masks = engine.masks(amountMsat);
      const again = engine.lookAgain(aim, everyWorld());
      for (let caller = 1; caller < graph.nodeCount; caller++) {
        const leaves = leaveOverAnnounced(graph, masks, caller, again);
        expect(leaveOverAnnounced(graph, masks, caller, engine.keeping(aim, "maxHops", everyWorld()))).toEqual(leaves);
        for (let world = 0; world < WORLDS; world += 51) {
          expect(hasBit(leaves, 0, world)).toBe(hasRoute(graph, masks, caller, { ...aim, world }));
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("looser limits never lose a world that a closer look had found, and LND's defaults lose few", () => {
  const graph = graphFromRecords([], syntheticGraph({ nodes: 300, channels: 1200, seed: 5 }).channels).graph;
  const engine = createReachEngine(sampleWorlds(graph, 2));
  const [amountMsat, target] = [1e8, 40];
  const aimed = (limits: RouteLimits) => ({ target, amountMsat, limits });
  const usual = aimed(defaultLimits(amountMsat));
  const count = (reached: Reached) => {
    const sets = writeOut(reached);
    return Array.from({ length: graph.nodeCount }, (_, node) => countWorlds(sets, node)).reduce((a, b) => a + b);
  };
  const tight = engine.within(aimed({ ...usual.limits, maxFeeMsat: 20_000 }));
  const [within, reached] = [engine.within(usual), engine.toTarget(target, amountMsat)];
  expect(count(tight)).toBeLessThan(count(within));
  expect(count(within)).toBeGreaterThan(0.98 * count(reached));
});

type Asked = Omit<RouteLimits, "maxFeeMsat"> & { readonly feeRatio: number; readonly isUsual: boolean };

function limitsOf(amountMsat: number, { feeRatio, isUsual, ...others }: Asked): RouteLimits {
  return isUsual ? defaultLimits(amountMsat) : { maxFeeMsat: Math.floor(amountMsat * feeRatio), ...others };
}

function makeGraph(seed: number, nodes: number, channels: number, over: object = {}): ChannelGraph {
  const made = syntheticGraph({ nodes, channels, seed }).channels.map((channel, i): ChannelRecord => {
    const vary = (policy: PolicyRecord | undefined, by: number) => ({
      ...policy!,
      feePpm: [0, 50, 700, 4000, 30_000][(i * 7 + by + seed) % 5]!,
      cltvDelta: [0, 18, 40, 80, 144][(i * 3 + by + seed) % 5]!,
      inboundFeeBaseMsat: [0, 0, -500, 900][(i + by) % 4]!,
      inboundFeePpm: [0, 0, -300, 2000][(i + 2 * by) % 4]!,
      ...over,
    });
    return { ...channel, policy1: vary(channel.policy1, 1), policy2: vary(channel.policy2, 2) };
  });
  return graphFromRecords([], made).graph;
}

type Walk = { target: number; amountMsat: number; limits: RouteLimits; world: number };

/** Whether some route of arcs that carry the amount keeps every limit: each one is walked back from the target, fees added up. */
function hasRoute(
  graph: ChannelGraph,
  masks: Masks,
  caller: number,
  { target, amountMsat, limits, world }: Walk,
): boolean {
  const { rows, policies } = graph;
  const walk = (node: number, over: number, asks: number, lock: number, hops: number, seen: Set<number>): boolean => {
    for (let slot = rows.inStart[node]!; slot < rows.inStart[node + 1]!; slot++) {
      const [tail, arc] = [rows.inTail[slot]!, rows.inArc[slot]!];
      if (seen.has(tail) || !hasBit(masks.words, slot, world)) continue;
      const given =
        policies.inboundFeeBaseMsat[arc ^ 1]! + Math.trunc(((over + asks) * policies.inboundFeePpm[arc ^ 1]!) / 1e6);
      const amount = over + (node === target ? 0 : Math.max(0, asks + given));
      if (amount - amountMsat > limits.maxFeeMsat || lock > limits.maxCltvDelta || hops >= limits.maxHops) continue;
      if (tail === caller) return true;
      const next = policies.feeBaseMsat[arc]! + Math.floor((amount * policies.feePpm[arc]!) / 1e6);
      if (walk(tail, amount, next, lock + policies.cltvDelta[arc]!, hops + 1, new Set([...seen, tail]))) return true;
    }
    return false;
  };
  return walk(target, amountMsat, 0, 0, 0, new Set([target]));
}

function hasBit(sets: Int32Array, entry: number, world: number): boolean {
  return ((sets[entry * WORDS + Math.floor(world / GROUP)]! >>> (world % GROUP)) & 1) === 1;
}
