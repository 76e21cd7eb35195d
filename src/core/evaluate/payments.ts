/** Payments to be judged: callers and targets half by chance over nodes, half over channel ends, at four amounts. */
import { type ChannelGraph, inboundCount, outboundCount } from "../graph/channel-graph.ts";
import { drawIndex, type Random } from "./random.ts";
import type { Truth } from "./truth.ts";

/** One payment; nodes by index in the graph. */
export type Payment = { readonly caller: number; readonly target: number; readonly amountMsat: number };

/** Decades from 1k to 1M sat. */
export const PAYMENT_AMOUNTS_MSAT = [1e6, 1e7, 1e8, 1e9] as const;

/**
 * Draws nodes as people meet them: uniform draws alone give mostly leaves, draws by channel alone mostly hubs. The result
 * has inbound and outbound arcs.
 */
export function nodeDrawer(graph: ChannelGraph): (random: Random) => number {
  const nodes = Array.from({ length: graph.nodeCount }, (_, node) => node).filter(
    (node) => inboundCount(graph, node) > 0 && outboundCount(graph, node) > 0,
  );
  const { inTail } = graph.rows;
  const isBoth = new Set(nodes);
  return (random) => {
    if (random() < 0.5) return nodes[drawIndex(random, nodes.length)]!;
    for (;;) {
      // The tails of enabled arcs are channel ends; those that nobody can pay are drawn again.
      const node = inTail[drawIndex(random, inTail.length)]!;
      if (isBoth.has(node)) return node;
    }
  };
}

/** `count` payments at each amount. Callers are online; a target may be offline. */
export function drawPayments({ graph, online }: Truth, count: number, random: Random): Payment[] {
  const draw = nodeDrawer(graph);
  return PAYMENT_AMOUNTS_MSAT.flatMap((amountMsat) =>
    Array.from({ length: count }, () => {
      for (;;) {
        const [caller, target] = [draw(random), draw(random)];
        if (caller !== target && online[caller] === 1) return { caller, target, amountMsat };
      }
    }),
  );
}
