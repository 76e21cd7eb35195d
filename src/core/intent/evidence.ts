/** What an answer leans on: announcements, and what probes have told of the channels and nodes it is about. */
import type { ChannelGraph } from "../graph/channel-graph.ts";
import type { Path } from "../graph/cheapest-path.ts";
import type { UnixSeconds } from "../units.ts";
import type { BeliefVersion, Decision } from "./decision.ts";

type Told = { readonly observations: number; readonly newestAt: UnixSeconds };

/** The evidence that worlds were drawn from, and how much of it there is by channel and node of the graph. */
export type Grounds = {
  readonly version: BeliefVersion;
  readonly told: { readonly channels: ReadonlyMap<number, Told>; readonly nodes: ReadonlyMap<number, Told> };
};

/** A log with nothing in it. */
export const NO_GROUNDS: Grounds = {
  version: { position: 0n, head: "00".repeat(32), at: 0 as UnixSeconds },
  told: { channels: new Map(), nodes: new Map() },
};

/** A question's subjects: the target and the caller by index, or -1, and the route tried first. */
export type Subjects = { readonly target: number; readonly caller: number; readonly path: Path | undefined };

/** Counts the announcements and observations about a question. `graphReadAt` stands for announcements that have no date. */
export function gatherEvidence(
  graph: ChannelGraph,
  { told }: Grounds,
  { target, caller, path }: Subjects,
  times: { readonly now: UnixSeconds; readonly graphReadAt: UnixSeconds },
): Decision["evidence"] {
  const { inStart, inArc, outStart, outArc } = graph.rows;
  const arcs = [
    ...(target < 0 ? [] : inArc.subarray(inStart[target]!, inStart[target + 1]!)),
    ...(caller < 0 ? [] : outArc.subarray(outStart[caller]!, outStart[caller + 1]!)),
  ];
  const newest = arcs.reduce((latest, arc) => Math.max(latest, graph.policies.updatedAt[arc]!), 0);
  const channels = new Set([...arcs, ...(path?.arcs ?? [])].map((arc) => arc >>> 1));
  const nodes = new Set([target, ...(path?.nodes.slice(1) ?? [])]);
  const tried = [...channels].flatMap((channel) => told.channels.get(channel) ?? []);
  const sighted = [...nodes].flatMap((node) => told.nodes.get(node) ?? []);
  const all = [...tried, ...sighted];
  const newestAt = all.reduce((latest, each) => Math.max(latest, each.newestAt), 0);
  return {
    observations: arcs.length,
    newestAgeSec: Math.max(0, times.now - (newest || times.graphReadAt)),
    probed: {
      channels: tried.length,
      ofChannels: channels.size,
      targetSighted: told.nodes.has(target),
      observations: all.reduce((sum, { observations }) => sum + observations, 0),
      newestAgeSec: all.length === 0 ? null : Math.max(0, times.now - newestAt),
    },
  };
}
