/** RPCs that pay, and that tell what became of it. Permissions offchain:write and offchain:read. */
import { decodeInvoice } from "../../../../../core/bolt11/decode.ts";
import type { Invoice } from "../../../../../core/bolt11/invoice.ts";
import { toHex } from "../../../../../core/bytes.ts";
import type { PaymentRecord } from "../../node/payment-book.ts";
import { RPC_STATUS, RpcRefusal } from "../../node/refusal.ts";
import { BLOCK_PADDING, beginPayment, type PaymentPlan, sendPayment } from "../../node/send-payment.ts";
import type { World } from "../../node/world.ts";
import { featuresMessage, paymentMessage } from "../messages.ts";
import {
  amountOf,
  bytesOf,
  hashOf,
  integerOf,
  isSet,
  listOf,
  type Message,
  nodeOf,
  numberOf,
  textOf,
  toNumber,
} from "../request.ts";
import type { RpcTable, Scene, Stream } from "./rpc.ts";

/** A payment under way goes on when the node is back. */
const farewell = new RpcRefusal("routerrpc server shutting down");

export const paymentRpcs: RpcTable = {
  "/lnrpc.Lightning/DecodePayReq": { permission: "offchain:read", answer: decode },
  "/routerrpc.Router/SendPaymentV2": { permission: "offchain:write", stream: send, farewell },
  "/routerrpc.Router/TrackPaymentV2": { permission: "offchain:read", stream: track, farewell },
};

const DEFAULT_TIMEOUT_SEC = 60;
const DEFAULT_FINAL_CLTV = 80;
const MAX_CLTV = 2_016;

function decode(_scene: Scene, request: Message): Message {
  const invoice = readInvoice(textOf(request, "pay_req"));
  const amount = invoice.amount ?? 0n;
  return {
    destination: toHex(invoice.payee),
    payment_hash: toHex(invoice.paymentHash),
    num_satoshis: (amount / 1000n).toString(),
    num_msat: amount.toString(),
    timestamp: invoice.timestamp,
    expiry: invoice.expirySec,
    description: invoice.description ?? "",
    description_hash: invoice.descriptionHash ? toHex(invoice.descriptionHash) : "",
    cltv_expiry: invoice.minFinalCltvExpiry,
    payment_addr: Buffer.from(invoice.paymentSecret),
    features: featuresMessage(invoice.features),
    route_hints: invoice.routeHints.map((hint) => ({
      hop_hints: hint.map((hop) => ({
        node_id: toHex(hop.nodeKey),
        chan_id: hop.channelId.toString(),
        fee_base_msat: hop.feeBaseMsat,
        fee_proportional_millionths: hop.feeRatePpm,
        cltv_expiry_delta: hop.cltvDelta,
      })),
    })),
  };
}

function send({ world, node }: Scene, request: Message, stream: Stream): void {
  const plan = readPlan(world, request);
  if (plan.target === node.index && !isSet(request, "allow_self_payment")) {
    throw new RpcRefusal("self-payments not allowed");
  }
  const payment = beginPayment(world, node, plan);
  follow({ world, node }, payment, stream, !isSet(request, "no_inflight_updates"));
  sendPayment(world, node, payment, plan).catch((error) => stream.fail(error));
}

function track({ world, node }: Scene, request: Message, stream: Stream): void {
  const payment = node.payments.find(hashOf(request, "payment_hash"));
  if (!payment) throw new RpcRefusal("payment isn't initiated", RPC_STATUS.notFound);
  follow({ world, node }, payment, stream, !isSet(request, "no_inflight_updates"));
}

/** Sends the payment as it stands and at every change, until it is decided. */
function follow(
  { world, node }: Pick<Scene, "world" | "node">,
  payment: PaymentRecord,
  stream: Stream,
  wantsUpdates: boolean,
): void {
  const show = (current: PaymentRecord) => {
    const isDecided = current.status !== "IN_FLIGHT";
    if (isDecided || wantsUpdates) stream.send(paymentMessage(world.network, current));
    if (!isDecided) return;
    unfollow();
    stream.end();
  };
  const unfollow = node.payments.follow(payment.hash, show);
  stream.onClosed(unfollow);
  show(payment);
}

