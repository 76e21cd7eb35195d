/** What profiles of one graph share: found once per graph, and once per state of the evidence. */
import type { Evidence } from "../evidence/observation.ts";
import type { ChannelGraph } from "../graph/channel-graph.ts";
import { type Cuts, findCuts } from "./cuts.ts";
import type { FlowNet } from "./flow.ts";
import { type Forwarding, tallyForwarding } from "./forwarding.ts";
import { type ChannelRows, rowsOfChannels } from "./gossip.ts";
import { netOfChannels, netOfNodes } from "./nets.ts";
import { mostOfArcs } from "./receive-capacity.ts";
import { type Ages, chooseSeeds, readAges } from "./seeds.ts";

type Structure = {
  readonly graph: ChannelGraph;
  readonly cuts: Cuts;
  readonly ages: Ages;
  readonly rows: ChannelRows;
  readonly channels: FlowNet;
  readonly nodes: FlowNet;
  readonly mostSat: Float64Array;
};

/** The structure of a graph, who was seen forwarding in it, and whom flows start from. */
export type ProfileGround = Structure & {
  readonly forwarding: ReadonlyMap<string, Forwarding>;
  readonly seeds: readonly number[];
};

/** Finds all of it: some 60 ms on mainnet. Policies of the graph may change in place afterwards, but not who is enabled. */
export function prepareProfiles(graph: ChannelGraph, evidence: Iterable<Evidence>): ProfileGround {
  const steps = prepareProfilesInSteps(graph, evidence);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in short steps; `known` is what was found of the same graph with other evidence. */
export function* prepareProfilesInSteps(
  graph: ChannelGraph,
  evidence: Iterable<Evidence>,
  known?: ProfileGround,
): Generator<void, ProfileGround> {
  const structure = known ?? (yield* structureOf(graph));
  const forwarding = tallyForwarding(evidence);
  yield;
  return { ...structure, forwarding, seeds: chooseSeeds(graph, structure.cuts, structure.ages, forwarding) };
}

function* structureOf(graph: ChannelGraph): Generator<void, Structure> {
  const ages = readAges(graph);
  yield;
  const cuts = findCuts(graph, ages.channelAge);
  yield;
  const rows = rowsOfChannels(graph);
  const channels = netOfChannels(graph);
  yield;
  const nodes = netOfNodes(graph);
  yield;
  return { graph, cuts, ages, rows, channels, nodes, mostSat: mostOfArcs(graph) };
}
