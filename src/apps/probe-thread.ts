/** The crawler's choice of probes beside its event loop: a thread that holds the graph, and draws worlds from the evidence. */
import { OracleError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence/observation.ts";
import { type ChannelGraph, findNode, findNodeHex } from "../core/graph/channel-graph.ts";
import { decodeDelta } from "../core/graph/delta.ts";
import { openLiveGraph } from "../core/graph/live-graph.ts";
import { independentPeers } from "../core/graph/liveness.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import { drawMasks, sampleWorlds, WORLD_SEED } from "../core/graph/worlds.ts";
import { believe } from "../core/probe/believe.ts";
import {
  type ChosenProbe,
  chooseProbes,
  nearGrid,
  type OwnChannel,
  type ProbeQuestion,
  type ProbeScene,
} from "../core/probe/choose.ts";
import { findChannel } from "../core/probe/find-channel.ts";
import { likeliestPaths } from "../core/probe/likeliest-paths.ts";
import { layRoute, type Override, type ProbeHop } from "../core/probe/route.ts";
import { drawReferences } from "../core/score/references.ts";
import type { ProbeLimits } from "../core/spend/policy.ts";
import type { Msat, UnixSeconds } from "../core/units.ts";
import { openThread, serveThread } from "./thread.ts";

/** A question that was asked, or that a published rank answers; who the callers are is not known. The key is 33 bytes. */
export type AskedOf = { target: Uint8Array; amountMsat: number; weight: number };

/** What a choice depends on besides the graph. `own` are our channels that can send now. */
export type ProbeSituation = {
  nodePubkey: string;
  own: readonly { channelId: bigint; spendable: Msat }[];
  /** Oldest first. */
  evidence: readonly Evidence[];
  now: UnixSeconds;
  limits: ProbeLimits;
};

/** A snapshot, and what changed since, in order. */
export type GraphToProbe = { body: Uint8Array; deltas: readonly Uint8Array[]; takenAt: UnixSeconds };

export type ProbeThread = {
  /** Takes a graph. @throws GRAPH_MALFORMED */
  load(stored: GraphToProbe): Promise<void>;
  /** At most `count` probes for these questions. */
  choose(input: ProbeSituation & { questions: readonly AskedOf[]; count: number }): Promise<ChosenProbe[]>;
  /** The likeliest way to a node now; undefined when there is none within the limits. @throws SUBJECT_UNKNOWN */
  pathTo(input: ProbeSituation & { target: string; amount: Msat }): Promise<number[] | undefined>;
  /** The HTLCs of a route; undefined when a policy on it does not admit them. */
  lay(
    arcs: readonly number[],
    final: { amount: Msat; expiryHeight: number },
    override?: Override,
  ): Promise<ProbeHop[] | undefined>;
  close(): Promise<void>;
};

const NAME = "probe";
/** Callers that stand for everybody, per question. */
const STAND_INS = 2;

/** Opens a thread; it starts with the first call. */
export function openProbeThread(): ProbeThread {
  const thread = openThread<typeof service>(NAME, import.meta.url);
  return {
    load: (stored) => thread.call("load", stored),
    choose: (input) => thread.call("choose", input),
    pathTo: (input) => thread.call("pathTo", input),
    lay: (arcs, final, override) => thread.call("lay", { arcs, final, override }),
    close: thread.close,
  };
}

type Loaded = { graph: ChannelGraph; takenAt: UnixSeconds; peers: Uint32Array };
let loaded: Loaded | undefined;

const service = {
  load({ body, deltas, takenAt }: GraphToProbe): void {
    const live = openLiveGraph(decodeSnapshot(body));
    for (const delta of deltas) for (const change of decodeDelta(delta)) live.apply(change);
    const { graph } = live;
    loaded = { graph, takenAt, peers: independentPeers(graph) };
  },

  choose(input: ProbeSituation & { questions: readonly AskedOf[]; count: number }): ChosenProbe[] {
    const { graph } = theGraph();
    const scene = sceneOf(input);
    if (!scene) return [];
    const questions = input.questions.flatMap((asked) => place(graph, scene.source, asked));
    return chooseProbes(scene, questions, input.limits, input.count, Math.random);
  },

  pathTo(input: ProbeSituation & { target: string; amount: Msat }): number[] | undefined {
    const { graph } = theGraph();
    const target = findNodeHex(graph, input.target);
    if (target < 0) throw new OracleError("SUBJECT_UNKNOWN", "no announced node has this key");
    const scene = sceneOf(input);
    if (!scene || target === scene.source) return undefined;
    const amountMsat = Number(input.amount);
    const masks = drawMasks(scene.worlds, amountMsat);
    const ownArcs = scene.own.filter(({ spendableMsat }) => spendableMsat >= amountMsat).map(({ arc }) => arc);
    return likeliestPaths(graph, masks, { source: scene.source, ownArcs }, input.limits).to(target);
  },

  lay(input: {
    arcs: readonly number[];
    final: { amount: Msat; expiryHeight: number };
    override: Override | undefined;
  }): ProbeHop[] | undefined {
    return layRoute(theGraph().graph, input.arcs, input.final, input.override);
  },
};

function theGraph(): Loaded {
  if (!loaded) throw new OracleError("GRAPH_NOT_READY", "no graph has been loaded yet");
  return loaded;
}

/** The worlds as the evidence leaves them; undefined while our node has not announced itself. */
function sceneOf({ nodePubkey, own, evidence, now }: ProbeSituation): ProbeScene | undefined {
  const { graph, takenAt, peers } = theGraph();
  const source = findNodeHex(graph, nodePubkey);
  if (source < 0) return undefined;
  const belief = believe(graph, evidence, { now, graphAt: takenAt }, () => peers);
  const worlds = sampleWorlds(graph, WORLD_SEED, belief.worlds);
  return { worlds, source, own: own.flatMap((channel) => ownArc(graph, source, channel)) };
}

/** A channel that others do not know of yet is not used. */
function ownArc(
  graph: ChannelGraph,
  source: number,
  { channelId, spendable }: { channelId: bigint; spendable: Msat },
): OwnChannel[] {
  const channel = findChannel(graph, channelId);
  if (channel < 0) return [];
  const arc = graph.nodeA[channel] === source ? 2 * channel : 2 * channel + 1;
  return [{ arc, spendableMsat: Number(spendable) }];
}

function place(graph: ChannelGraph, source: number, { target, amountMsat, weight }: AskedOf): ProbeQuestion[] {
  const to = findNode(graph, target);
  if (to < 0 || to === source) return [];
  const asked = { target: to, amountMsat: nearGrid(amountMsat) };
  return standIns(graph, to).map((each) => ({ ...asked, caller: each, weight: weight / STAND_INS }));
}

/** Other callers for every target, the same ones each time. */
function standIns(graph: ChannelGraph, target: number): number[] {
  const callers = drawReferences(graph, WORLD_SEED + target, STAND_INS + 1).map(({ node }) => node);
  return callers.filter((node) => node !== target).slice(0, STAND_INS);
}

serveThread(NAME, service);