/** From an invoice, or from its parts (a payment hash, a destination, an amount). */
function readPlan(world: World, request: Message): PaymentPlan {
  const { network } = world;
  const amount = amountOf(request, "amt", "amt_msat");
  const feeLimit = amountOf(request, "fee_limit_sat", "fee_limit_msat");
  const lastHop = bytesOf(request, "last_hop_pubkey");
  const lastHopNode = lastHop.length > 0 ? (nodeOf(network, lastHop) ?? NOWHERE) : undefined;
  const channels = listOf(request, "outgoing_chan_ids").map((id) => BigInt(String(id)));
  const single = integerOf(request, "outgoing_chan_id");
  if (single !== 0n) channels.push(single);
  const cltvLimit = numberOf(request, "cltv_limit");
  if (cltvLimit > MAX_CLTV) throw new RpcRefusal(`total time lock of ${cltvLimit} exceeds max allowed ${MAX_CLTV}`);
  const timeoutSec = numberOf(request, "timeout_seconds");
  if (timeoutSec < 0) throw new RpcRefusal("timeout_seconds cannot be negative");
  const decided = {
    feeLimitMsat: toNumber(feeLimit),
    cltvLimit: cltvLimit || MAX_CLTV,
    timeoutSec: timeoutSec > 0 ? timeoutSec : DEFAULT_TIMEOUT_SEC,
    ...(channels.length > 0 && { outgoingChannels: new Set(channels) }),
    ...(lastHopNode !== undefined && { lastHop: lastHopNode }),
  };
  const text = textOf(request, "payment_request");
  const asked = text === "" ? readParts(world, request, amount) : readInvoicePlan(world, text, amount);
  const least = asked.finalCltvDelta + BLOCK_PADDING;
  if (cltvLimit > 0 && cltvLimit <= least)
    throw new RpcRefusal(`cltv limit ${cltvLimit} should be greater than ${least}`);
  return { ...decided, ...asked };
}

type Asked = Pick<PaymentPlan, "hash" | "target" | "amountMsat" | "finalCltvDelta" | "secret" | "paymentRequest">;

function readInvoicePlan(world: World, text: string, amount: bigint): Asked {
  const invoice = readInvoice(text);
  const validUntil = invoice.timestamp + invoice.expirySec;
  if (world.now() >= validUntil) {
    const date = new Date(validUntil * 1000).toISOString().replace("T", " ").slice(0, 19);
    throw new RpcRefusal(`invoice expired. Valid until ${date} +0000 UTC`);
  }
  if (invoice.amount === undefined && amount === 0n) {
    throw new RpcRefusal("amount must be specified when paying a zero amount invoice");
  }
  if (invoice.amount !== undefined && amount !== 0n) {
    throw new RpcRefusal("amount must not be specified when paying a non-zero amount invoice");
  }
  return {
    hash: toHex(invoice.paymentHash),
    // A payee outside the network is no place in it, and no search finds one.
    target: world.network.indexOfKey.get(toHex(invoice.payee)) ?? NOWHERE,
    amountMsat: toNumber(invoice.amount ?? amount),
    finalCltvDelta: invoice.minFinalCltvExpiry,
    secret: toHex(invoice.paymentSecret),
    paymentRequest: text,
  };
}

const NOWHERE = -1;

function readParts(world: World, request: Message, amount: bigint): Asked {
  if (amount === 0n) throw new RpcRefusal("amount must be specified");
  const secret = bytesOf(request, "payment_addr").toString("hex");
  return {
    hash: hashOf(request, "payment_hash"),
    target: nodeOf(world.network, bytesOf(request, "dest")) ?? NOWHERE,
    amountMsat: toNumber(amount),
    finalCltvDelta: numberOf(request, "final_cltv_delta") || DEFAULT_FINAL_CLTV,
    secret: secret === "" ? undefined : secret,
    paymentRequest: "",
  };
}

function readInvoice(text: string): Invoice {
  let invoice: Invoice;
  try {
    invoice = decodeInvoice(text);
  } catch (error) {
    throw new RpcRefusal(error instanceof Error ? error.message : String(error));
  }
  if (invoice.network !== "bcrt") throw new RpcRefusal("invoice not for current active network 'regtest'");
  return invoice;
}
