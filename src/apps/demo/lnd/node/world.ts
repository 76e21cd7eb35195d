/** The simulated world: one network, the nodes of ours in it, and the journal that remembers what happened. */
import type { UnixSeconds } from "../../../../core/units.ts";
import { type Journal, openJournal } from "../journal.ts";
import { createPathfinder, type Pathfinder } from "../network/find-route.ts";
import { createGossip, type Gossip } from "../network/gossip.ts";
import type { Network } from "../network/network.ts";
import type { Hop, Route } from "../network/route.ts";
import { arcOf, type Leg, lockLegs, settleLegs } from "../network/walk-route.ts";
import type { HopEntry, JournalEntry, SettledEntry } from "./entries.ts";
import { createHolds, type Holds } from "./holds.ts";
import { createInvoiceBook, type InvoiceBook } from "./invoice-book.ts";
import { createPaymentBook, type PaymentBook } from "./payment-book.ts";

/** A node that somebody operates over gRPC. */
export type LocalNode = {
  name: string;
  index: number;
  key: string;
  privateKey: Uint8Array;
  invoices: InvoiceBook;
  payments: PaymentBook;
};

export type World = {
  network: Network;
  gossip: Gossip;
  holds: Holds;
  findRoute: Pathfinder;
  journal: Journal<JournalEntry>;
  nodes: Map<string, LocalNode>;
  now: () => UnixSeconds;
};

export type NodeIdentity = { name: string; key: string; privateKey: Uint8Array };

const GENESIS_AT = 1_231_006_505;
const BLOCK_SEC = 600;

/** Blocks come every ten minutes, without fail. */
export function blockHeight(now: number): number {
  return Math.floor((now - GENESIS_AT) / BLOCK_SEC);
}

/** Reads the journal back into the nodes and the balances. @throws CONFIG_INVALID when the journal is damaged */
export async function openWorld(options: {
  network: Network;
  identities: NodeIdentity[];
  journalPath: string;
  now: () => UnixSeconds;
}): Promise<World> {
  const { network, identities, journalPath, now } = options;
  const nodes = new Map<string, LocalNode>();
  for (const { name, key, privateKey } of identities) {
    const index = network.indexOfKey.get(key)!;
    nodes.set(name, {
      name,
      index,
      key,
      privateKey,
      invoices: createInvoiceBook(now),
      payments: createPaymentBook(),
    });
  }
  const journal = await openJournal<JournalEntry>(journalPath, {
    replay: (entry) => replay(network, nodes, entry),
    replayed: () => {
      for (const node of nodes.values()) node.invoices.forgetOld();
    },
    isKept: (entry) => {
      if (entry.type === "settled" || entry.type === "forgotten") return true;
      return nodes.get(entry.node)?.invoices.isKept(entry) ?? true;
    },
  });
  const gossip = createGossip(network, now, () => blockHeight(now()));
  return { network, gossip, holds: createHolds(), findRoute: createPathfinder(network), journal, nodes, now };
}

/** Our node at this place of the network, if it is one of ours. */
export function localNodeAt(world: World, index: number): LocalNode | undefined {
  for (const node of world.nodes.values()) if (node.index === index) return node;
  return undefined;
}

function replay(network: Network, nodes: Map<string, LocalNode>, entry: JournalEntry): void {
  switch (entry.type) {
    case "invoice":
      nodes.get(entry.node)?.invoices.add(entry);
      break;
    case "canceled":
      nodes.get(entry.node)?.invoices.cancel(entry);
      break;
    case "settled":
      replaySettled(network, nodes, entry);
      break;
    case "forgotten":
      nodes.get(entry.node)?.payments.remove(entry.hash);
      break;
  }
}

function replaySettled(network: Network, nodes: Map<string, LocalNode>, entry: SettledEntry): void {
  const { hash, preimage, valueMsat, paymentRequest, startedAt, settledAt, settleIndex } = entry;
  const amountMsat = entry.hops.at(-1)?.forwardMsat ?? valueMsat;
  nodes.get(entry.payee)?.invoices.settle(hash, { amountMsat, settledAt, settleIndex });

  const payments = nodes.get(entry.payer)?.payments;
  if (payments) {
    const payment = payments.begin({ hash, valueMsat, paymentRequest, createdAt: startedAt });
    const attempt = payments.startAttempt(payment, readRoute(network, entry), startedAt);
    payments.succeed(payment, attempt, preimage, settledAt);
  }
  const legs = readLegs(network, entry);
  lockLegs(network, legs);
  settleLegs(network, legs);
}

/** The legs that exist in this network too: another snapshot may have been loaded since. */
function readLegs(network: Network, entry: SettledEntry): Leg[] {
  const legs: Leg[] = [];
  for (const { channelId, from, amountMsat } of entry.legs) {
    const tail = network.indexOfKey.get(from);
    const arc = tail === undefined ? undefined : arcOf(network, BigInt(channelId), tail);
    if (arc !== undefined && amountMsat <= network.balanceMsat[arc]!) legs.push({ arc, amountMsat });
  }
  return legs;
}

/** A hop through a node this network does not know is shown at place −1, which has no key. */
function readRoute(network: Network, { hops, totalMsat, totalTimeLock }: SettledEntry): Route {
  const read = (hop: HopEntry): Hop => ({
    channelId: BigInt(hop.channelId),
    node: network.indexOfKey.get(hop.node) ?? -1,
    forwardMsat: hop.forwardMsat,
    feeMsat: hop.feeMsat,
    expiry: hop.expiry,
  });
  const received = hops.at(-1)?.forwardMsat ?? totalMsat;
  return { hops: hops.map(read), totalMsat, totalFeesMsat: totalMsat - received, totalTimeLock };
}
