/** What else the caller could do: another amount, another first or last hop, another node to pay. At most one of each. */
import { countBits, countWorlds, GROUP, WORDS } from "../graph/bits.ts";
import { inboundCount, nodeKeyHex } from "../graph/channel-graph.ts";
import { AMOUNT_GRID_MSAT, CENTRAL_GROUP } from "../graph/engine.ts";
import { reachedAt } from "../graph/reached.ts";
import { type Chance, chanceOfWorlds } from "../score/interval.ts";
import type { Msat } from "../units.ts";
import { CLEAR_GAIN, chanceOfOther, type IntentCase, onwardFrom, peersOf, ratioOf, throughPeer } from "./case.ts";
import { PAY_FROM } from "./decide.ts";
import type { Alternative } from "./decision.ts";
import { isKnown } from "./payer.ts";
import { bestChannelFrom, bestChannelTo } from "./reasons.ts";
import { amountText, nodeText } from "./wording.ts";

/** Up to three alternatives, the likeliest first. */
export function findAlternatives(question: IntentCase): Alternative[] {
  const found = [otherAmount(question), otherHop(question), otherTarget(question)];
  return found.filter((one) => one !== undefined).sort((a, b) => b.probability - a.probability);
}

/** The largest amount of the grid that arrives with probability 0.9, above or below what was asked. */
function otherAmount(question: IntentCase): Alternative | undefined {
  const { amountMsat, chance } = question;
  const sure = chance.probability >= PAY_FROM;
  const at = (amount: number) => chanceOfOther(question, { amountMsat: amount });
  const isSure = (amount: number) => at(amount).probability >= PAY_FROM;
  // Below the grid it is minimums that decide, so the way out is up, as it is for a payment that is sure already.
  const up = sure || amountMsat < AMOUNT_GRID_MSAT[0];
  const grid = AMOUNT_GRID_MSAT.filter((amount) => (up ? amount > amountMsat : amount < amountMsat));
  // A first look says where the sure amounts end; exact passes move from there.
  let index = lastSure(question, grid);
  if (index >= 0 && isSure(grid[index]!)) {
    while (index + 1 < grid.length && isSure(grid[index + 1]!)) index++;
  } else {
    do index--;
    while (index >= 0 && !isSure(grid[index]!));
  }
  if (index >= 0) return amountAlternative(grid[index]!, at(grid[index]!), up);
  const smaller = up ? undefined : grid.findLast((amount) => amount <= amountMsat / 10);
  if (smaller === undefined) return undefined;
  const other = at(smaller);
  return other.probability >= chance.probability + CLEAR_GAIN ? amountAlternative(smaller, other, false) : undefined;
}

/** Index of the largest amount that a look at 32 worlds finds sure, whatever the route costs, or -1. */
function lastSure(question: IntentCase, grid: readonly number[]): number {
  const { engine, caller, own } = question;
  const sets = engine.gridTo(question.target);
  return grid.findLastIndex((amount) => {
    const word = AMOUNT_GRID_MSAT.indexOf(amount as (typeof AMOUNT_GRID_MSAT)[number]);
    if (own) {
      let worlds = 0;
      for (const { peer, spendableMsat } of own) {
        if (spendableMsat < amount) continue;
        worlds |= reachedAt(sets, peer)[word]! & engine.worlds.online[peer * WORDS + CENTRAL_GROUP]!;
      }
      return countBits(worlds) / GROUP >= PAY_FROM;
    }
    const ratio = (node: number) => countBits(reachedAt(sets, node)[word]!) / GROUP;
    if (caller >= 0) return ratio(caller) >= PAY_FROM;
    const others = question.references.filter(({ node }) => node !== question.target);
    const total = others.reduce((sum, { weight }) => sum + weight, 0);
    return others.reduce((sum, { node, weight }) => sum + weight * ratio(node), 0) >= PAY_FROM * total;
  });
}

