/** GET /api/nodes/{id}: all that is known about one node. Paid. */
import { z } from "zod";
import type { StoredNode } from "../../../adapters/postgres/graph.ts";
import { FLAG_CODES } from "../../../core/profile/flags.ts";
import { MOST_DAYS } from "../../../core/profile/history.ts";
import { MOST_LISTED } from "../../../core/profile/list-channels.ts";
import type { ProfileRequest } from "../../../core/profile/make-profile.ts";
import { MOST_SEEDS } from "../../../core/profile/seeds.ts";
import type { Msat, UnixSeconds } from "../../../core/units.ts";
import {
  type FindPorts,
  findSubject,
  type HistoryPorts,
  openRemembering,
} from "../../../oracle/profile/answer-profile.ts";
import type { ProfileAnswer } from "../../verdict-graph.ts";
import type { Contract, PaidOperation } from "../operation.ts";
import { amountMsat, belief, hash, interval, nodeKey, probability, subject, unixTime } from "../schemas.ts";

const sat = z.int().min(0).meta({ description: "Satoshis" });
const count = z.int().min(0);
const feeMsat = z.int().min(0).meta({ description: "Millisatoshis" });
const ageSec = z.int().min(0).nullable();
const digits = z.string().regex(/^\d+$/);
const rank = z.int().min(0).max(100);
const chance = z.object({ probability, interval });
const observed = z.object({ count, newestAt: unixTime.nullable() });
const quantiles = z.object({ p10: z.number(), p50: z.number(), p90: z.number() });
const policies = z
  .object({ feeBaseMsat: quantiles, feePpm: quantiles, cltvDelta: quantiles, maxHtlcMsat: quantiles })
  .nullable();
const cost = z.object({ feeMsat, cltvDelta: z.int().min(0).meta({ description: "Blocks" }) }).nullable();
const costs = z.object({
  cheapest: cost.meta({ description: "To the nearest seed" }),
  median: cost.meta({ description: "Half of the seeds are no further" }),
});
const policy = z
  .object({
    enabled: z.boolean(),
    feeBaseMsat: feeMsat,
    feePpm: count,
    cltvDelta: count,
    minHtlcMsat: amountMsat,
    maxHtlcMsat: amountMsat,
    updatedAt: unixTime.nullable(),
  })
  .nullable();
const channel = z.object({
  channelId: digits.meta({ description: "Short channel id as LND prints it" }),
  peer: nodeKey,
  capacitySat: sat,
  fundingBlock: count.nullable(),
  inbound: policy.meta({ description: "Announced by the peer, for payments to the node; null: nothing" }),
  outbound: policy.meta({ description: "Announced by the node" }),
});

const ways = z
  .object({
    seeds: count.max(MOST_SEEDS).meta({ description: "Old or forwarding nodes that flows start from" }),
    mostSat: sat.meta({ description: "Max-flow from the seeds, were every balance on the right side" }),
    expectedSat: sat.meta({ description: "The same with expected balances" }),
    amountMsat: amountMsat.meta({ description: "What the paths below can carry" }),
    channelDisjointPaths: count,
    nodeDisjointPaths: count.meta({ description: "At most one per seed" }),
    onlyChannel: digits.nullable().meta({ description: "Without it no path is left; null: no single one" }),
    onlyNode: nodeKey.nullable(),
  })
  .nullable()
  .meta({ description: "Null where no seed can be chosen" });
const dependence = z.object({
  cutOffBy: nodeKey.nullable().meta({ description: "The nearest node without which it loses the network" }),
  dependents: count.meta({ description: "Nodes that lose the network without it" }),
  amountMsat,
  withAll: chance.nullable(),
  withoutPeer: z.array(chance.extend({ peer: nodeKey })).meta({ description: "What is left without one neighbour" }),
});
const answer = z.object({
  key: nodeKey,
  alias: z.string(),
  standing: z.enum(["receivable", "disabled", "insufficient"]).meta({
    description: "Some direction to it is enabled; all known ones are disabled; none is known",
  }),
  rank: z
    .object({ rank, low: rank, high: rank, scoredAt: unixTime })
    .nullable()
    .meta({ description: "As in the ranking" }),
  receivable: z.array(chance.extend({ amountMsat })).meta({ description: "From a typical caller, by amount" }),
  ways,
  dependence,
  core: z
    .object({ amountMsat, fromCore: costs, toCore: costs })
    .nullable()
    .meta({ description: "Least fee and its lock between the node and the seeds; null where no seed can be chosen" }),
  survival: z
    .array(z.object({ days: count, probability, interval }))
    .meta({ description: "That it can still be paid after so many days; empty when it cannot be paid now" }),
  liveness: chance.extend({
    observations: count.meta({ description: "What was observed of it in the last three days" }),
    newestAgeSec: ageSec,
    announcedAgeSec: ageSec.meta({ description: "Of its newest announcement" }),
  }),
  forwarding: z
    .object({
      forwarded: observed,
      short: observed.meta({ description: "Its balance did not allow it" }),
      refused: observed.meta({ description: "Stale policy, or channel gone" }),
      faulty: observed,
      reached: observed.meta({ description: "An HTLC for it arrived" }),
      away: observed.meta({ description: "A neighbour had no connection to it" }),
      passedTo: count.meta({ description: "Distinct nodes it passed amounts on to" }),
    })
    .meta({ description: "What our probes and payments saw in the last three days" }),
  gossip: z.object({
    channels: count,
    liveChannels: count,
    livePeers: count,
    capacitySat: sat,
    enabledInbound: count,
    enabledOutbound: count,
    inboundSat: sat,
    outboundSat: sat,
    ownPolicies: policies,
    policiesTowards: policies,
  }),
  flags: z.array(z.object({ code: z.enum(FLAG_CODES), text: z.string() })),
  unjudged: z.array(z.enum(FLAG_CODES)).meta({ description: "Flags that too little is known for" }),
  history: z.object({
    watchedSince: unixTime.nullable(),
    days: z
      .array(z.object({ startsAt: unixTime, opened: count, closed: count, channels: z.int() }))
      .max(MOST_DAYS)
      .meta({ description: "Days with a change, the newest ones" }),
  }),
  channels: z.object({
    total: count,
    listed: z.array(channel).max(MOST_LISTED).meta({ description: "The largest first" }),
  }),
  belief,
  seed: z.int().meta({ description: "Of the worlds' draws" }),
  model: z.string().meta({ description: "Names the computation" }),
  graphDigest: hash.meta({ description: "SHA-256 of the graph that was asked" }),
  asOf: unixTime.meta({ description: "When that graph was read from the node" }),
});
const params = z.object({ id: subject });

