/** The simulated world: one network, the nodes of ours in it, and the journal that remembers what happened. */
import { type Journal, openJournal } from "../journal.ts";
import { createPathfinder, type Pathfinder } from "../network/find-route.ts";
import { createGossip, type Gossip } from "../network/gossip.ts";
import type { Network } from "../network/network.ts";
import type { Hop, Route } from "../network/route.ts";
import { arcOf, type Leg, lockLegs, settleLegs } from "../network/walk-route.ts";
import type { HopEntry, JournalEntry, PartEntry, SettledEntry } from "./entries.ts";
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
  /** Unix seconds, with their fraction. */
  now: () => number;
  /** How long a payee waits for the parts of a payment. */
  mppTimeoutMs: number;
};

export type NodeIdentity = { name: string; key: string; privateKey: Uint8Array };

const GENESIS_AT = 1_231_006_505;
const BLOCK_SEC = 600;
/** LND's invoices.DefaultHtlcHoldDuration. */
const MPP_TIMEOUT_MS = 120_000;

/** Blocks come every ten minutes, without fail. */
export function blockHeight(now: number): number {
  return Math.floor((now - GENESIS_AT) / BLOCK_SEC);
}

/** Reads the journal back into the nodes and the balances. @throws CONFIG_INVALID when the journal is damaged */
export async function openWorld(options: {
  network: Network;
  identities: NodeIdentity[];
  journalPath: string;
  now: () => number;
  mppTimeoutMs?: number | undefined;
}): Promise<World> {
  const { network, identities, journalPath, now, mppTimeoutMs = MPP_TIMEOUT_MS } = options;
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
  const findRoute = createPathfinder(network);
  return { network, gossip, holds: createHolds(), findRoute, journal, nodes, now, mppTimeoutMs };
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
  const { hash, preimage, settledAt, settleIndex } = entry;
  const parts: PartEntry[] = [entry, ...(entry.more ?? [])];
  const amountMsat = parts.reduce((sum, { hops, valueMsat }) => sum + (hops.at(-1)?.forwardMsat ?? valueMsat), 0);
  nodes.get(entry.payee)?.invoices.settle(hash, { preimage, amountMsat, settledAt, settleIndex });

  for (const part of parts) {
    const payments = nodes.get(part.payer)?.payments;
    if (payments) replayPart(network, payments, part, entry);
    const legs = readLegs(network, part);
    lockLegs(network, legs);
    settleLegs(network, legs);
  }
}

function replayPart(network: Network, payments: PaymentBook, part: PartEntry, entry: SettledEntry): void {
  const { valueMsat, paymentRequest, startedAt } = part;
  const { hash, preimage, settledAt } = entry;
  const payment = payments.find(hash) ?? payments.begin({ hash, valueMsat, paymentRequest, createdAt: startedAt });
  const payload = { secret: undefined, totalMsat: valueMsat };
  const attempt = payments.startAttempt(payment, readRoute(network, part), payload, startedAt);
  payments.settleAttempt(payment, attempt, preimage, settledAt);
}

/** The legs that exist in this network too: another snapshot may have been loaded since. */
function readLegs(network: Network, entry: PartEntry): Leg[] {
  const legs: Leg[] = [];
  for (const { channelId, from, amountMsat } of entry.legs) {
    const tail = network.indexOfKey.get(from);
    const arc = tail === undefined ? undefined : arcOf(network, BigInt(channelId), tail);
    if (arc !== undefined && amountMsat <= network.balanceMsat[arc]!) legs.push({ arc, amountMsat });
  }
  return legs;
}

/** A hop through a node this network does not know is shown at place −1, which has no key. */
function readRoute(network: Network, { hops, totalMsat, totalTimeLock }: PartEntry): Route {
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
