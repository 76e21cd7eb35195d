/** Why the answer is what it is: where the payment would break, and what the probability becomes if that part is mended. */
import { both, countWorlds, either, everyWorld, WORDS, WORLDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import { inboundCount, outboundCount, POLICY_KNOWN } from "../graph/channel-graph.ts";
import { AMOUNT_GRID_MSAT } from "../graph/engine.ts";
import { withoutSlots } from "../graph/reach.ts";
import { usableMsat } from "../graph/worlds.ts";
import { chanceOfWorlds } from "../score/interval.ts";
import {
  anyOf,
  bestChannel,
  CLEAR_GAIN,
  chanceOfOther,
  firstHops,
  type IntentCase,
  lastHopSlots,
  leavesFor,
  type NewChannel,
  onwardFrom,
  peersOf,
  ratioOf,
  throughPeer,
} from "./case.ts";
import { PAY_FROM } from "./decide.ts";
import type { Reason } from "./decision.ts";
import { chanceBy, judgeUnder } from "./judge.ts";
import { explainLimits } from "./limit-reasons.ts";
import { isKnown } from "./payer.ts";
import { amountText, countText, nodeText, percentText } from "./wording.ts";

const MOST_REASONS = 4;
/** The reasons of a case, the weightiest first. */
export function explain(question: IntentCase): Reason[] {
  const blocked = explainBlock(question);
  if (blocked) return [blocked];
  const weak = question.chance.probability < PAY_FROM;
  const reasons = [
    explainLimits(question),
    weak ? explainBottleneck(question) : explainStrength(question),
    explainSingleInbound(question),
    weak ? explainOffline(question) : undefined,
  ];
  return reasons.filter((reason) => reason !== undefined).slice(0, MOST_REASONS);
}

/** True when channels towards the target exist and nobody has told on what terms they forward. */
export function policiesUnknown(question: Pick<IntentCase, "graph" | "target">): boolean {
  const { graph, target } = question;
  let channels = 0;
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const towards =
      graph.nodeB[channel] === target ? 2 * channel : graph.nodeA[channel] === target ? 2 * channel + 1 : -1;
    if (towards < 0) continue;
    channels++;
    if ((graph.policies.flags[towards]! & POLICY_KNOWN) !== 0) return false;
  }
  return channels > 0;
}

/** What makes the payment impossible whatever the balances are. */
function explainBlock(question: IntentCase): Reason | undefined {
  const { graph, caller, target } = question;
  if (inboundCount(graph, target) === 0) {
    return {
      code: "target-not-receivable",
      text: "The target is announced, but none of its channels is enabled towards it: nobody can forward to it.",
      wouldChange: mendLastHop(question),
    };
  }
  if (lastHopSlots(question).length === 0) return explainAmount(question);
  if (isKnown(question) && firstHops(question).length === 0) {
    const announced =
      caller >= 0 && outboundCount(graph, caller) === 0
        ? "has no channel enabled in its own direction"
        : "has no channel that admits this amount in its own direction";
    return {
      code: "caller-cannot-send",
      text: `The caller ${question.own ? "told of no channel that holds this amount" : announced}.`,
      wouldChange: mendFirstHop(question),
    };
  }
  return undefined;
}

/** The amount lies outside what every channel into the target admits. */
function explainAmount(question: IntentCase): Reason {
  const { graph, target, amountMsat } = question;
  const { minHtlcMsat, maxHtlcMsat } = graph.policies;
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (let slot = graph.rows.inStart[target]!; slot < graph.rows.inStart[target + 1]!; slot++) {
    const arc = graph.rows.inArc[slot]!;
    least = Math.min(least, minHtlcMsat[arc]!);
    most = Math.max(most, Math.min(maxHtlcMsat[arc]!, Math.floor(usableMsat(graph, arc >>> 1))));
  }
  const above = amountMsat > most;
  // Of an amount that others are asked about too, the worlds are at hand.
  const common = AMOUNT_GRID_MSAT.filter((amount) => least <= amount && amount <= most);
  const nearest = (above ? common.at(-1) : common[0]) ?? (above ? most : least);
  const { probability } = chanceOfOther(question, { amountMsat: nearest });
  return {
    code: above ? "amount-above-limits" : "amount-below-minimum",
    text: above
      ? `No channel into the target admits more than ${amountText(most)} in one part.`
      : `No channel into the target admits less than ${amountText(least)}.`,
    wouldChange: `With ${amountText(nearest)}: ${percentText(probability)}.`,
  };
}

/** First hop, middle or last hop: the part that fails most often decides. */
function explainBottleneck(question: IntentCase): Reason {
  const { chance } = question;
  const known = isKnown(question);
  const slots = lastHopSlots(question);
  const last = anyOf(question, slots);
  const lastRatio = ratioOf(last);
  const first = known
    ? firstHops(question).reduce((any, { worlds }) => either(any, worlds), new Int32Array(WORDS))
    : everyWorld();
  const ends = both(first, last);
  const middle = known ? middleRatio(question, ends) : chance.probability / Math.max(lastRatio, 1 / WORLDS);
  if (lastRatio <= ratioOf(first) && lastRatio <= middle) {
    return {
      code: "last-hop-decides",
      text: `The last hop decides: ${countText(slots.length, "channel")} into the target can take ${amountText(question.amountMsat)}, and at least one has it in ${percentText(lastRatio)} of the worlds that fit what is known.`,
      wouldChange: openLastHop(question, slots),
    };
  }
  if (ratioOf(first) <= middle) {
    return {
      code: "first-hop-decides",
      text: `The first hop decides: a channel of the caller can send ${amountText(question.amountMsat)} in ${percentText(ratioOf(first))} of the worlds that fit what is known.`,
      wouldChange: openFirstHop(question),
    };
  }
  const open = known ? ratioOf(ends) : lastRatio;
  return {
    code: "middle-decides",
    text: `The middle of the network decides: with both ends open, a way between them exists in ${percentText(middle)} of the worlds.`,
    wouldChange: `If any way through the middle existed: ${percentText(open)}.`,
  };
}

