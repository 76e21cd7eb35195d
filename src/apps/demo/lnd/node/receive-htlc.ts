/** An HTLC at the payee: taken, held with others until the payment is whole, and settled or given back. */

import { settleLegs } from "../network/walk-route.ts";
import type { SettledEntry } from "./entries.ts";
import type { InvoiceRecord } from "./invoice-book.ts";
import { type ArrivedHtlc, accepted, type InvoiceHtlc, type Resolution, sumOf } from "./invoice-htlc.ts";
import { RpcRefusal } from "./refusal.ts";
import type { LocalNode, World } from "./world.ts";

/** Resolves when the payee has decided; at once, unless parts are missing or somebody else has the preimage. */
export function receiveHtlc(
  world: World,
  payee: LocalNode,
  hash: string,
  htlc: Omit<ArrivedHtlc, "resolve">,
): Promise<Resolution> {
  return new Promise((resolve, reject) => {
    const taken = payee.invoices.accept(hash, { ...htlc, resolve });
    if (typeof taken === "string") return resolve({ code: taken });
    const { invoice } = taken;
    if (invoice.state === "OPEN") return giveUpLater(world, payee, invoice, taken.htlc);
    if (!invoice.isHold) settle(world, payee, invoice, invoice.preimage).catch(reject);
  });
}

/** A part waits for the others so long and no longer, and no longer than the invoice can be paid. */
function giveUpLater(world: World, payee: LocalNode, invoice: InvoiceRecord, htlc: InvoiceHtlc): void {
  setTimeout(() => payee.invoices.giveUp(invoice, htlc), world.mppTimeoutMs).unref();
  const untilExpiryMs = () => Math.ceil(1000 * (invoice.createdAt + invoice.expirySec - world.now()));
  if (untilExpiryMs() >= world.mppTimeoutMs) return;
  // Timers count from where the event loop was, so after a stall one ends before the clock says so: then it is looked at again.
  const lookAtExpiry = () => {
    payee.invoices.find(invoice.hash);
    if (invoice.state === "OPEN") setTimeout(lookAtExpiry, Math.max(1, untilExpiryMs())).unref();
  };
  setTimeout(lookAtExpiry, Math.max(1, untilExpiryMs())).unref();
}

/** Takes the money of a hold invoice. Resolves when it is durable. @throws RpcRefusal UNKNOWN unless all of it is in */
export async function settleHeld(world: World, payee: LocalNode, hash: string, preimage: string): Promise<void> {
  await payee.invoices.decided(hash);
  const invoice = payee.invoices.find(hash);
  if (!invoice) throw new RpcRefusal("unable to locate invoice");
  if (invoice.state === "SETTLED") return;
  if (invoice.state === "CANCELED") throw new RpcRefusal("invoice already canceled");
  if (invoice.state === "OPEN") throw new RpcRefusal("invoice still open");
  await settle(world, payee, invoice, preimage);
}

/** Nobody is told of a payment before the journal has it. */
async function settle(world: World, payee: LocalNode, invoice: InvoiceRecord, preimage: string): Promise<void> {
  invoice.isSettling = true;
  const parts = accepted(invoice.htlcs);
  const [first, ...more] = parts.map((part) => writePart(world, part));
  const settledAt = world.now();
  const settleIndex = payee.invoices.reserveSettleIndex();
  const paid = { preimage, settledAt, settleIndex };
  const entry: SettledEntry = { type: "settled", payee: payee.name, hash: invoice.hash, ...paid, ...first! };
  await world.journal.append(more.length > 0 ? { ...entry, more } : entry);
  for (const { part } of parts) settleLegs(world.network, part.legs);
  payee.invoices.settle(invoice.hash, { ...paid, amountMsat: sumOf(parts) });
}

function writePart({ network }: World, { part }: InvoiceHtlc) {
  const { payer, payment, route, legs } = part;
  const { keys, ends, channelIds } = network;
  return {
    payer,
    paymentRequest: payment.paymentRequest,
    valueMsat: payment.valueMsat,
    startedAt: payment.createdAt,
    hops: route.hops.map((hop) => ({ ...hop, channelId: hop.channelId.toString(), node: keys[hop.node]! })),
    totalMsat: route.totalMsat,
    totalTimeLock: route.totalTimeLock,
    legs: legs.map(({ arc, amountMsat }) => ({
      channelId: channelIds[arc >> 1]!.toString(),
      from: keys[ends[arc]!]!,
      amountMsat,
    })),
  };
}
