/**
 * A stored graph and what a node streams about changes of its own, brought together.
 *
 * The stream says that something changed, and mostly what. It does not say in which order, nor when a policy was made, and
 * it shows channels that are not public. So what it says is taken at once where only one reading of it is possible, and is
 * a doubt everywhere else: the channel is then asked for by itself, and that answer counts. What neither tells is found by
 * the next reading of the whole graph, which is compared and not just put in the place of what was stored.
 */
import { errorCode } from "../errors.ts";
import type { UnixSeconds } from "../units.ts";
import { copyPolicy } from "./assemble.ts";
import { changesOfChannel, diffGraphs, type GraphChange, type Policy, policyOf, samePolicy } from "./change.ts";
import {
  type ArcPolicies,
  aliasAt,
  allocatePolicies,
  arcTail,
  type ChannelGraph,
  findChannel,
  findNode,
} from "./channel-graph.ts";
import { addGarbage, countGarbage, type Garbage, type GarbageReason } from "./garbage.ts";
import { type LiveGraph, openLiveGraph } from "./live-graph.ts";
import { openRecentChannels, openUnannounced } from "./recent-channels.ts";

/** One message of a node's stream, as it was read. Keys are 33 bytes, all zeros where none could be read. */
export type GraphUpdate = {
  nodes: { key: Uint8Array; alias: Uint8Array }[];
  policies: StreamedPolicy[];
  closed: { id: bigint; height: number }[];
  garbage: Garbage;
};

/** The policy that `from` announces for payments to `to`; absent when the message had none. One row of columns. */
export type StreamedPolicy = {
  id: bigint;
  from: Uint8Array;
  to: Uint8Array;
  capacitySat: number;
  policy?: ArcPolicies;
};

/** What a node says of one channel when it is asked: a graph of it alone, that there is none, or that it is not public. */
export type ChannelAnswer = ChannelGraph | "unknown" | "unannounced";

/** When something was heard: the receiver's clock, and its count of messages. `overlapping`: while a reading was under way. */
export type Heard = { at: UnixSeconds; number: number; overlapping: boolean };

/** Changes since the last harvest, in the order they were applied, and what the history has to remember of them. */
export type Harvest = {
  changes: GraphChange[];
  /** Without what only says again what was said before. */
  lasting: GraphChange[];
  /** Channels to be asked for. */
  doubts: bigint[];
  garbage: Garbage;
};

export type Keeper = ReturnType<typeof openKeeper>;

/** How many changes there were of each kind; `dated` ones are policies and nodes that only say again what they said. */
export type Tally = Record<"node" | "node-gone" | "opened" | "closed" | "policy" | "dated", number>;

