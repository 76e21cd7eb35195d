/** Values of the simulation as LND's messages, in the field names of its .proto files. */

import type { Failure } from "../network/failure.ts";
import { headOf, type Network } from "../network/network.ts";
import type { Route } from "../network/route.ts";
import type { InvoiceRecord } from "../node/invoice-book.ts";
import { type InvoiceHtlc, sumOf } from "../node/invoice-htlc.ts";
import type { Attempt, PaymentRecord } from "../node/payment-book.ts";
import type { Message } from "./request.ts";

const FEATURE_NAMES: Record<number, string> = {
  8: "tlv-onion",
  9: "tlv-onion",
  14: "payment-addr",
  15: "payment-addr",
  16: "multi-path-payments",
  17: "multi-path-payments",
  24: "route-blinding",
  25: "route-blinding",
};
const NO_PREIMAGE = "0".repeat(64);

export function featuresMessage(bits: readonly number[]): Message {
  return Object.fromEntries(
    bits.map((bit) => {
      const name = FEATURE_NAMES[bit];
      return [bit, { name: name ?? "unknown", is_required: bit % 2 === 0, is_known: name !== undefined }];
    }),
  );
}

/** lnrpc.Invoice. Money that is in and not yet durable does not show: to LND's clients a payment is one step. */
export function invoiceMessage(invoice: InvoiceRecord, features: readonly number[]): Message {
  const isSettled = invoice.state === "SETTLED";
  const isShownAccepted = invoice.state === "ACCEPTED" && invoice.isHold;
  // What a hold invoice has locked counts as paid, also after it was canceled.
  const wasLocked = isShownAccepted || (invoice.isHold && invoice.state === "CANCELED");
  const paidMsat = wasLocked ? sumOf(invoice.htlcs) : invoice.amountPaidMsat;
  return {
    memo: invoice.memo,
    r_preimage: Buffer.from(invoice.preimage, "hex"),
    r_hash: Buffer.from(invoice.hash, "hex"),
    value: Math.floor(invoice.valueMsat / 1000),
    value_msat: invoice.valueMsat,
    settled: isSettled,
    creation_date: Math.floor(invoice.createdAt),
    settle_date: Math.floor(invoice.settledAt),
    payment_request: invoice.paymentRequest,
    description_hash: Buffer.from(invoice.descriptionHash ?? "", "hex"),
    expiry: invoice.expirySec,
    cltv_expiry: invoice.cltvExpiry,
    private: invoice.isPrivate,
    add_index: invoice.addIndex,
    settle_index: invoice.settleIndex,
    amt_paid: paidMsat,
    amt_paid_sat: Math.floor(paidMsat / 1000),
    amt_paid_msat: paidMsat,
    state: invoice.state === "ACCEPTED" && !isShownAccepted ? "OPEN" : invoice.state,
    htlcs: invoice.htlcs.map(htlcMessage),
    features: featuresMessage(features),
    payment_addr: Buffer.from(invoice.secret, "hex"),
  };
}

/** lnrpc.InvoiceHTLC */
function htlcMessage(htlc: InvoiceHtlc): Message {
  return {
    chan_id: htlc.channelId.toString(),
    amt_msat: htlc.amountMsat,
    accept_height: htlc.height,
    accept_time: Math.floor(htlc.acceptedAt),
    resolve_time: Math.floor(htlc.resolvedAt),
    expiry_height: htlc.expiry,
    state: htlc.state,
    mpp_total_amt_msat: htlc.totalMsat,
  };
}

/** lnrpc.Route; `payload` is the MPP record its last hop carries, if it has a secret. */
export function routeMessage(network: Network, route: Route, payload?: Attempt["payload"]): Message {
  const last = route.hops.length - 1;
  const mpp = payload?.secret !== undefined && {
    payment_addr: Buffer.from(payload.secret, "hex"),
    total_amt_msat: payload.totalMsat,
  };
  return {
    total_time_lock: route.totalTimeLock,
    total_fees: Math.floor(route.totalFeesMsat / 1000),
    total_amt: Math.floor(route.totalMsat / 1000),
    total_fees_msat: route.totalFeesMsat,
    total_amt_msat: route.totalMsat,
    hops: route.hops.map((hop, i) => {
      const channel = network.channelOfId.get(hop.channelId);
      return {
        chan_id: hop.channelId.toString(),
        chan_capacity: channel === undefined ? 0 : network.capacityMsat[channel]! / 1000,
        amt_to_forward: Math.floor(hop.forwardMsat / 1000),
        fee: Math.floor(hop.feeMsat / 1000),
        expiry: hop.expiry,
        amt_to_forward_msat: hop.forwardMsat,
        fee_msat: hop.feeMsat,
        pub_key: network.keys[hop.node] ?? "",
        tlv_payload: true,
        mpp_record: i === last && mpp ? mpp : null,
      };
    }),
  };
}

