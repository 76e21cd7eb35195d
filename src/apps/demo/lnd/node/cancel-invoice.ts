/** Cancels an invoice as LND does: once, for good, and never one that is paid. */
import { RpcRefusal } from "./refusal.ts";
import type { LocalNode, World } from "./world.ts";

/** Resolves when the cancellation is durable. @throws RpcRefusal UNKNOWN for an invoice that is settled or not there */
export async function cancelInvoice(world: World, node: LocalNode, hash: string): Promise<void> {
  const { invoices } = node;
  // A payment that is being written down comes first, and LND's lock would make us wait for it.
  await invoices.decided(hash);
  const invoice = invoices.find(hash);
  if (!invoice) throw new RpcRefusal("unable to locate invoice");
  if (invoice.state === "SETTLED") throw new RpcRefusal("invoice already settled");
  // Expired invoices are canceled by the clock, which needs no record.
  if (invoice.state === "CANCELED") return invoices.canceling(hash);
  // Closed at once, so that no payment slips in while the cancellation becomes durable.
  invoices.cancel({ hash });
  const written = world.journal.append({ type: "canceled", node: node.name, hash });
  return invoices.canceling(hash, written);
}