function amountAlternative(amountMsat: number, chance: Chance, more: boolean): Alternative {
  const text = `Send ${more ? "as much as " : ""}${amountText(amountMsat)} at once${more ? "" : " instead"}.`;
  const code = more ? "larger-amount" : "smaller-amount";
  return { kind: "amount", code, text, amountMsat: BigInt(amountMsat) as Msat, node: null, ...chance };
}

/** A peer the caller has, if it holds the amount there; else the new channel, at either end, that helps most. */
function otherHop(question: IntentCase): Alternative | undefined {
  const floor = question.chance.probability + CLEAR_GAIN;
  const { graph } = question;
  let peer = -1;
  let peerRatio = 0;
  for (const each of peersOf(question)) {
    if (each === question.target && !question.own) continue;
    const ratio = ratioOf(throughPeer(question, each));
    if (ratio > peerRatio) [peer, peerRatio] = [each, ratio];
  }
  if (peer >= 0 && peerRatio >= floor) {
    const held = question.own ? "once the channel there holds" : "if the channel there holds";
    const text = `Send through ${nodeText(graph, peer)}, ${held} the amount.`;
    return hopAlternative(question, "send-through-peer", peer, text, chanceOfWorlds(throughPeer(question, peer)));
  }
  const to = bestChannelTo(question);
  const from = bestChannelFrom(question);
  const ratio = (channel: typeof to) => (channel ? ratioOf(channel.worlds) : 0);
  if (to && ratio(to) >= floor && ratio(to) >= ratio(from)) {
    const text = `Open a channel to ${nodeText(graph, to.node)}.`;
    return hopAlternative(question, "open-channel-to", to.node, text, chanceOfWorlds(to.worlds));
  }
  if (from && ratio(from) >= floor) {
    const text = `Have ${nodeText(graph, from.node)} open a channel to the target.`;
    return hopAlternative(question, "channel-to-target-from", from.node, text, chanceOfWorlds(from.worlds));
  }
  return undefined;
}

const KINDS = {
  "send-through-peer": "first-hop",
  "open-channel-to": "first-hop",
  "channel-to-target-from": "last-hop",
  "pay-neighbour": "target",
} as const;

function hopAlternative(
  question: IntentCase,
  code: keyof typeof KINDS,
  node: number,
  text: string,
  chance: Chance,
): Alternative {
  const amountMsat = BigInt(question.amountMsat) as Msat;
  return { kind: KINDS[code], code, text, amountMsat, node: nodeKeyHex(question.graph, node), ...chance };
}

/** A neighbour of the target that the caller reaches more surely: useful where both offer the same. */
function otherTarget(question: IntentCase): Alternative | undefined {
  const { graph, caller, target, chance } = question;
  const { inStart, inTail, outStart, outHead } = graph.rows;
  const neighbours = new Set([
    ...inTail.subarray(inStart[target]!, inStart[target + 1]!),
    ...outHead.subarray(outStart[target]!, outStart[target + 1]!),
  ]);
  neighbours.delete(caller);
  neighbours.delete(target);
  const live = [...neighbours].filter((node) => inboundCount(graph, node) > 0);
  if (live.length === 0) return undefined;
  const byInbound = (a: number, b: number) => (inboundCount(graph, b) > inboundCount(graph, a) ? b : a);
  let other = live.reduce(byInbound);
  let otherChance: Chance;
  if (isKnown(question)) {
    const forward = onwardFrom(question);
    const worlds = (node: number) => countWorlds(reachedAt(forward, node));
    other = live.reduce((a, b) => (worlds(a) === worlds(b) ? byInbound(a, b) : worlds(b) > worlds(a) ? b : a));
    otherChance = chanceOfWorlds(reachedAt(forward, other));
    const promises = otherChance.probability >= chance.probability + CLEAR_GAIN;
    if (promises && question.isLimited) otherChance = chanceOfOther(question, { target: other });
  } else {
    otherChance = chanceOfOther(question, { target: other });
  }
  if (otherChance.probability < chance.probability + CLEAR_GAIN) return undefined;
  const text = `Pay ${nodeText(graph, other)}, a neighbour of the target, if it offers the same.`;
  return hopAlternative(question, "pay-neighbour", other, text, otherChance);
}
