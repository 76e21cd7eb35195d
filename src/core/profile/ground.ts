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
  return seed(structureOf(graph), evidence);
}

/** The same graph after further evidence. */
export function reseed(ground: ProfileGround, evidence: Iterable<Evidence>): ProfileGround {
  return seed(ground, evidence);
}

function structureOf(graph: ChannelGraph): Structure {
  const ages = readAges(graph);
  return {
    graph,
    cuts: findCuts(graph, ages.channelAge),
    ages,
    rows: rowsOfChannels(graph),
    channels: netOfChannels(graph),
    nodes: netOfNodes(graph),
    mostSat: mostOfArcs(graph),
  };
}

function seed(structure: Structure, evidence: Iterable<Evidence>): ProfileGround {
  const { graph, cuts, ages } = structure;
  const forwarding = tallyForwarding(evidence);
  return { ...structure, forwarding, seeds: chooseSeeds(graph, cuts, ages, forwarding) };
}