function middleRatio(question: IntentCase, ends: WorldSet): number {
  const open = countWorlds(ends);
  return open === 0 ? 1 : countWorlds(question.leaves) / open;
}

/** From the target's peers, whose channels to it then hold the amount in every world in which it is online. */
function openLastHop(question: IntentCase, slots: readonly number[]): string | null {
  const { engine, graph, caller, target, chance } = question;
  const online = worldsAt(engine.worlds.online, target);
  const peers = slots.map((slot) => graph.rows.inTail[slot]!);
  const starts = [{ node: target, worlds: everyWorld() }, ...peers.map((node) => ({ node, worlds: online }))];
  const { probability } = chanceBy(engine, question, question, engine.withinFrom(question, starts));
  const directly = peers.includes(caller) ? ratioOf(online) : 0;
  return `If these channels held the amount: ${percentText(Math.max(chance.probability, probability, directly))}.`;
}

function openFirstHop(question: IntentCase): string | null {
  const open = peersOf(question).map((peer) => throughPeer(question, peer));
  const probability = ratioOf(open.reduce(either, question.leaves));
  return `If the caller held the amount in each of its channels: ${percentText(probability)}.`;
}

/** All payments squeeze through one channel: a second one, from wherever the caller gets best, would change that. */
function explainSingleInbound(question: IntentCase): Reason | undefined {
  const { graph, target } = question;
  if (inboundCount(graph, target) !== 1) return undefined;
  const peer = graph.rows.inTail[graph.rows.inStart[target]!]!;
  return {
    code: "single-inbound-channel",
    text: `Everything to the target must pass one channel, from ${nodeText(graph, peer)}.`,
    wouldChange: mendLastHop(question),
  };
}

/** The best funded channel somebody could open to the target; none when the caller is unknown or nothing helps. */
function mendLastHop(question: IntentCase): string | null {
  const best = bestChannelFrom(question);
  if (!best) return null;
  const { probability } = chanceOfWorlds(best.worlds);
  return `With a funded channel from ${nodeText(question.graph, best.node)}: ${percentText(probability)}.`;
}

function mendFirstHop(question: IntentCase): string | null {
  const best = bestChannelTo(question);
  if (!best) return null;
  const { probability } = chanceOfWorlds(best.worlds);
  return `With a funded channel to ${nodeText(question.graph, best.node)}: ${percentText(probability)}.`;
}

/** The peer to which a channel from the caller helps most. Exact, and needs no pass: R(caller) ∪ (online(p) ∩ R(p)). */
export function bestChannelTo(question: IntentCase): NewChannel | undefined {
  return bestChannel(question, question.within, (node) => node * WORDS);
}

/** The node from which a channel to the target, free of charge, helps most: R(caller) ∪ (Q(p) ∩ online(target)). */
export function bestChannelFrom(question: IntentCase): NewChannel | undefined {
  const { engine, target, limits, leaves } = question;
  if (!isKnown(question) || limits.maxHops < 2) return undefined;
  const best = bestChannel(question, onwardFrom(question), () => target * WORDS);
  if (!best || !question.isLimited) return best;
  const gained = both(leavesFor(question, best.node, 1), worldsAt(engine.worlds.online, target));
  return { node: best.node, worlds: either(leaves, gained) };
}

/** Conditional on a world set that is already there: no pass. */
function explainOffline(question: IntentCase): Reason | undefined {
  const { engine, target, chance } = question;
  const online = worldsAt(engine.worlds.online, target);
  const probability = Math.min(1, chance.probability / Math.max(ratioOf(online), 1 / WORLDS));
  if (!isKnown(question) || probability - chance.probability < CLEAR_GAIN) return undefined;
  return {
    code: "target-may-be-offline",
    text: `The target is online in ${percentText(ratioOf(online))} of the worlds; only its peers' announcements speak for it.`,
    wouldChange: `If it is known to be online: ${percentText(probability)}.`,
  };
}

/** A sure payment: how much it hangs on the best channel into the target. */
function explainStrength(question: IntentCase): Reason {
  const { engine, graph, amountMsat } = question;
  const slots = lastHopSlots(question);
  const masks = engine.masks(amountMsat);
  const best = slots.reduce((a, b) => (countWorlds(masks.words, b) > countWorlds(masks.words, a) ? b : a));
  const { probability } = judgeUnder(engine, question, question, withoutSlots(masks, [best]));
  return {
    code: "many-ways-in",
    text: `${countText(slots.length, "channel")} into the target can take ${amountText(amountMsat)}.`,
    wouldChange: `Without the best of them, from ${nodeText(graph, graph.rows.inTail[best]!)}: ${percentText(probability)}.`,
  };
}