/** lnrpc.Failure, with the policy of the channel where the code brings one. */
function failureMessage(network: Network, failure: Failure): Message {
  const { code, sourceIndex, arc, htlcMsat = 0, height = 0 } = failure;
  return {
    code,
    failure_source_index: sourceIndex,
    htlc_msat: htlcMsat,
    height,
    channel_update: arc === undefined ? null : channelUpdateMessage(network, arc),
  };
}

function channelUpdateMessage(network: Network, arc: number): Message {
  const head = headOf(network, arc);
  const isSecondEnd = network.keys[network.ends[arc]!]! > network.keys[head]!;
  return {
    chan_id: network.channelIds[arc >> 1]!.toString(),
    timestamp: network.policyUpdates[arc],
    message_flags: 1,
    channel_flags: (isSecondEnd ? 1 : 0) | (network.enabled[arc] ? 0 : 2),
    time_lock_delta: network.cltvDelta[arc],
    htlc_minimum_msat: network.minHtlcMsat[arc],
    htlc_maximum_msat: network.maxHtlcMsat[arc],
    base_fee: network.feeBaseMsat[arc],
    fee_rate: network.feeRatePpm[arc],
  };
}

/** Of an instant in seconds; a double holds microseconds of it. */
function nanoseconds(seconds: number): string {
  return (BigInt(Math.round(seconds * 1_000_000)) * 1_000n).toString();
}

/** lnrpc.HTLCAttempt */
export function attemptMessage(network: Network, attempt: Attempt): Message {
  return {
    attempt_id: attempt.id,
    status: attempt.status,
    route: routeMessage(network, attempt.route, attempt.payload),
    attempt_time_ns: nanoseconds(attempt.startedAt),
    resolve_time_ns: nanoseconds(attempt.resolvedAt),
    failure: attempt.failure ? failureMessage(network, attempt.failure) : null,
    preimage: Buffer.from(attempt.preimage ?? "", "hex"),
  };
}

/** lnrpc.Payment */
export function paymentMessage(network: Network, payment: PaymentRecord): Message {
  const settled = payment.attempts.filter((attempt) => attempt.status === "SUCCEEDED");
  const feeMsat = settled.reduce((sum, { route }) => sum + route.totalFeesMsat, 0);
  const valueSat = Math.floor(payment.valueMsat / 1000);
  return {
    payment_hash: payment.hash,
    payment_preimage: payment.preimage ?? NO_PREIMAGE,
    value: valueSat,
    value_sat: valueSat,
    value_msat: payment.valueMsat,
    fee: Math.floor(feeMsat / 1000),
    fee_sat: Math.floor(feeMsat / 1000),
    fee_msat: feeMsat,
    creation_date: Math.floor(payment.createdAt),
    creation_time_ns: nanoseconds(payment.createdAt),
    payment_request: payment.paymentRequest,
    payment_index: payment.index,
    status: payment.status,
    failure_reason: payment.failureReason ?? "FAILURE_REASON_NONE",
    htlcs: payment.attempts.map((attempt) => attemptMessage(network, attempt)),
  };
}

/** lnrpc.LightningNode */
export function nodeMessage(network: Network, node: number): Message {
  return {
    last_update: network.nodeUpdates[node],
    pub_key: network.keys[node],
    alias: network.aliases[node],
    color: "#3399ff",
    addresses: [],
  };
}

/** lnrpc.ChannelEdge */
export function channelMessage(network: Network, channel: number): Message {
  return {
    channel_id: network.channelIds[channel]!.toString(),
    chan_point: network.channelPoints[channel],
    last_update: Math.max(network.policyUpdates[2 * channel]!, network.policyUpdates[2 * channel + 1]!),
    node1_pub: network.keys[network.ends[2 * channel]!],
    node2_pub: network.keys[network.ends[2 * channel + 1]!],
    capacity: network.capacityMsat[channel]! / 1000,
    node1_policy: policyMessage(network, 2 * channel),
    node2_policy: policyMessage(network, 2 * channel + 1),
  };
}

/** lnrpc.RoutingPolicy; null where the end has announced nothing. */
export function policyMessage(network: Network, arc: number): Message | null {
  if (!network.hasPolicy[arc]) return null;
  return {
    time_lock_delta: network.cltvDelta[arc],
    min_htlc: network.minHtlcMsat[arc],
    fee_base_msat: network.feeBaseMsat[arc],
    fee_rate_milli_msat: network.feeRatePpm[arc],
    disabled: !network.enabled[arc],
    max_htlc_msat: network.maxHtlcMsat[arc],
    last_update: network.policyUpdates[arc],
  };
}
