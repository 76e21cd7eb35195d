/** Everybody's probability for the same payments: the baselines', and the oracle's own from the very code that answers callers. */
import { countWorlds, everyWorld, WORLDS } from "../graph/bits.ts";
import { type ChannelGraph, inboundCount } from "../graph/channel-graph.ts";
import { findHub } from "../graph/hub.ts";
import { hopsOverOwn, leaveOver, type OwnChannel } from "../graph/own-channels.ts";
import { lookBack, reachedAt } from "../graph/reached.ts";
import { type Beliefs, drawMasks, policyAdmits, sampleWorlds, WORLD_SEED } from "../graph/worlds.ts";
import { fitLogistic, logit } from "./logistic.ts";
import type { Payment } from "./payments.ts";
import { type Aim, type Estimate, findRoute, type Router } from "./search.ts";
import type { Truth } from "./truth.ts";

/** The probability that each payment's best single route works, as its sender's estimator has it; 0 where it finds none. */
export function predictRoute(
  router: Router,
  payments: readonly Payment[],
  estimate: Estimate,
  own: { readonly ratio: number; readonly truth: Truth } | undefined,
  aim: Aim,
): Float64Array {
  const beliefs = own
    ? { estimate, ownRatio: own.ratio, ownMsat: (arc: number) => own.truth.balanceMsat[arc]! }
    : { estimate, ownRatio: 1 };
  return Float64Array.from(payments, (payment) => findRoute(router, payment, beliefs, aim)?.probability ?? 0);
}

/**
 * The oracle's answer to each payment: the share of believed worlds in which the caller reaches the target. With `own` it is
 * told what the caller's own channels hold, as the caller's LND knows it; without, they are as hidden as everybody's.
 */
export function predictReach(
  graph: ChannelGraph,
  payments: readonly Payment[],
  beliefs: Beliefs,
  own?: Truth,
): Float64Array {
  const worlds = sampleWorlds(graph, WORLD_SEED, beliefs);
  const predicted = new Float64Array(payments.length);
  const prepare = (amountMsat: number) => {
    const masks = drawMasks(worlds, amountMsat);
    return { masks, hub: findHub(graph, masks) };
  };
  let prepared: ReturnType<typeof prepare> | undefined;
  payments.forEach(({ caller, target, amountMsat }, i) => {
    // Payments come amount by amount, so one amount's masks at a time are enough.
    if (prepared?.masks.amountMsat !== amountMsat) prepared = prepare(amountMsat);
    const { masks, hub } = prepared;
    const reached = lookBack(graph, masks, hub, [{ node: target, worlds: everyWorld() }]);
    const hops = own && hopsOverOwn(masks, tellOwn(graph, caller, amountMsat, own));
    const leaves = hops ? leaveOver(hops, reached) : reachedAt(reached, caller);
    predicted[i] = countWorlds(leaves) / WORLDS;
  });
  return predicted;
}

/** What a caller tells of its own channels: those whose announced policy admits the amount. */
function tellOwn(graph: ChannelGraph, caller: number, amountMsat: number, { balanceMsat }: Truth): OwnChannel[] {
  const { outStart, outArc, outHead } = graph.rows;
  const own: OwnChannel[] = [];
  for (let out = outStart[caller]!; out < outStart[caller + 1]!; out++) {
    const arc = outArc[out]!;
    if (policyAdmits(graph, arc, amountMsat)) own.push({ peer: outHead[out]!, spendableMsat: balanceMsat[arc]! });
  }
  return own;
}

/** Fitted on these payments' outcomes: the target's inbound channels and the amount, nothing else. */
export function predictDegree(graph: ChannelGraph, train: Labelled, test: readonly Payment[]): Float64Array {
  const row = ({ target, amountMsat }: Payment) => [Math.log(1 + inboundCount(graph, target)), Math.log10(amountMsat)];
  const fitted = fitLogistic(train.payments.map(row), train.happened);
  return Float64Array.from(test, (payment) => fitted(row(payment)));
}

/** Payments with their outcomes: 1 arrived, 0 did not. */
export type Labelled = { readonly payments: readonly Payment[]; readonly happened: Uint8Array };

/** A predictor mended by what it said of other payments: logistic regression on its log-odds and the amount. */
export function recalibrate(
  said: Float64Array,
  train: Labelled,
  now: Float64Array,
  test: readonly Payment[],
): Float64Array {
  const row = (probability: number, { amountMsat }: Payment) => [logit(probability), Math.log10(amountMsat)];
  const fitted = fitLogistic(
    train.payments.map((payment, i) => row(said[i]!, payment)),
    train.happened,
  );
  return Float64Array.from(test, (payment, i) => fitted(row(now[i]!, payment)));
}

/** Whether some route in truth carries each payment; fees, hops and the number of tries left aside. */
export function knowTruth(truth: Truth, payments: readonly Payment[]): Float64Array {
  return Float64Array.from(payments, (payment) => (isReachable(truth, payment) ? 1 : 0));
}

function isReachable({ graph, balanceMsat, online, refuses }: Truth, { caller, target, amountMsat }: Payment): boolean {
  const { outStart, outArc, outHead } = graph.rows;
  const { minHtlcMsat, maxHtlcMsat } = graph.policies;
  const seen = new Uint8Array(graph.nodeCount);
  const waiting = [caller];
  seen[caller] = 1;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node === target) return true;
    for (let out = outStart[node]!; out < outStart[node + 1]!; out++) {
      const [head, arc] = [outHead[out]!, outArc[out]!];
      const admits = minHtlcMsat[arc]! <= amountMsat && amountMsat <= maxHtlcMsat[arc]!;
      const refused = refuses[arc] === 1 && node !== caller;
      if (seen[head] === 1 || online[head] === 0 || !admits || refused || balanceMsat[arc]! < amountMsat) continue;
      seen[head] = 1;
      waiting.push(head);
    }
  }
  return false;
}
