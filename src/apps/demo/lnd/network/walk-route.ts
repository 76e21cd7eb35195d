/**
 * Carries one HTLC along a route, through the balances nobody sees, the way LND's nodes would forward it.
 *
 * Forwarding is not strict: a node may use any of its channels with the next one. Walking changes nothing: money that
 * is under way is locked, and then given to the other end or back.
 */
import type { Failure, FailureCode } from "./failure.ts";
import { feeOf, headOf, type Network } from "./network.ts";
import type { Hop, Route } from "./route.ts";

/** One channel direction used, with the amount that crosses it. */
export type Leg = { arc: number; amountMsat: number };

/** `legs` are those it has crossed, also when it comes back. */
export type Walk = { arrived: true; legs: Leg[] } | { arrived: false; legs: Leg[]; failure: Failure };

/** Blocks an outgoing HTLC must have left, and may have at most (LND: outgoing-cltv-reject, max-cltv-expiry). */
const MIN_BLOCKS_LEFT = 3;
const MAX_BLOCKS_LEFT = 2_016;

/** Whether an HTLC sent by `source` at block `height` reaches the last node of the route. */
export function walkRoute(network: Network, source: number, route: Route, height: number): Walk {
  const legs: Leg[] = [];
  let at = source;
  let incoming = { amountMsat: 0, expiry: 0 };
  for (const [position, hop] of route.hops.entries()) {
    const previous = route.hops[position - 1];
    const outgoing = previous
      ? { amountMsat: previous.forwardMsat, expiry: previous.expiry }
      : { amountMsat: route.totalMsat, expiry: route.totalTimeLock };
    const forward = { at, hop, incoming: previous && incoming, outgoing, height, legs };
    const choice = chooseArc(network, forward);
    if (typeof choice === "string") {
      const arc = choice === "UNKNOWN_NEXT_PEER" ? undefined : arcOf(network, hop.channelId, at);
      const htlcMsat = choice === "FEE_INSUFFICIENT" || choice === "AMOUNT_BELOW_MINIMUM" ? incoming.amountMsat : 0;
      const failure = { code: choice, sourceIndex: position, htlcMsat, ...(arc !== undefined && { arc }) };
      return { arrived: false, legs, failure };
    }
    legs.push({ arc: choice, amountMsat: outgoing.amountMsat });
    at = hop.node;
    incoming = outgoing;
  }
  const last = route.hops.at(-1)!;
  if (incoming.amountMsat < last.forwardMsat) {
    return { arrived: false, legs, failure: { code: "FINAL_INCORRECT_HTLC_AMOUNT", sourceIndex: route.hops.length } };
  }
  if (incoming.expiry < last.expiry) {
    return { arrived: false, legs, failure: { code: "FINAL_INCORRECT_CLTV_EXPIRY", sourceIndex: route.hops.length } };
  }
  return { arrived: true, legs };
}

/** Takes what crosses each channel out of its sender's balance; it is nobody's until it is given on or back. */
export function lockLegs(network: Network, legs: readonly Leg[]): void {
  for (const { arc, amountMsat } of legs) {
    network.balanceMsat[arc]! -= amountMsat;
    network.lockedMsat[arc]! += amountMsat;
  }
}

/** Gives what is locked to the other ends. What a channel holds in all stays the same. */
export function settleLegs(network: Network, legs: readonly Leg[]): void {
  for (const { arc, amountMsat } of legs) {
    network.lockedMsat[arc]! -= amountMsat;
    network.balanceMsat[arc ^ 1]! += amountMsat;
  }
}

/** Gives what is locked back to where it came from. */
export function returnLegs(network: Network, legs: readonly Leg[]): void {
  for (const { arc, amountMsat } of legs) {
    network.lockedMsat[arc]! -= amountMsat;
    network.balanceMsat[arc]! += amountMsat;
  }
}

type Htlc = { amountMsat: number; expiry: number };
type Forward = { at: number; hop: Hop; incoming: Htlc | undefined; outgoing: Htlc; height: number; legs: Leg[] };

/** The channel the node sends over, or why it sends nothing. The sender itself keeps to the channel it named. */
function chooseArc(network: Network, forward: Forward): number | FailureCode {
  const { at, hop, incoming } = forward;
  const named = arcOf(network, hop.channelId, at);
  if (named === undefined || headOf(network, named) !== hop.node || !network.online[hop.node]) {
    return "UNKNOWN_NEXT_PEER";
  }
  // Back over the channel it came from, which LND takes for a mistake.
  if (forward.legs.at(-1)?.arc === (named ^ 1)) return "TEMPORARY_CHANNEL_FAILURE";
  const refusal = refuse(network, named, forward);
  if (refusal === undefined) return named;
  if (!incoming) return refusal;

  const others = parallelArcs(network, at, hop.node).filter((arc) => arc !== named);
  const willing = others.filter((arc) => refuse(network, arc, forward) === undefined);
  const widest = willing.sort((a, b) => network.balanceMsat[b]! - network.balanceMsat[a]!)[0];
  return widest ?? refusal;
}

/** The checks of LND's link, in its order: fee, amounts, time locks, balance, time-lock delta. */
function refuse(network: Network, arc: number, forward: Forward): FailureCode | undefined {
  const { incoming, outgoing, height, legs } = forward;
  const { amountMsat, expiry } = outgoing;
  if (network.linkDown[arc]) return "UNKNOWN_NEXT_PEER";
  if (incoming) {
    const offered = incoming.amountMsat - amountMsat;
    if (network.refuses[arc] || offered < feeOf(network, arc, amountMsat)) return "FEE_INSUFFICIENT";
  }
  if (amountMsat < network.minHtlcMsat[arc]!) return "AMOUNT_BELOW_MINIMUM";
  if (amountMsat > network.maxHtlcMsat[arc]!) return "TEMPORARY_CHANNEL_FAILURE";
  if (expiry <= height + MIN_BLOCKS_LEFT) return "EXPIRY_TOO_SOON";
  if (expiry - height > MAX_BLOCKS_LEFT) return "EXPIRY_TOO_FAR";
  // A route that uses a channel twice finds there only what its earlier passage left.
  const locked = legs.reduce((sum, leg) => (leg.arc === arc ? sum + leg.amountMsat : sum), 0);
  if (amountMsat > network.balanceMsat[arc]! - locked) return "TEMPORARY_CHANNEL_FAILURE";
  if (incoming && incoming.expiry < expiry + network.cltvDelta[arc]!) return "INCORRECT_CLTV_EXPIRY";
  return undefined;
}

/** The direction of a channel that leaves `tail`, if it has that end. */
export function arcOf(network: Network, channelId: bigint, tail: number): number | undefined {
  const channel = network.channelOfId.get(channelId);
  if (channel === undefined) return undefined;
  if (network.ends[2 * channel] === tail) return 2 * channel;
  return network.ends[2 * channel + 1] === tail ? 2 * channel + 1 : undefined;
}

/** All enabled channels in one direction of a pair, by binary search: they lie side by side. */
export function parallelArcs(network: Network, tail: number, head: number): number[] {
  const { inArcs, inStart, ends } = network;
  const end = inStart[head + 1]!;
  let low = inStart[head]!;
  for (let high = end; low < high; ) {
    const middle = (low + high) >> 1;
    if (ends[inArcs[middle]!]! < tail) low = middle + 1;
    else high = middle;
  }
  const arcs: number[] = [];
  for (let i = low; i < end && ends[inArcs[i]!] === tail; i++) arcs.push(inArcs[i]!);
  return arcs;
}
