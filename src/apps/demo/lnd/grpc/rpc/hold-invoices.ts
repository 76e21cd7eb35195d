/** RPCs about invoices whose preimage somebody else has. Permissions invoices:write, and invoices:read to follow one. */
import { createHash } from "node:crypto";
import { addInvoice, INVOICE_FEATURES } from "../../node/add-invoice.ts";
import { settleHeld } from "../../node/receive-htlc.ts";
import { RpcRefusal } from "../../node/refusal.ts";
import { invoiceMessage } from "../messages.ts";
import { bytesOf, hashOf, type Message } from "../request.ts";
import { readWish } from "./invoices.ts";
import type { RpcTable, Scene, Stream } from "./rpc.ts";

export const holdInvoiceRpcs: RpcTable = {
  "/invoicesrpc.Invoices/AddHoldInvoice": { permission: "invoices:write", answer: add },
  "/invoicesrpc.Invoices/SettleInvoice": { permission: "invoices:write", answer: settle },
  "/invoicesrpc.Invoices/SubscribeSingleInvoice": { permission: "invoices:read", stream: subscribe },
};

async function add({ world, node }: Scene, request: Message): Promise<Message> {
  const invoice = await addInvoice(world, node, { ...readWish(request), holdHash: hashOf(request, "hash") });
  return {
    payment_request: invoice.paymentRequest,
    add_index: invoice.addIndex,
    payment_addr: Buffer.from(invoice.secret, "hex"),
  };
}

async function settle({ world, node }: Scene, request: Message): Promise<Message> {
  const preimage = bytesOf(request, "preimage");
  if (preimage.length !== 32) throw new RpcRefusal(`invalid preimage length of ${preimage.length}, want 32`);
  const hash = createHash("sha256").update(preimage).digest("hex");
  await settleHeld(world, node, hash, preimage.toString("hex"));
  return {};
}

/** The invoice as it is and at every change of its state, until it is settled or canceled. */
function subscribe({ node }: Scene, request: Message, stream: Stream): void {
  const hash = hashOf({ hash: bytesOf(request, "r_hash") }, "hash");
  const invoice = node.invoices.find(hash);
  if (!invoice) throw new RpcRefusal("unable to locate invoice");
  const show = () => {
    stream.send(invoiceMessage(invoice, INVOICE_FEATURES));
    if (invoice.state === "SETTLED" || invoice.state === "CANCELED") stream.end();
  };
  const unsubscribe = node.invoices.subscribe((changed) => {
    if (changed === invoice) show();
  });
  stream.onClosed(unsubscribe);
  show();
}
