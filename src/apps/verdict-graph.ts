/**
 * The graph of the verdict thread, with its worlds. What changes in it is worked in: policies in place, within the
 * millisecond; whatever moves channels, nodes, who is enabled or what is believed beside the graph in use, in steps of a few
 * milliseconds.
 */
import { createHash } from "node:crypto";
import { equalBytes, toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import type { GraphChange } from "../core/graph/change.ts";
import { type ChannelGraph, findChannel, findNode, POLICY_ENABLED } from "../core/graph/channel-graph.ts";
import { decodeDelta, digestAfter } from "../core/graph/delta.ts";
import { AMOUNT_GRID_MSAT } from "../core/graph/engine.ts";
import { evolveWorldsInSteps } from "../core/graph/evolve-worlds.ts";
import { type LiveGraph, openLiveGraph } from "../core/graph/live-graph.ts";
import { independentPeers } from "../core/graph/liveness.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import { sampleWorldsInSteps, WORLD_SEED } from "../core/graph/worlds.ts";
import type { BeliefVersion, StatedBelief } from "../core/intent/decision.ts";
import { type Grounds, NO_GROUNDS } from "../core/intent/evidence.ts";
import { createIntentWorld, type IntentWorld, refreshIntentWorld, stateBelief } from "../core/intent/resolve-intent.ts";
import { forgetFit, openBeliefMemory } from "../core/probe/belief-memory.ts";
import { type Belief, believeInSteps } from "../core/probe/believe.ts";
import { type ProfileGround, prepareProfilesInSteps } from "../core/profile/ground.ts";
import { makeProfileInSteps, type ProfileRequest } from "../core/profile/make-profile.ts";
import type { NodeProfile } from "../core/profile/profile.ts";
import type { UnixSeconds } from "../core/units.ts";
import { type EvidenceNews, openEvidenceBook } from "./evidence-book.ts";

/** What a loaded graph holds. */
export type LoadedGraph = { nodeCount: number; channelCount: number; arcCount: number; digest: string };

/** A profile, and what it was computed from. */
export type ProfileAnswer = {
  readonly profile: NodeProfile;
  readonly belief: StatedBelief;
  readonly graphDigest: string;
  readonly asOf: UnixSeconds;
};

type Stored = { body: Uint8Array; deltas: readonly Uint8Array[]; takenAt: UnixSeconds };
type Step = { delta: Uint8Array | undefined; digest: Uint8Array; takenAt: UnixSeconds };

/** Holds no graph yet. `load`, `follow`, `learn` and `profile` must not run at the same time. */
export function createVerdictGraph() {
  let live: LiveGraph | undefined;
  let world: IntentWorld | undefined;
  let belief: Belief | undefined;
  let digest: Uint8Array = new Uint8Array();
  let profiles: { ground: ProfileGround; version: BeliefVersion } | undefined;
  const book = openEvidenceBook();
  const memory = openBeliefMemory();

  const believeOf = (graph: ChannelGraph, graphAt: UnixSeconds, known?: Uint32Array): Promise<Belief> => {
    let peers = known;
    const peersOf = () => {
      peers ??= independentPeers(graph);
      return peers;
    };
    return inSteps(believeInSteps(graph, book.read(), { now: book.version().at, graphAt }, peersOf, memory));
  };
  const groundsOf = ({ told }: Belief): Grounds => ({ version: book.version(), told });
  const loaded = (): LoadedGraph => {
    const { nodeCount, channelCount, rows } = live!.graph;
    return { nodeCount, channelCount, arcCount: rows.inArc.length, digest: toHex(digest) };
  };

  /** What profiles share; who is enabled, and so all of it but the seeds, is the same as long as the graph is the same object. */
  const profileGround = async ({ engine: { graph }, grounds: { version } }: IntentWorld): Promise<ProfileGround> => {
    // While the log is being read the book is ahead of the worlds: what was found before serves until they meet.
    const isWhole = isKnown(version, book.version());
    const known = profiles?.ground.graph === graph ? profiles : undefined;
    if (known && (!isWhole || isKnown(version, known.version))) return known.ground;
    const evidence = isWhole ? book.read() : [];
    const ground = await inSteps(prepareProfilesInSteps(graph, evidence, known?.ground));
    profiles = { ground, version: isWhole ? version : NO_GROUNDS.version };
    return ground;
  };

  return {
    world: () => world,

    /** The profile of a node, in steps. @throws GRAPH_NOT_READY; SUBJECT_UNKNOWN when the graph has lost the node */
    async profile(request: ProfileRequest): Promise<ProfileAnswer> {
      const held = world;
      if (!held) throw new OracleError("GRAPH_NOT_READY", "no graph has been loaded yet");
      const ground = await profileGround(held);
      const profile = await inSteps(makeProfileInSteps(held, ground, request));
      if (!profile) throw new OracleError("SUBJECT_UNKNOWN", "the node has left the graph");
      const { graphDigest, takenAt } = held;
      return { profile, belief: stateBelief(held), graphDigest, asOf: takenAt };
    },

    /** Draws worlds and common masks anew; between the steps the thread answers from the graph it has. @throws GRAPH_MALFORMED */
    async load({ body, deltas, takenAt }: Stored): Promise<LoadedGraph> {
      const next = openLiveGraph(decodeSnapshot(body));
      await pause();
      let named: Uint8Array = createHash("sha256").update(body).digest();
      for (const delta of deltas) {
        await applyAll(next, decodeDelta(delta));
        named = digestAfter(named, delta);
      }
      const believed = await believeOf(next.graph, takenAt);
      const worlds = await inSteps(sampleWorldsInSteps(next.graph, WORLD_SEED, believed.worlds));
      const fresh = createIntentWorld(worlds, toHex(named), takenAt, groundsOf(believed));
      for (const amount of AMOUNT_GRID_MSAT) {
        fresh.engine.masks(amount);
        await pause();
      }
      [live, world, belief, digest] = [next, fresh, believed, named];
      return loaded();
    },

    /** @throws GRAPH_MALFORMED when the steps do not follow the graph that is held; it then stays as it was */
    async follow(steps: readonly Step[]): Promise<LoadedGraph> {
      if (!live || !world || !belief)
        throw new OracleError("GRAPH_MALFORMED", "there is no graph for a change to follow");
      const named = nameAfter(digest, steps);
      const changes = steps.flatMap(({ delta }) => (delta ? decodeDelta(delta) : []));
      const takenAt = steps.at(-1)?.takenAt ?? world.takenAt;
      if (changes.every(isInPlace(live)) && !isOverruled(belief, takenAt)) {
        for (const change of changes) live.apply(change);
        if (changes.length > 0) forgetFit(memory);
        world = refreshIntentWorld(world, touchedBy(live, changes), toHex(named), takenAt);
      } else {
        const next = openLiveGraph(live.graph);
        await pause();
        await applyAll(next, changes);
        const believed = await believeOf(next.graph, takenAt);
        const state = { graphDigest: toHex(named), takenAt, belief: believed, grounds: groundsOf(believed) };
        world = await evolve(world, next.graph, touchedBy(next, changes), state);
        [live, belief] = [next, believed];
      }
      digest = named;
      return loaded();
    },

    /**
     * Takes in evidence, and draws anew what it is about. False when the news do not follow what is held: then they must
     * begin again. @throws EVIDENCE_MALFORMED
     */
    async learn(news: EvidenceNews): Promise<boolean> {
      if (!book.take(news)) return false;
      if (news.more || !live || !world || !belief || isKnown(world.grounds.version, book.version())) return true;
      const { takenAt, graphDigest, engine } = world;
      const believed = await believeOf(live.graph, takenAt, engine.worlds.peers);
      const state = { graphDigest, takenAt, belief: believed, grounds: groundsOf(believed) };
      const silent = isSilent(belief) && isSilent(believed);
      world = silent ? { ...world, grounds: state.grounds } : await evolve(world, live.graph, new Set(), state);
      belief = believed;
      return true;
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

/** Whether a graph read at this time has the last word on an arc that is blocked. */
function isOverruled({ blockedSince }: Belief, graphAt: UnixSeconds): boolean {
  return [...blockedSince.values()].some((at) => at <= graphAt);
}

/** Whether nothing is believed about anything of the graph. */
function isSilent({ worlds: { channels, offline, pairs, blocked } }: Belief): boolean {
  return channels.size + offline.size + pairs.length + blocked.size === 0;
}

function isKnown(held: BeliefVersion, { position, at }: BeliefVersion): boolean {
  return held.position === position && held.at === at;
}

/** The world of a changed graph, or of other beliefs; `touched` as evolving worlds have it. */
async function evolve(
  world: IntentWorld,
  graph: ChannelGraph,
  touched: ReadonlySet<number>,
  state: { graphDigest: string; takenAt: UnixSeconds; belief: Belief; grounds: Grounds },
): Promise<IntentWorld> {
  const steps = evolveWorldsInSteps(world.engine.worlds, graph, touched, state.belief.worlds);
  const { worlds, carry } = await inSteps(steps);
  const masks = [];
  for (const each of world.engine.remembered()) {
    masks.push(carry(each));
    await pause();
  }
  return createIntentWorld(worlds, state.graphDigest, state.takenAt, state.grounds, masks);
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
