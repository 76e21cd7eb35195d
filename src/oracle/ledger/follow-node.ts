/** Where to go on with a node's invoices, and whether it is still the node it was. */
import type { UnixSeconds } from "../../core/units.ts";
import { type Inventory, type InventoryPorts, type InvoiceCursor, takeInventory } from "./take-inventory.ts";

export type FollowPorts = InventoryPorts & {
  /** Undefined when the node has no such invoice. @throws LND_UNAVAILABLE */
  lookupInvoice(paymentHash: Uint8Array): Promise<{ state: string } | undefined>;
  /** Undefined for a node that was never followed: a row for each, because their counts have nothing in common. */
  readCursor(nodePubkey: string): Promise<InvoiceCursor | undefined>;
  /** Writes a cursor as it is, even backwards; `lostAt` stays when there is no newer one. */
  resetCursor(nodePubkey: string, cursor: InvoiceCursor): Promise<void>;
};

/**
 * Why all of a node's invoices are read: it is followed for the first time, nothing of it was ever seen paid, or it no
 * longer knows the payment it reported last, which is what a restored backup looks like.
 */
export type StartOver = "first" | "nothing-paid" | "lost-data";

/** What stands against going on from the cursor; undefined when nothing does. */
export async function reasonToStartOver(
  ports: FollowPorts,
  cursor: InvoiceCursor | undefined,
): Promise<StartOver | undefined> {
  if (!cursor) return "first";
  // To LND an index of 0 means "nothing old", so what was missed would stay missed.
  if (!cursor.paymentHash || cursor.settleIndex === 0n) return "nothing-paid";
  // LND keeps paid invoices for ever. An index beyond its own would hide every payment up to it.
  const newest = await ports.lookupInvoice(cursor.paymentHash);
  return newest?.state === "settled" ? undefined : "lost-data";
}

/** Reads all of a node's invoices and sets its cursor to what was found, and notes when the node has lost some. */
export async function startOver(
  ports: FollowPorts,
  request: {
    nodePubkey: string;
    reason: StartOver;
    sinceAt: UnixSeconds;
    now: UnixSeconds;
    signal: AbortSignal;
    onPaid?: (paymentHashHex: string) => void;
  },
): Promise<{ cursor: InvoiceCursor; inventory: Inventory }> {
  const { reason, sinceAt, ...reading } = request;
  const { nodePubkey, now } = reading;
  const inventory = await takeInventory(ports, { ...reading, fromAddIndex: 0n });
  const lost = reason === "lost-data" && { lostAt: now };
  const cursor = { ...inventory.settled, finalIndex: inventory.finalIndex, sinceAt, ...lost };
  await ports.resetCursor(nodePubkey, cursor);
  return { cursor, inventory };
}