type Params = z.infer<typeof params>;
type Answer = z.infer<typeof answer>;

export const getNodeContract = {
  operation: "getNode",
  method: "get",
  path: "/api/nodes/{id}",
  summary: "All that is known about one node",
  params,
  response: answer,
} as const satisfies Contract;

export type NodePorts = FindPorts<StoredNode> &
  HistoryPorts & {
    /** @throws GRAPH_NOT_READY, SUBJECT_UNKNOWN, OVERLOADED, TIMED_OUT */
    profile(request: ProfileRequest): Promise<ProfileAnswer>;
    /** @throws GRAPH_NOT_READY before the first graph; OVERLOADED when too many profiles are being made */
    assertProfiling(): void;
    now(): UnixSeconds;
  };

export function getNode(ports: NodePorts, price: Msat): PaidOperation<Params, StoredNode, Answer> {
  const remember = openRemembering(ports);
  return {
    ...getNodeContract,
    price,
    async prepare({ id }) {
      ports.assertProfiling();
      const node = await findSubject(ports, id);
      ports.assertProfiling();
      return node;
    },
    async answer({ keyHex, score }) {
      const made = await ports.profile(await remember(keyHex, ports.now()));
      return present(made, score);
    },
  };
}

/** The profile as JSON carries it: amounts of payments as decimal text. */
function present({ profile, belief, graphDigest, asOf }: ProfileAnswer, score: StoredNode["score"]): Answer {
  const { nodeKey: key, receivable, ways, dependence, core, forwarding, channels, survival, ...rest } = profile;
  const { passedTo, ...counts } = forwarding;
  return {
    ...rest,
    key,
    rank: score ? { rank: score.rank, low: score.rankLow, high: score.rankHigh, scoredAt: score.scoredAt } : null,
    receivable: receivable.map((each) => ({ ...each, amountMsat: String(each.amountMsat) })),
    ways: ways && { ...ways, amountMsat: String(ways.amountMsat) },
    dependence: {
      ...dependence,
      amountMsat: String(dependence.amountMsat),
      withoutPeer: [...dependence.withoutPeer],
    },
    core: core && { ...core, amountMsat: String(core.amountMsat) },
    survival: survival.map(({ days, probability, low, high }) => ({ days, probability, interval: { low, high } })),
    forwarding: { ...mapCounts(counts), passedTo: passedTo.size },
    flags: [...rest.flags],
    unjudged: [...rest.unjudged],
    history: { ...rest.history, days: [...rest.history.days] },
    channels: { total: channels.total, listed: channels.listed.map(presentChannel) },
    belief: { ...belief, position: String(belief.position) },
    graphDigest,
    asOf,
  };
}

type Counts = Omit<ProfileAnswer["profile"]["forwarding"], "passedTo">;

function mapCounts(counts: Counts): Omit<Answer["forwarding"], "passedTo"> {
  const dated = ({ count, newestAt }: Counts["forwarded"]) => ({ count, newestAt: count === 0 ? null : newestAt });
  const { forwarded, short, refused, faulty, reached, away } = counts;
  return {
    forwarded: dated(forwarded),
    short: dated(short),
    refused: dated(refused),
    faulty: dated(faulty),
    reached: dated(reached),
    away: dated(away),
  };
}

type Listed = ProfileAnswer["profile"]["channels"]["listed"][number];

function presentChannel(channel: Listed): Answer["channels"]["listed"][number] {
  return { ...channel, inbound: presentPolicy(channel.inbound), outbound: presentPolicy(channel.outbound) };
}

function presentPolicy(policy: Listed["inbound"]) {
  if (!policy) return null;
  return { ...policy, minHtlcMsat: String(policy.minHtlcMsat), maxHtlcMsat: String(policy.maxHtlcMsat) };
}
