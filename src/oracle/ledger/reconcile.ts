/** Reconciliation: LND's invoices against our receipts, its payments against ours, and the books against themselves. */
import { toHex } from "../../core/bytes.ts";
import { errorCode } from "../../core/errors.ts";
import { type Msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type ComparePorts, comparePayments, type PaymentComparison } from "./compare-payments.ts";
import { type FollowPorts, reasonToStartOver, type StartOver, startOver } from "./follow-node.ts";
import { type Inventory, takeInventory } from "./take-inventory.ts";

/** The books at one instant: where the money is, and in which sentences it does not add up. */
export type Books = {
  lightningMsat: bigint;
  unclaimedMsat: bigint;
  tokensMsat: bigint;
  revenueMsat: bigint;
  differenceMsat: bigint;
  findings: readonly string[];
};

export type ReconcilePorts<Checked extends Books> = {
  /** Every node that makes invoices for us; none when only the books are to be checked. */
  nodes: readonly (FollowPorts & NodePorts)[];
  /** Every node that pays for us, and whose payments may be read. */
  payers: readonly ComparePorts[];
  /** In one snapshot. */
  checkBooks(): Promise<Checked>;
  /** When the books were last reconciled; undefined before the first time. */
  latest(): Promise<{ at: UnixSeconds } | undefined>;
  append(report: { at: UnixSeconds; ok: boolean; facts: Record<string, unknown> }): Promise<void>;
};

type NodePorts = {
  nodePubkey(): Promise<string>;
  advanceFinal(nodePubkey: string, finalIndex: bigint): Promise<void>;
  /** The newest receipts of a node that were booked since an instant, and those that may be its own. */
  bookedSince(nodePubkey: string, at: UnixSeconds, limit: number): Promise<{ paymentHash: Uint8Array; amount: Msat }[]>;
};

/** What was found at one node. `hasLostData`: it was seen, lately and by whomever, to have lost payments it had reported. */
export type NodeComparison = Omit<Inventory, "settled" | "finalIndex"> & {
  nodePubkey: string;
  startedOver: StartOver | undefined;
  hasLostData: boolean;
};

/** `unknown` are receipts of ours that no node has as paid. `unasked` says of each node that was away why. */
type Comparison = {
  nodes: NodeComparison[];
  unknown: { paymentHashHex: string; amountMsat: Msat }[];
  unasked: unknown[];
};

/** `ok` when the books hold and every node was asked. */
export type Reconciliation<Checked extends Books> = Comparison & {
  payments: PaymentComparison[];
  ok: boolean;
  at: UnixSeconds;
  differenceMsat: bigint;
  findings: string[];
  books: Checked;
};

/** Receipts are asked about one by one, so at most so many of them. */
const MAX_LOOKUPS = 1_000;
/** Receipts booked while the last reconciliation ran are looked at again. */
const OVERLAP_SEC = 600;

/**
 * Books what was paid and not booked, then checks that every millisatoshi is somewhere, once. What was healed is no
 * difference any more. Safe beside traffic, and in several processes at once.
 *
 * A node that is away keeps nobody from comparing the others, but the report is kept only when all were asked, so that
 * the next one looks at everything since then.
 */
export async function reconcile<Checked extends Books>(
  ports: ReconcilePorts<Checked>,
  request: { now: UnixSeconds; signal: AbortSignal },
): Promise<Reconciliation<Checked>> {
  const { now, signal } = request;
  const since = (await ports.latest())?.at;
  const { nodes, unknown, unasked } = await compareWithNodes(ports.nodes, { now, signal, since });
  const payments = await compareWithPayers(ports.payers, { signal, since, unasked });
  const books = await ports.checkBooks();

  const findings = [
    ...books.findings,
    ...nodes.flatMap(sayNode),
    ...sayUnknown(unknown),
    ...payments.flatMap(sayPayments),
  ];
  const unknownMsat = unknown.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const atNodesMsat = nodes.reduce((sum, node) => sum + node.differenceMsat, 0n);
  const paidMsat = payments.reduce((sum, each) => sum + each.differenceMsat, 0n);
  const differenceMsat = books.differenceMsat + atNodesMsat + unknownMsat + paidMsat;
  const ok = findings.length === 0 && unasked.length === 0;
  if (unasked.length === 0) {
    await ports.append({ at: now, ok, facts: { ...books, differenceMsat, findings, nodes, unknown, payments } });
  }
  return { ok, at: now, differenceMsat, findings, books, nodes, unknown, unasked, payments };
}