/** A keeper of what was stored. */
export function openKeeper(stored: ChannelGraph) {
  let live: LiveGraph = openLiveGraph(stored);
  const recent = openRecentChannels();
  let harvest = emptyHarvest();
  const doubts = new Set<bigint>();
  const unannounced = openUnannounced();

  const apply = (change: GraphChange) => {
    const lasts = isLasting(live.graph, change);
    try {
      if (!live.apply(change)) return;
    } catch (error) {
      if (errorCode(error) !== "GRAPH_MALFORMED") throw error;
      return countGarbage(harvest.garbage, "does-not-fit");
    }
    harvest.changes.push(change);
    if (lasts) harvest.lasting.push(change);
  };

  const hearNode = ({ key, alias }: GraphUpdate["nodes"][number], at: UnixSeconds) => {
    if (key[0] !== 2 && key[0] !== 3) return countGarbage(harvest.garbage, "node-key");
    apply({ kind: "node", key, alias, updatedAt: at });
  };

  const hearPolicy = (said: StreamedPolicy, heard: Heard) => {
    const { id } = said;
    const channel = findChannel(live.graph, id);
    const side = channel < 0 ? -1 : sideOf(live.graph, channel, said.from, said.to);
    if (channel >= 0 && side < 0) return countGarbage(harvest.garbage, "channel-other-ends");
    if (!said.policy) return countGarbage(harvest.garbage, "policy-missing");
    const before = recent.note(id, side, heard);
    const unlike = channel < 0 || live.graph.capacitySat[channel] !== said.capacitySat;
    // Its other direction, its capacity, whether it is public: a channel that opens is asked for.
    if (unlike) return doubts.add(id);
    const policy = { ...cleanPolicy(said.policy, said.capacitySat, harvest.garbage), updatedAt: heard.at };
    const same = samePolicy(policy, policyOf(live.graph, 2 * channel + side));
    if (heard.overlapping) return same ? undefined : doubts.add(id);
    if (before && !same) doubts.add(id);
    apply({ kind: "policy", id, fromA: side === 0, policy });
  };

  const hearClosed = ({ id, height }: { id: bigint; height: number }, heard: Heard) => {
    recent.note(id, -1, heard);
    doubts.delete(id);
    if (findChannel(live.graph, id) >= 0) apply({ kind: "closed", id, height });
  };

  return {
    get graph() {
      return live.graph;
    },

    /** Takes in a message of the stream. Messages of other orders, doubled or lost ones do no lasting harm. */
    hear(update: GraphUpdate, heard: Heard): void {
      addGarbage(harvest.garbage, update.garbage);
      for (const node of update.nodes) hearNode(node, heard.at);
      for (const policy of update.policies) hearPolicy(policy, heard);
      for (const closed of update.closed) hearClosed(closed, heard);
      recent.prune(heard.at);
    },

    /**
     * Takes in what the node said of a channel when it was asked, after message `askedAfter` had been heard. A channel that
     * was heard of since is asked for again: the answer may be older than that.
     */
    settle(id: bigint, answer: ChannelAnswer, askedAfter: number, at: UnixSeconds): void {
      if (recent.last(id) > askedAfter) return void doubts.add(id);
      const known = findChannel(live.graph, id);
      if (answer === "unannounced") {
        unannounced.add(id, at);
        return;
      }
      if (answer === "unknown") {
        if (known >= 0) apply({ kind: "closed", id, height: 0 });
        return;
      }
      // An answer about something else settles nothing.
      const told = findChannel(answer, id);
      if (told < 0) return;
      for (const change of changesOfChannel(live.graph, known, answer, told)) apply(change);
    },

    /** Counts something that could not even be read. */
    count(reason: GarbageReason): void {
      countGarbage(harvest.garbage, reason);
    },

    /** Takes in a whole reading. @returns what the stream had not told, by kind */
    read(reading: ChannelGraph, garbage: Garbage): Tally {
      addGarbage(harvest.garbage, garbage);
      const changes = diffGraphs(live.graph, reading);
      const lasting = changes.filter((change) => isLasting(live.graph, change));
      const missed: Tally = { node: 0, "node-gone": 0, opened: 0, closed: 0, policy: 0, dated: 0 };
      for (const { kind } of lasting) missed[kind]++;
      missed.dated = changes.length - lasting.length;
      harvest.changes.push(...changes);
      harvest.lasting.push(...lasting);
      live = openLiveGraph(reading);
      doubts.clear();
      return missed;
    },

    /** What changed since the last harvest. */
    harvest(now: UnixSeconds): Harvest {
      for (const id of unannounced.due(now)) doubts.add(id);
      const taken = { ...harvest, doubts: [...doubts] };
      harvest = emptyHarvest();
      doubts.clear();
      return taken;
    },
  };
}

function emptyHarvest(): Omit<Harvest, "doubts"> {
  return { changes: [], lasting: [], garbage: {} };
}

/** Whether a change says something new, or only that what was said still holds. */
function isLasting(graph: ChannelGraph, change: GraphChange): boolean {
  if (change.kind === "node") {
    const node = findNode(graph, change.key);
    return node < 0 || aliasAt(graph, node).some((byte, i) => byte !== change.alias[i]);
  }
  if (change.kind !== "policy") return true;
  const channel = findChannel(graph, change.id);
  return channel < 0 || !samePolicy(policyOf(graph, 2 * channel + (change.fromA ? 0 : 1)), change.policy);
}

/** 0 when `from` is end A and `to` end B of the channel, 1 the other way round, -1 otherwise. */
function sideOf(graph: ChannelGraph, channel: number, from: Uint8Array, to: Uint8Array): number {
  const [tail, head] = [findNode(graph, from), findNode(graph, to)];
  if (tail < 0 || head < 0) return -1;
  if (arcTail(graph, 2 * channel) === tail && arcTail(graph, 2 * channel + 1) === head) return 0;
  return arcTail(graph, 2 * channel) === head && arcTail(graph, 2 * channel + 1) === tail ? 1 : -1;
}

function cleanPolicy(policies: ArcPolicies, capacitySat: number, garbage: Garbage): Policy {
  const cleaned = allocatePolicies(1);
  copyPolicy(policies, 0, cleaned, 0, capacitySat, { now: undefined, garbage });
  return policyOf({ policies: cleaned }, 0);
}
