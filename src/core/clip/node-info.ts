/**
 * What the operator of a Lightning node says of it. Source: CLIP, kind 38171 with `k` 1. It has the Nostr signature alone, so it
 * counts only from the key that the node's newest announcement names: that is for whoever asks here to look at.
 */
import { line, member } from "../feed/values.ts";
import type { SignedEvent } from "../nip85/event.ts";
import { NETWORKS, type Network } from "../nip85/identifier.ts";
import { FOREIGN_KIND } from "../nip85/kinds.ts";
import { type UnixSeconds, unixSeconds } from "../units.ts";

/** What is taken of it; channel sizes in sat, of channels that others open to the node. */
export type NodeInfo = {
  readonly nodeKey: string;
  readonly network: Network;
  readonly pubkey: string;
  readonly createdAt: UnixSeconds;
  readonly about?: string;
  readonly minChannelSat?: number;
  readonly maxChannelSat?: number;
};

const MOST_ABOUT = 500;
const MAX_SAT = 2_100_000_000_000_000;
const NAME = /^1:(0[23][0-9a-f]{64}):([a-z0-9]+)$/;

/** Undefined when the event is none. Members that are not of their form are left out, as is a smallest size above the largest. */
export function readNodeInfo(event: SignedEvent): NodeInfo | undefined {
  const named = (name: string) => event.tags.filter(([tag]) => tag === name);
  const [d, k] = [named("d"), named("k")];
  if (event.kind !== FOREIGN_KIND.nodeAnnouncement || d.length !== 1 || k.length !== 1 || k[0]![1] !== "1")
    return undefined;
  const [, nodeKey, networkName] = NAME.exec(d[0]![1] ?? "") ?? [];
  const network = NETWORKS.find((name) => name === networkName);
  const content = parse(event.content);
  if (nodeKey === undefined || network === undefined || content === undefined) return undefined;
  const about = line(member(content, "about"), MOST_ABOUT);
  const least = sat(member(content, "min_channel_size_sat"));
  const most = sat(member(content, "max_channel_size_sat"));
  const isRange = least === undefined || most === undefined || least <= most;
  return {
    nodeKey,
    network,
    pubkey: event.pubkey,
    createdAt: unixSeconds(event.created_at),
    ...(about !== undefined && { about }),
    ...(isRange && least !== undefined && { minChannelSat: least }),
    ...(isRange && most !== undefined && { maxChannelSat: most }),
  };
}

function sat(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SAT
    ? (value as number)
    : undefined;
}

/** The object in a content; an empty content is an empty object. */
function parse(content: string): unknown {
  if (content === "") return {};
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