/** A receipt is some node's: it is unknown when no node that was followed at the time has it as paid. */
async function compareWithNodes(
  nodes: readonly (FollowPorts & NodePorts)[],
  request: { now: UnixSeconds; signal: AbortSignal; since: UnixSeconds | undefined },
): Promise<Comparison> {
  const found: Comparison = { nodes: [], unknown: [], unasked: [] };
  const confirmed = new Set<string>();
  const unconfirmed = new Map<string, Msat>();
  for (const ports of nodes) {
    try {
      const onPaid = (paymentHashHex: string) => void confirmed.add(paymentHashHex);
      const { comparison, unpaid } = await compareWithNode(ports, { ...request, onPaid });
      found.nodes.push(comparison);
      for (const { paymentHashHex, amountMsat } of unpaid) unconfirmed.set(paymentHashHex, amountMsat);
    } catch (error) {
      request.signal.throwIfAborted();
      if (errorCode(error) !== "LND_UNAVAILABLE" && errorCode(error) !== "LND_REFUSED") throw error;
      found.unasked.push(error);
    }
  }
  // A node that is away may be the one that knows.
  if (found.unasked.length > 0) return found;
  for (const [paymentHashHex, amountMsat] of unconfirmed) {
    if (!confirmed.has(paymentHashHex)) found.unknown.push({ paymentHashHex, amountMsat });
  }
  return found;
}

/** Nodes that are away are added to `unasked`. */
async function compareWithPayers(
  payers: readonly ComparePorts[],
  request: { signal: AbortSignal; since: UnixSeconds | undefined; unasked: unknown[] },
): Promise<PaymentComparison[]> {
  const { signal, unasked } = request;
  const since = unixSeconds(Math.max(0, (request.since ?? 0) - OVERLAP_SEC));
  const found: PaymentComparison[] = [];
  for (const ports of payers) {
    try {
      found.push(await comparePayments(ports, { since, signal }));
    } catch (error) {
      signal.throwIfAborted();
      if (errorCode(error) !== "LND_UNAVAILABLE" && errorCode(error) !== "LND_REFUSED") throw error;
      unasked.push(error);
    }
  }
  return found;
}

/** `onPaid` is told of every payment of ours that the node has; `unpaid` are receipts it could have, and has not. */
async function compareWithNode(
  ports: FollowPorts & NodePorts,
  request: {
    now: UnixSeconds;
    signal: AbortSignal;
    since: UnixSeconds | undefined;
    onPaid: (paymentHashHex: string) => void;
  },
): Promise<{ comparison: NodeComparison; unpaid: Comparison["unknown"] }> {
  const { now, signal, since, onPaid } = request;
  const nodePubkey = await ports.nodePubkey();
  const cursor = await ports.readCursor(nodePubkey);
  const startedOver = await reasonToStartOver(ports, cursor);
  const sinceAt = cursor?.sinceAt ?? now;
  const newsFrom = since === undefined ? 0 : Math.max(0, since - OVERLAP_SEC);
  // Whoever noticed that the node has lost payments: they may be older than the news.
  const lostAt = startedOver === "lost-data" ? now : cursor?.lostAt;
  const hasLostData = lostAt !== undefined && lostAt >= newsFrom;
  const recentFrom = unixSeconds(hasLostData ? 0 : newsFrom);
  const recent = new Map(
    (await ports.bookedSince(nodePubkey, recentFrom, MAX_LOOKUPS)).map((receipt) => [
      toHex(receipt.paymentHash),
      receipt,
    ]),
  );
  const listed = new Set<string>();
  const hear = (paymentHashHex: string) => {
    listed.add(paymentHashHex);
    onPaid(paymentHashHex);
  };
  const reading = { nodePubkey, now, signal, onPaid: hear };

  let inventory: Inventory;
  if (!cursor || startedOver) {
    const reason = startedOver ?? "first";
    inventory = (await startOver(ports, { ...reading, reason, sinceAt })).inventory;
  } else {
    inventory = await takeInventory(ports, { ...reading, fromAddIndex: cursor.finalIndex });
    await ports.advanceFinal(nodePubkey, inventory.finalIndex);
  }

  const unpaid: Comparison["unknown"] = [];
  for (const [paymentHashHex, { paymentHash, amount }] of recent) {
    signal.throwIfAborted();
    if (listed.has(paymentHashHex)) continue;
    if ((await ports.lookupInvoice(paymentHash))?.state === "settled") onPaid(paymentHashHex);
    else unpaid.push({ paymentHashHex, amountMsat: amount });
  }
  const { settled: _, finalIndex: __, ...found } = inventory;
  return { comparison: { ...found, nodePubkey, startedOver, hasLostData }, unpaid };
}

function sayNode({ hasLostData, differences }: NodeComparison): string[] {
  return [
    ...(hasLostData ? ["the node no longer knows a payment it has reported: was it restored from a backup?"] : []),
    ...(differences.length > 0 ? ["payments were booked with another amount than the node received"] : []),
  ];
}

function sayUnknown(unknown: Comparison["unknown"]): string[] {
  return unknown.length > 0 ? [`${unknown.length} receipts are not known to their node as paid`] : [];
}

function sayPayments({ nodePubkey, differences, unknown }: PaymentComparison): string[] {
  return [
    ...(differences.length > 0 ? [`payments are booked otherwise than the node ${nodePubkey} made them`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} payments are booked that ${nodePubkey} does not have as paid`] : []),
  ];
}
