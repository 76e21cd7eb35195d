/**
 * How answers put numbers and nodes into words. Nodes appear by key: an alias is a stranger's text, and answers are read
 * by programs that may take text for an instruction.
 */
import { type ChannelGraph, nodeKeyHex } from "../graph/channel-graph.ts";

/** "100,000 sat", or millisatoshis where a satoshi is not whole. */
export function amountText(amountMsat: number): string {
  const whole = amountMsat % 1000 === 0;
  const digits = String(whole ? amountMsat / 1000 : amountMsat).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${digits} ${whole ? "sat" : "msat"}`;
}

/** "87 %"; never 0 % or 100 % for what only a finite sample says. */
export function percentText(ratio: number): string {
  if (ratio < 0.005) return "under 1 %";
  return ratio > 0.995 ? "over 99 %" : `${Math.round(100 * ratio)} %`;
}

/** The first and last digits of a node's key. */
export function nodeText(graph: ChannelGraph, node: number): string {
  const key = nodeKeyHex(graph, node);
  return `${key.slice(0, 8)}…${key.slice(-4)}`;
}

/** "1 channel", "3 channels". */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
