/** What GET /api/nodes/{id} answers. All that is named …Msat or …Sat is decimal text. */
import { z } from "zod";
import { FLAG_CODES } from "../../../core/profile/flags.ts";
import { MOST_DAYS } from "../../../core/profile/history.ts";
import { MOST_LISTED } from "../../../core/profile/list-channels.ts";
import { MOST_SEEDS } from "../../../core/profile/seeds.ts";
import { amountMsat, belief, hash, interval, nodeKey, probability, unixTime } from "../schemas.ts";

const sat = z.string().regex(/^\d+$/).meta({ description: "Satoshis" });
const count = z.int().min(0);
const ageSec = z.int().min(0).nullable();
const digits = z.string().regex(/^\d+$/);
const rank = z.int().min(0).max(100);
const chance = z.object({ probability, interval });
const observed = z.object({ count, newestAt: unixTime.nullable() });
const quantiles = z.object({ p10: count, p50: count, p90: count });
const quantilesMsat = z.object({ p10: amountMsat, p50: amountMsat, p90: amountMsat });
const policies = z
  .object({ feeBaseMsat: quantilesMsat, feePpm: quantiles, cltvDelta: quantiles, maxHtlcMsat: quantilesMsat })
  .nullable();
const cost = z.object({ feeMsat: amountMsat, cltvDelta: z.int().min(0).meta({ description: "Blocks" }) }).nullable();
const costs = z.object({
  cheapest: cost.meta({ description: "To the nearest seed" }),
  median: cost.meta({ description: "Half of the seeds are no further" }),
});
const policy = z
  .object({
    enabled: z.boolean(),
    feeBaseMsat: amountMsat,
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
export const nodeProfile = z.object({
  key: nodeKey,
  alias: z.string(),
  standing: z.enum(["receivable", "disabled", "insufficient"]).meta({
    description: "Some direction to it is enabled; all known ones are disabled; none is known",
  }),
  operator: z
    .object({
      pubkey: hash.meta({ description: "Nostr key" }),
      proof: z.enum(["clip", "nip98"]).meta({ description: "The node's announcement, or its claim here" }),
      since: unixTime,
      about: z.string().nullable().meta({ description: "What the key says of the node" }),
      minChannelSat: sat.nullable().meta({ description: "Of channels that others open, as the key says" }),
      maxChannelSat: sat.nullable(),
    })
    .nullable()
    .meta({ description: "Who runs it, by the node's own signature; null: nobody has shown it" }),
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
