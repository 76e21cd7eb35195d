/** A profile as JSON carries it: amounts as decimal text. */
import type { z } from "zod";
import type { StoredNode } from "../../../adapters/postgres/graph.ts";
import type { NodeOperator } from "../../../adapters/postgres/node-operator.ts";
import type { CoreCost, CoreCosts } from "../../../core/profile/core-fee.ts";
import type { Count } from "../../../core/profile/forwarding.ts";
import type { PolicyFacts, Quantiles } from "../../../core/profile/gossip.ts";
import type { ListedPolicy } from "../../../core/profile/list-channels.ts";
import type { NodeProfile } from "../../../core/profile/profile.ts";
import type { ProfileAnswer } from "../../verdict-graph.ts";
import type { nodeProfile } from "./node-profile.ts";

type Answer = z.infer<typeof nodeProfile>;

/** The answer, with what is stored of the node: its rank, and who runs it. */
export function presentNode(
  made: ProfileAnswer,
  { score, operator }: { score: StoredNode["score"]; operator: NodeOperator | undefined },
): Answer {
  const { profile, belief, graphDigest, asOf } = made;
  const { nodeKey, alias, standing, receivable, survival, liveness, unjudged, history, channels, seed, model } =
    profile;
  return {
    key: nodeKey,
    alias,
    standing,
    operator: operator ? presentOperator(operator) : null,
    rank: score ? { rank: score.rank, low: score.rankLow, high: score.rankHigh, scoredAt: score.scoredAt } : null,
    receivable: receivable.map((each) => ({ ...each, amountMsat: String(each.amountMsat) })),
    ...presentPlace(profile),
    survival: survival.map(({ days, probability, low, high }) => ({ days, probability, interval: { low, high } })),
    liveness,
    forwarding: presentForwarding(profile.forwarding),
    gossip: presentGossip(profile.gossip),
    flags: [...profile.flags],
    unjudged: [...unjudged],
    history: { ...history, days: [...history.days] },
    channels: {
      total: channels.total,
      listed: channels.listed.map((each) => ({
        ...each,
        capacitySat: String(each.capacitySat),
        inbound: presentPolicy(each.inbound),
        outbound: presentPolicy(each.outbound),
      })),
    },
    belief: { ...belief, position: String(belief.position) },
    seed,
    model,
    graphDigest,
    asOf,
  };
}

function presentOperator({ pubkey, proof, since, info }: NodeOperator): Answer["operator"] {
  const { about = null, minChannelSat, maxChannelSat } = info ?? {};
  const amounts = { minChannelSat: text(minChannelSat), maxChannelSat: text(maxChannelSat) };
  return { pubkey, proof, since, about, ...amounts };
}

const text = (amount: bigint | undefined) => (amount === undefined ? null : String(amount));

/** Where the node stands in the network. */
function presentPlace({ ways, dependence, core }: NodeProfile): Pick<Answer, "ways" | "dependence" | "core"> {
  return {
    ways: ways && {
      ...ways,
      mostSat: String(ways.mostSat),
      expectedSat: String(ways.expectedSat),
      amountMsat: String(ways.amountMsat),
    },
    dependence: {
      ...dependence,
      amountMsat: String(dependence.amountMsat),
      withoutPeer: [...dependence.withoutPeer],
    },
    core: core && {
      amountMsat: String(core.amountMsat),
      fromCore: presentCosts(core.fromCore),
      toCore: presentCosts(core.toCore),
    },
  };
}

function presentCosts({ cheapest, median }: CoreCosts) {
  const told = (cost: CoreCost | null) => cost && { ...cost, feeMsat: String(cost.feeMsat) };
  return { cheapest: told(cheapest), median: told(median) };
}

function presentForwarding({ passedTo, ...counts }: NodeProfile["forwarding"]): Answer["forwarding"] {
  const dated = ({ count, newestAt }: Count) => ({ count, newestAt: count === 0 ? null : newestAt });
  return {
    forwarded: dated(counts.forwarded),
    short: dated(counts.short),
    refused: dated(counts.refused),
    faulty: dated(counts.faulty),
    reached: dated(counts.reached),
    away: dated(counts.away),
    passedTo: passedTo.size,
  };
}

function presentGossip(gossip: NodeProfile["gossip"]): Answer["gossip"] {
  return {
    ...gossip,
    capacitySat: String(gossip.capacitySat),
    inboundSat: String(gossip.inboundSat),
    outboundSat: String(gossip.outboundSat),
    ownPolicies: presentPolicies(gossip.ownPolicies),
    policiesTowards: presentPolicies(gossip.policiesTowards),
  };
}

function presentPolicies(facts: PolicyFacts | null) {
  const text = ({ p10, p50, p90 }: Quantiles) => ({ p10: String(p10), p50: String(p50), p90: String(p90) });
  return facts && { ...facts, feeBaseMsat: text(facts.feeBaseMsat), maxHtlcMsat: text(facts.maxHtlcMsat) };
}

function presentPolicy(policy: ListedPolicy | null) {
  return (
    policy && {
      ...policy,
      feeBaseMsat: String(policy.feeBaseMsat),
      minHtlcMsat: String(policy.minHtlcMsat),
      maxHtlcMsat: String(policy.maxHtlcMsat),
    }
  );
}
