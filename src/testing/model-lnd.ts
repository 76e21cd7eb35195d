/**
 * A model of what LND does with its graph: it opens, closes and announces, streams changes without their times and in any order,
 * prunes in silence, streams its own channels before they are public, and answers questions with what was so a moment ago.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import { type ChannelRecord, graphFromRecords, type NodeRecord, type PolicyRecord } from "../core/graph/records.ts";
import { describeGraphMessage } from "./describe-graph.ts";

type Method = { responseSerialize(value: object): Buffer };
const home = dirname(createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json"));
const lightning = loadSync(join(home, "protos/lightning.proto"), { keepCase: true, longs: String })[
  "lnrpc.Lightning"
] as unknown as Record<"SubscribeChannelGraph" | "GetChanInfo" | "DescribeGraph", Method>;

type ModelChannel = ChannelRecord & { announced: boolean };
type Named = { node: number; other: number };

const KEYS = Array.from({ length: 12 }, (_, i) => `02${(i + 10).toString(16).padStart(2, "0").repeat(32)}`);
const CAPACITY_SAT = 1_000_000;

/** Something happens at the node. Numbers choose among what there is. */
export type ModelEvent =
  | { kind: "open"; ends: Named; announced: boolean; policies: number }
  | { kind: "announce"; pick: number }
  | { kind: "close"; pick: number; silent: boolean }
  | { kind: "policy"; pick: number; first: boolean; feePpm: number; enabled: boolean }
  | { kind: "rename"; node: number; alias: number }
  | { kind: "prune-nodes" };

/** A node without channels. `send` is given every message of its stream; `now` is its clock. */
export function createModelLnd(send: (message: Uint8Array) => void, now: () => number) {
  const nodes = new Map<string, NodeRecord>();
  const channels = new Map<bigint, ModelChannel>();
  const everPublic = new Set<bigint>();
  let nextId = 1n << 60n;

  const stream = (update: object) => send(lightning.SubscribeChannelGraph.responseSerialize(update));
  const pickFrom = (pick: number, wanted: (channel: ModelChannel) => boolean) => {
    const some = [...channels.values()].filter(wanted);
    return some[pick % Math.max(some.length, 1)];
  };
  const announceNode = (key: string, alias: string) => {
    nodes.set(key, { key, alias, updatedAt: now() });
    stream({ node_updates: [{ identity_key: key, alias }] });
  };
  const setPolicy = (channel: ModelChannel, first: boolean, policy: PolicyRecord) => {
    channels.set(channel.id, { ...channel, [first ? "policy1" : "policy2"]: policy });
    const [message] = describeGraphMessage([], [{ ...channel, policy1: { ...policy, updatedAt: 0 } }]).edges;
    const [from, to] = first ? [channel.node1, channel.node2] : [channel.node2, channel.node1];
    const said = {
      chan_id: channel.id.toString(),
      capacity: channel.capacitySat,
      routing_policy: message!.node1_policy,
    };
    stream({ channel_updates: [{ ...said, advertising_node: from, connecting_node: to }] });
  };
  const policy = (feePpm: number, enabled: boolean): PolicyRecord => ({
    enabled,
    minHtlcMsat: 1000,
    maxHtlcMsat: 990_000_000,
    feeBaseMsat: 1,
    feePpm,
    cltvDelta: 80,
    updatedAt: now(),
  });

  const happen = {
    open(event: ModelEvent & { kind: "open" }) {
      const [node1, node2] = [KEYS[event.ends.node % KEYS.length]!, KEYS[event.ends.other % KEYS.length]!];
      if (node1 === node2) return;
      nextId += 65_536n;
      // Ends without an announcement are nodes of LND's graph all the same.
      for (const key of [node1, node2]) if (!nodes.has(key)) nodes.set(key, { key });
      const channel = { id: nextId, node1, node2, capacitySat: CAPACITY_SAT, announced: event.announced };
      channels.set(nextId, channel);
      if (event.announced) everPublic.add(nextId);
      if (event.policies > 0) setPolicy(channel, true, policy(1, true));
      if (event.policies > 1) setPolicy(channels.get(nextId)!, false, policy(2, true));
    },
    announce(event: ModelEvent & { kind: "announce" }) {
      const channel = pickFrom(event.pick, ({ announced }) => !announced);
      if (!channel) return;
      channels.set(channel.id, { ...channel, announced: true });
      everPublic.add(channel.id);
    },
    close(event: ModelEvent & { kind: "close" }) {
      const channel = pickFrom(event.pick, () => true);
      if (!channel) return;
      channels.delete(channel.id);
      const closed = { chan_id: channel.id.toString(), capacity: channel.capacitySat, closed_height: 900_000 };
      if (!event.silent) stream({ closed_chans: [closed] });
    },
    policy(event: ModelEvent & { kind: "policy" }) {
      const channel = pickFrom(event.pick, () => true);
      if (channel) setPolicy(channel, event.first, policy(event.feePpm, event.enabled));
    },
    rename: (event: ModelEvent & { kind: "rename" }) =>
      announceNode(KEYS[event.node % KEYS.length]!, `alias ${event.alias}`),
    "prune-nodes"() {
      const used = new Set([...channels.values()].flatMap(({ node1, node2 }) => [node1, node2]));
      for (const key of nodes.keys()) if (!used.has(key)) nodes.delete(key);
    },
  };
  const publicChannels = () => [...channels.values()].filter(({ announced }) => announced);

  return {
    happen: (event: ModelEvent): void => happen[event.kind](event as never),
    describe: (): Uint8Array =>
      lightning.DescribeGraph.responseSerialize(describeGraphMessage([...nodes.values()], publicChannels())),
    /** The answer of GetChanInfo when signatures are asked for. */
    channel(id: bigint): Uint8Array | undefined {
      const channel = channels.get(id);
      if (!channel) return undefined;
      const [edge] = describeGraphMessage([], [channel]).edges;
      const proof = channel.announced ? { auth_proof: { node_sig1: Buffer.alloc(70, 7) } } : {};
      return lightning.GetChanInfo.responseSerialize({ ...edge, ...proof });
    },
    everPublic,
    /** What is public, as it should be stored. */
    graph: () => graphFromRecords([...nodes.values()], publicChannels()).graph,
  };
}
