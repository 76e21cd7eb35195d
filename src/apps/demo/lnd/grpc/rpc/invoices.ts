/** RPCs about the node's own invoices. Permissions invoices:read and invoices:write. */
import { addInvoice, INVOICE_FEATURES, type InvoiceWish } from "../../node/add-invoice.ts";
import { cancelInvoice } from "../../node/cancel-invoice.ts";
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
  "/invoicesrpc.Invoices/LookupInvoiceV2": { permission: "invoices:write", answer: lookupByReference },
  "/invoicesrpc.Invoices/CancelInvoice": { permission: "invoices:write", answer: cancel },
};

const MAX_LISTED = 10_000;

/** What AddInvoice and AddHoldInvoice have in common. @throws RpcRefusal for what no simulated node offers */
export function readWish(request: Message): InvoiceWish {
  const descriptionHash = bytesOf(request, "description_hash").toString("hex");
  if (textOf(request, "fallback_addr") !== "") throw new RpcRefusal("invalid fallback address: none on this chain");
  if (listOf(request, "route_hints").length > 0) throw new RpcRefusal("this simulated node takes no route hints");
  return {
    memo: textOf(request, "memo"),
    valueMsat: amountOf(request, "value", "value_msat"),
    ...(descriptionHash !== "" && { descriptionHash }),
    expirySec: numberOf(request, "expiry"),
    cltvExpiry: numberOf(request, "cltv_expiry"),
    isPrivate: isSet(request, "private"),
  };
}

async function add({ world, node }: Scene, request: Message): Promise<Message> {
  const preimage = bytesOf(request, "r_preimage").toString("hex");
  if (isSet(request, "is_amp") || isSet(request, "is_blinded"))
    throw new RpcRefusal("not offered by this simulated node");
  const wish = readWish(request);
  const invoice = await addInvoice(world, node, preimage === "" ? wish : { ...wish, preimage });
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

/** Unlike LookupInvoice it says INVALID_ARGUMENT of what is no reference, and UNKNOWN while there is no invoice at all. */
function lookupByReference({ node }: Scene, request: Message): Message {
  const hash = bytesOf(request, "payment_hash");
  const { invalidArgument, notFound, unknown } = RPC_STATUS;
  if (hash.length === 0) throw new RpcRefusal("invoice ref must be set", invalidArgument);
  if (hash.length !== 32) {
    throw new RpcRefusal(`unable to parse pay hash: invalid hash length of ${hash.length}, want 32`, invalidArgument);
  }
  const invoice = node.invoices.find(hash.toString("hex"));
  if (invoice) return message(invoice);
  if (node.invoices.isEmpty()) throw new RpcRefusal("there are no existing invoices", unknown);
  throw new RpcRefusal("unable to locate invoice", notFound);
}

function find({ node }: Scene, hash: string): InvoiceRecord {
  const invoice = node.invoices.find(hash);
  if (invoice) return invoice;
  const words = node.invoices.isEmpty() ? "there are no existing invoices" : "unable to locate invoice";
  throw new RpcRefusal(words, RPC_STATUS.notFound);
}

async function cancel({ world, node }: Scene, request: Message): Promise<Message> {
  await cancelInvoice(world, node, hashOf(request, "payment_hash"));
  return {};
}

/** Forward from `index_offset` (exclusive), or backward from it when `reversed`; 100 at a time unless told. */
function list({ node }: Scene, request: Message): Message {
  const offset = numberOf(request, "index_offset");
  const wanted = Math.min(numberOf(request, "num_max_invoices") || 100, MAX_LISTED);
  const isReversed = isSet(request, "reversed");
  const from = numberOf(request, "creation_date_start");
  const until = numberOf(request, "creation_date_end") || Number.POSITIVE_INFINITY;
  const page: InvoiceRecord[] = [];
  for (const invoice of node.invoices.all()) {
    const { addIndex, state } = invoice;
    const createdAt = Math.floor(invoice.createdAt);
    if (isReversed ? offset !== 0 && addIndex >= offset : addIndex <= offset) continue;
    if (createdAt < from || createdAt > until) continue;
    if (isSet(request, "pending_only") && state !== "OPEN" && state !== "ACCEPTED") continue;
    page.push(invoice);
    if (!isReversed && page.length === wanted) break;
  }
  const shown = page.slice(-wanted);
  return {
    invoices: shown.map(message),
    first_index_offset: shown[0]?.addIndex ?? 0,
    last_index_offset: shown.at(-1)?.addIndex ?? 0,
  };
}

/**
 * First what was added and settled after the given indexes (0: nothing old), then everything as it happens that lies
 * beyond them: an index the node has not reached yet hides what comes before it. Canceled invoices are never told of.
 */
function subscribe({ node }: Scene, request: Message, stream: Stream): void {
  let addIndex = integerOf(request, "add_index");
  let settleIndex = integerOf(request, "settle_index");
  const show = (invoice: InvoiceRecord) => {
    // Not even a hold invoice is told of before it is settled.
    if (invoice.state === "CANCELED" || invoice.state === "ACCEPTED") return;
    if (invoice.state === "SETTLED") {
      if (invoice.settleIndex <= settleIndex) return;
      settleIndex = BigInt(invoice.settleIndex);
    } else {
      if (invoice.addIndex <= addIndex) return;
      addIndex = BigInt(invoice.addIndex);
    }
    stream.send(message(invoice));
  };
  if (addIndex > 0n) {
    for (const invoice of node.invoices.all()) {
      if (invoice.addIndex > addIndex && invoice.state !== "CANCELED") stream.send(message(invoice));
    }
  }
  if (settleIndex > 0n) for (const invoice of node.invoices.settled()) show(invoice);
  stream.onClosed(node.invoices.subscribe(show));
}

function message(invoice: InvoiceRecord): Message {
  return invoiceMessage(invoice, INVOICE_FEATURES);
}
