/** RPCs about the node's own invoices. Permissions invoices:read and invoices:write. */
import { addInvoice, INVOICE_FEATURES } from "../../node/add-invoice.ts";
import type { InvoiceRecord } from "../../node/invoice-book.ts";
import { RPC_STATUS, RpcRefusal } from "../../node/refusal.ts";
import { invoiceMessage } from "../messages.ts";
import { amountOf, bytesOf, hashOf, integerOf, isSet, listOf, type Message, numberOf, textOf } from "../request.ts";
import type { RpcTable, Scene, Stream } from "./rpc.ts";

export const invoiceRpcs: RpcTable = {
  "/lnrpc.Lightning/AddInvoice": { permission: "invoices:write", answer: add },
  "/lnrpc.Lightning/LookupInvoice": { permission: "invoices:read", answer: lookup },
  "/lnrpc.Lightning/ListInvoices": { permission: "invoices:read", answer: list },
  "/lnrpc.Lightning/SubscribeInvoices": { permission: "invoices:read", stream: subscribe },
  "/invoicesrpc.Invoices/LookupInvoiceV2": { permission: "invoices:write", answer: lookupByHash },
  "/invoicesrpc.Invoices/CancelInvoice": { permission: "invoices:write", answer: cancel },
};

const MAX_LISTED = 10_000;

async function add({ world, node }: Scene, request: Message): Promise<Message> {
  const preimage = bytesOf(request, "r_preimage").toString("hex");
  const descriptionHash = bytesOf(request, "description_hash").toString("hex");
  if (textOf(request, "fallback_addr") !== "") throw new RpcRefusal("invalid fallback address: none on this chain");
  if (isSet(request, "is_amp") || isSet(request, "is_blinded"))
    throw new RpcRefusal("not offered by this simulated node");
  if (listOf(request, "route_hints").length > 0) throw new RpcRefusal("this simulated node takes no route hints");
  const invoice = await addInvoice(world, node, {
    memo: textOf(request, "memo"),
    ...(preimage !== "" && { preimage }),
    valueMsat: amountOf(request, "value", "value_msat"),
    ...(descriptionHash !== "" && { descriptionHash }),
    expirySec: numberOf(request, "expiry"),
    cltvExpiry: numberOf(request, "cltv_expiry"),
    isPrivate: isSet(request, "private"),
  });
  return {
    r_hash: Buffer.from(invoice.hash, "hex"),
    payment_request: invoice.paymentRequest,
    add_index: invoice.addIndex,
    payment_addr: Buffer.from(invoice.secret, "hex"),
  };
}

function lookup(scene: Scene, request: Message): Message {
  const text = textOf(request, "r_hash_str");
  const hash = text === "" ? bytesOf(request, "r_hash") : Buffer.from(text, "hex");
  if (hash.length !== 0 && hash.length !== 32) {
    throw new RpcRefusal(`payment hash must be exactly 32 bytes, is instead ${hash.length}`);
  }
  return message(find(scene, hash.toString("hex")));
}

function lookupByHash(scene: Scene, request: Message): Message {
  return message(find(scene, hashOf(request, "payment_hash")));
}

function find({ node }: Scene, hash: string): InvoiceRecord {
  const invoice = node.invoices.find(hash);
  if (invoice) return invoice;
  const words = node.invoices.isEmpty() ? "there are no existing invoices" : "unable to locate invoice";
  throw new RpcRefusal(words, RPC_STATUS.notFound);
}

async function cancel(scene: Scene, request: Message): Promise<Message> {
  const { world, node } = scene;
  const { hash, state } = find(scene, hashOf(request, "payment_hash"));
  if (state === "SETTLED") throw new RpcRefusal("invoice already settled");
  if (state === "ACCEPTED") throw new RpcRefusal("invoice already accepted");
  // Closed at once, so that no payment slips in while the cancellation becomes durable.
  node.invoices.cancel({ hash });
  await world.journal.append({ type: "canceled", node: node.name, hash });
  return {};
}

/** Forward from `index_offset` (exclusive), or backward from it when `reversed`; 100 at a time unless told. */
function list({ node }: Scene, request: Message): Message {
  const offset = numberOf(request, "index_offset");
  const wanted = Math.min(numberOf(request, "num_max_invoices") || 100, MAX_LISTED);
  const isPending = (invoice: InvoiceRecord) => invoice.state === "OPEN" || invoice.state === "ACCEPTED";
  const rows = node.invoices.all().filter((invoice) => !isSet(request, "pending_only") || isPending(invoice));
  const page = isSet(request, "reversed")
    ? rows.filter((invoice) => offset === 0 || invoice.addIndex < offset).slice(-wanted)
    : rows.filter((invoice) => invoice.addIndex > offset).slice(0, wanted);
  return {
    invoices: page.map(message),
    first_index_offset: page[0]?.addIndex ?? 0,
    last_index_offset: page.at(-1)?.addIndex ?? 0,
  };
}

/** First what was added and settled after the given indexes (0: nothing old), then everything as it happens. */
function subscribe({ node }: Scene, request: Message, stream: Stream): void {
  const addIndex = integerOf(request, "add_index");
  const settleIndex = integerOf(request, "settle_index");
  if (addIndex > 0n) {
    for (const invoice of node.invoices.all()) if (invoice.addIndex > addIndex) stream.send(message(invoice));
  }
  if (settleIndex > 0n) {
    for (const invoice of node.invoices.settled()) if (invoice.settleIndex > settleIndex) stream.send(message(invoice));
  }
  stream.onClosed(node.invoices.subscribe((invoice) => stream.send(message(invoice))));
}

function message(invoice: InvoiceRecord): Message {
  return invoiceMessage(invoice, INVOICE_FEATURES);
}
