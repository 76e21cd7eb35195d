/** Bench: what one update costs a graph that is followed, and how that and reading grow with the graph. */
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { type GraphChange, policyOf } from "../../core/graph/change.ts";
import {
  type ChannelGraph,
  channelId,
  POLICY_ENABLED,
  POLICY_KNOWN,
  withRows,
} from "../../core/graph/channel-graph.ts";
import { type LiveGraph, openLiveGraph } from "../../core/graph/live-graph.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { makeUpGraph } from "./graph-file.ts";
import { at, ms, ratio, report, spread, time } from "./report.ts";

const UPDATES = 2_000;
/** Applied before any is measured: a process that follows a graph has long compiled what it does all day. */
const WARM_UP = 400;

/** A policy change, a direction turned off or on, a channel that closes and one that opens: as on mainnet mostly the first two. */
export function someChanges(graph: ChannelGraph, count: number): GraphChange[][] {
  const random = seededRandom(11);
  return Array.from({ length: count }, (_, i) => {
    const channel = Math.floor(random() * graph.channelCount);
    const id = channelId(graph, channel);
    const policy = policyOf(graph, 2 * channel);
    const flags = policy.flags & POLICY_ENABLED ? POLICY_KNOWN : POLICY_KNOWN | POLICY_ENABLED;
    const dearer: GraphChange = { kind: "policy", id, fromA: true, policy: { ...policy, feePpm: policy.feePpm + 1 } };
    const toggled: GraphChange = { kind: "policy", id, fromA: true, policy: { ...policy, flags } };
    return i % 2 === 0 ? [dearer] : [toggled];
  });
}

/** Changes to measure; those before them are applied. */
function warmedUp(live: LiveGraph, graph: ChannelGraph): GraphChange[][] {
  const changes = someChanges(graph, WARM_UP + UPDATES);
  for (const each of changes.slice(0, WARM_UP)) each.forEach(live.apply);
  return changes.slice(WARM_UP);
}

/** Prints what one update costs. */
export function benchUpdates(graph: ChannelGraph): void {
  const live = openLiveGraph(graph);
  const changes = warmedUp(live, graph);
  const rebuild = at(
    Array.from({ length: 3 }, () => time(() => withRows(graph))),
    0.5,
  );
  const kinds = [changes.filter((_, i) => i % 2 === 0), changes.filter((_, i) => i % 2 === 1)];
  const [policies, toggles] = kinds.map((kind) => kind.map((each) => time(() => each.forEach(live.apply)))) as [
    number[],
    number[],
  ];
  const ids = new Set(changes.slice(0, 500).map(([change]) => (change as { id: bigint }).id));
  const closes = [...ids].map((id) => time(() => live.apply({ kind: "closed", id, height: 1 }))).slice(WARM_UP / 4);
  const all = [...policies, ...toggles, ...closes];
  report("one update, to arrays that can be asked", [
    { name: "rows of all enabled directions built again (baseline)", value: ms(rebuild) },
    { name: "a policy", value: spread(policies), note: `${ratio(at(policies, 0.5), rebuild)} of baseline` },
    {
      name: "a direction turned off or on",
      value: spread(toggles),
      note: `${ratio(at(toggles, 0.5), rebuild)} of baseline`,
    },
    { name: "a channel closed", value: spread(closes), note: `${ratio(at(closes, 0.5), rebuild)} of baseline` },
    { name: "all of them", value: spread(all), note: "aim < 1 ms" },
  ]);
}

/** Prints the figures of a made-up graph of ten times the size. */
export function benchTenfold(): void {
  const measure = (bytes: Uint8Array) => {
    const loads = Array.from({ length: 3 }, () => time(() => readChannelGraph(bytes)));
    const { graph } = readChannelGraph(bytes);
    const live = openLiveGraph(graph);
    const updates = warmedUp(live, graph).map((each) => time(() => each.forEach(live.apply)));
    return { graph, loadMs: at(loads, 0.5), updates };
  };
  const one = measure(makeUpGraph(1).bytes);
  const ten = measure(makeUpGraph(10).bytes);
  report(`ten times the graph, made up: ${ten.graph.nodeCount} nodes, ${ten.graph.channelCount} channels`, [
    { name: "decoded to a checked, sorted graph, mainnet's size (baseline)", value: ms(one.loadMs) },
    {
      name: "ten times the size",
      value: ms(ten.loadMs),
      note: `${ratio(ten.loadMs, one.loadMs)} times baseline; aim at most 11`,
    },
    { name: "one update, mainnet's size (baseline)", value: spread(one.updates) },
    {
      name: "one update, ten times the size",
      value: spread(ten.updates),
      note: `p50 ${ratio(at(ten.updates, 0.5), at(one.updates, 0.5))} times baseline`,
    },
  ]);
}
