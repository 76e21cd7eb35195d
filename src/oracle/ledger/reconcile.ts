/** Reconciliation: LND's invoices against our receipts, and the books against themselves. */
import { toHex } from "../../core/bytes.ts";
import { type Msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
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
  /** Absent when there is no node to compare with: then only the books are checked. */
  node: (FollowPorts & NodePorts) | undefined;
  /** In one snapshot. */
  checkBooks(): Promise<Checked>;
  /** When the books were last reconciled; undefined before the first time. */
  latest(): Promise<{ at: UnixSeconds } | undefined>;
  append(report: { at: UnixSeconds; ok: boolean; facts: Record<string, unknown> }): Promise<void>;
};

type NodePorts = {
  nodePubkey(): Promise<string>;
  advanceFinal(nodePubkey: string, finalIndex: bigint): Promise<void>;
  /** The newest receipts booked since an instant. */
  bookedSince(at: UnixSeconds, limit: number): Promise<{ paymentHash: Uint8Array; amount: Msat }[]>;
};

/** What was found at the node. `unknown` are receipts of ours that it does not have as paid. */
export type NodeComparison = Omit<Inventory, "settled" | "finalIndex"> & {
  nodePubkey: string;
  startedOver: StartOver | undefined;
  unknown: { paymentHashHex: string; amountMsat: Msat }[];
};

export type Reconciliation<Checked extends Books> = {
  ok: boolean;
  at: UnixSeconds;
  differenceMsat: bigint;
  findings: string[];
  books: Checked;
  node: NodeComparison | undefined;
};

/** Receipts are asked about one by one, so at most so many of them. */
const MAX_LOOKUPS = 1_000;
/** Receipts booked while the last reconciliation ran are looked at again. */
const OVERLAP_SEC = 600;

/**
 * Books what was paid and not booked, then checks that every millisatoshi is somewhere, once. What was healed is no
 * difference any more. Safe beside traffic, and in several processes at once.
 */
export async function reconcile<Checked extends Books>(
  ports: ReconcilePorts<Checked>,
  request: { now: UnixSeconds; signal: AbortSignal },
): Promise<Reconciliation<Checked>> {
  const { now, signal } = request;
  const since = (await ports.latest())?.at;
  const node = ports.node && (await compareWithNode(ports.node, { now, signal, since }));
  const books = await ports.checkBooks();

  const findings = [...books.findings, ...(node ? sayNode(node) : [])];
  const unknownMsat = node?.unknown.reduce((sum, { amountMsat }) => sum + amountMsat, 0n) ?? 0n;
  const differenceMsat = books.differenceMsat + (node?.differenceMsat ?? 0n) + unknownMsat;
  const result = { ok: findings.length === 0, at: now, differenceMsat, findings, books, node };
  await ports.append({ at: now, ok: result.ok, facts: { ...books, differenceMsat, findings, node } });
  return result;
}

async function compareWithNode(
  ports: FollowPorts & NodePorts,
  request: { now: UnixSeconds; signal: AbortSignal; since: UnixSeconds | undefined },
): Promise<NodeComparison> {
  const { now, signal, since } = request;
  const nodePubkey = await ports.nodePubkey();
  const cursor = await ports.readCursor(nodePubkey);
  const sinceAt = cursor?.sinceAt ?? now;
  // What another node was paid before this one was followed, this one cannot know.
  const recentFrom = unixSeconds(Math.max(sinceAt + 1, since === undefined ? 0 : since - OVERLAP_SEC));
  const recent = new Map(
    (await ports.bookedSince(recentFrom, MAX_LOOKUPS)).map((receipt) => [toHex(receipt.paymentHash), receipt]),
  );
  const reading = { now, signal, onPaid: (paymentHashHex: string) => void recent.delete(paymentHashHex) };

  const startedOver = await reasonToStartOver(ports, cursor);
  let inventory: Inventory;
  if (!cursor || startedOver) {
    inventory = (await startOver(ports, { ...reading, nodePubkey, sinceAt })).inventory;
  } else {
    inventory = await takeInventory(ports, { ...reading, fromAddIndex: cursor.finalIndex });
    await ports.advanceFinal(nodePubkey, inventory.finalIndex);
  }

  const unknown: NodeComparison["unknown"] = [];
  for (const [paymentHashHex, { paymentHash, amount }] of recent) {
    signal.throwIfAborted();
    const invoice = await ports.lookupInvoice(paymentHash);
    if (invoice?.state !== "settled") unknown.push({ paymentHashHex, amountMsat: amount });
  }
  const { settled: _, finalIndex: __, ...found } = inventory;
  return { ...found, nodePubkey, startedOver, unknown };
}

function sayNode({ startedOver, differences, unknown }: NodeComparison): string[] {
  return [
    ...(startedOver === "lost-data"
      ? ["the node no longer knows a payment it has reported: was it restored from a backup?"]
      : []),
    ...(differences.length > 0 ? ["payments were booked with another amount than the node received"] : []),
    ...(unknown.length > 0 ? [`${unknown.length} receipts are not known to the node as paid`] : []),
  ];
}
