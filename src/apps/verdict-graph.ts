/**
 * The graph of the verdict thread, with its worlds. What changes in it is worked in: policies in place, within the
 * millisecond; whatever moves channels, nodes or who is enabled beside the graph in use, in steps of a few milliseconds.
 */
import { createHash } from "node:crypto";
import { equalBytes, toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import type { GraphChange } from "../core/graph/change.ts";
import { findChannel, findNode, POLICY_ENABLED } from "../core/graph/channel-graph.ts";
import { decodeDelta, digestAfter } from "../core/graph/delta.ts";
import { AMOUNT_GRID_MSAT } from "../core/graph/engine.ts";
import { evolveWorldsInSteps } from "../core/graph/evolve-worlds.ts";
import { type LiveGraph, openLiveGraph } from "../core/graph/live-graph.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import { NO_BELIEFS, sampleWorldsInSteps, WORLD_SEED } from "../core/graph/worlds.ts";
import { createIntentWorld, type IntentWorld, refreshIntentWorld } from "../core/intent/resolve-intent.ts";
import type { UnixSeconds } from "../core/units.ts";

/** What a loaded graph holds. */
export type LoadedGraph = { nodeCount: number; channelCount: number; arcCount: number; digest: string };

type Stored = { body: Uint8Array; deltas: readonly Uint8Array[]; takenAt: UnixSeconds };
type Step = { delta: Uint8Array | undefined; digest: Uint8Array; takenAt: UnixSeconds };

/** Holds no graph yet. `load` and `follow` must not run at the same time. */
export function createVerdictGraph() {
  let live: LiveGraph | undefined;
  let world: IntentWorld | undefined;
  let digest: Uint8Array = new Uint8Array();

  const loaded = (): LoadedGraph => {
    const { nodeCount, channelCount, rows } = live!.graph;
    return { nodeCount, channelCount, arcCount: rows.inArc.length, digest: toHex(digest) };
  };

  return {
    world: () => world,

    /** Draws worlds and common masks anew; between the steps the thread answers from the graph it has. @throws GRAPH_MALFORMED */
    async load({ body, deltas, takenAt }: Stored): Promise<LoadedGraph> {
      const next = openLiveGraph(decodeSnapshot(body));
      await pause();
      let named: Uint8Array = createHash("sha256").update(body).digest();
      for (const delta of deltas) {
        await applyAll(next, decodeDelta(delta));
        named = digestAfter(named, delta);
      }
      const worlds = await inSteps(sampleWorldsInSteps(next.graph, WORLD_SEED, NO_BELIEFS));
      const fresh = createIntentWorld(worlds, toHex(named), takenAt);
      for (const amount of AMOUNT_GRID_MSAT) {
        fresh.engine.masks(amount);
        await pause();
      }
      [live, world, digest] = [next, fresh, named];
      return loaded();
    },

    /** @throws GRAPH_MALFORMED when the steps do not follow the graph that is held; it then stays as it was */
    async follow(steps: readonly Step[]): Promise<LoadedGraph> {
      if (!live || !world) throw new OracleError("GRAPH_MALFORMED", "there is no graph for a change to follow");
      const named = nameAfter(digest, steps);
      const changes = steps.flatMap(({ delta }) => (delta ? decodeDelta(delta) : []));
      const takenAt = steps.at(-1)?.takenAt ?? world.takenAt;
      if (changes.every(isInPlace(live))) {
        for (const change of changes) live.apply(change);
        world = refreshIntentWorld(world, touchedBy(live, changes), toHex(named), takenAt);
      } else {
        [live, world] = await evolve(live, world, changes, toHex(named), takenAt);
      }
      digest = named;
      return loaded();
    },
  };
}

/** The digest after the steps. @throws GRAPH_MALFORMED when one of them was made for another graph */
function nameAfter(digest: Uint8Array, steps: readonly Step[]): Uint8Array {
  let named = digest;
  for (const step of steps) {
    if (step.delta && !equalBytes(digestAfter(named, step.delta), step.digest)) {
      throw new OracleError("GRAPH_MALFORMED", "a change was made for another graph than the one that is held");
    }
    named = step.digest;
  }
  return named;
}

/** Whether a change leaves every array its length and every arc its slot. */
function isInPlace(live: LiveGraph): (change: GraphChange) => boolean {
  const { graph } = live;
  return (change) => {
    if (change.kind === "node") return findNode(graph, change.key) >= 0;
    if (change.kind !== "policy") return false;
    const channel = findChannel(graph, change.id);
    if (channel < 0) return false;
    const was = graph.policies.flags[2 * channel + (change.fromA ? 0 : 1)]!;
    return (was & POLICY_ENABLED) === (change.policy.flags & POLICY_ENABLED);
  };
}

/** Channels of the graph as it is that a change is about. */
function touchedBy(live: LiveGraph, changes: readonly GraphChange[]): Set<number> {
  const touched = new Set<number>();
  for (const change of changes) if ("id" in change) touched.add(findChannel(live.graph, change.id));
  touched.delete(-1);
  return touched;
}

async function evolve(
  live: LiveGraph,
  world: IntentWorld,
  changes: readonly GraphChange[],
  digest: string,
  takenAt: UnixSeconds,
): Promise<[LiveGraph, IntentWorld]> {
  const next = openLiveGraph(live.graph);
  await pause();
  await applyAll(next, changes);
  const steps = evolveWorldsInSteps(world.engine.worlds, next.graph, touchedBy(next, changes), NO_BELIEFS);
  const { worlds, carry } = await inSteps(steps);
  const masks = [];
  for (const each of world.engine.remembered()) {
    masks.push(carry(each));
    await pause();
  }
  return [next, createIntentWorld(worlds, digest, takenAt, masks)];
}

/** Changes between two pauses: some milliseconds. */
const APPLIED_AT_ONCE = 20;

async function applyAll(live: LiveGraph, changes: readonly GraphChange[]): Promise<void> {
  for (const [i, change] of changes.entries()) {
    live.apply(change);
    if (i % APPLIED_AT_ONCE === APPLIED_AT_ONCE - 1) await pause();
  }
}

async function inSteps<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = steps.next();
    await pause();
    if (step.done) return step.value;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
