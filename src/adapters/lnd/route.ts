/** A route as LND describes it (lnrpc.Route), both ways. */
import { OracleError } from "../../core/errors.ts";
import type { Msat } from "../../core/units.ts";
import { type Answer, countField, messagesField, msatField, nodeKeyField, uint64Field } from "./fields.ts";

/**
 * One hop: the channel that leads to `nodeKey`. `fee` is what that node keeps for passing `amount` on (0 at the
 * target), `expiryHeight` the block height at which the HTLC it passes on times out.
 */
export type RouteHop = { channelId: bigint; nodeKey: string; amount: Msat; fee: Msat; expiryHeight: number };

/** `totalAmount` includes the fees; `expiryHeight` is that of the first HTLC, the longest our money can be locked. */
export type LndRoute = { hops: RouteHop[]; totalAmount: Msat; totalFee: Msat; expiryHeight: number };

/** An onion holds 27 hops at the smallest payload. */
const MAX_HOPS = 27;

/** @throws LND_REFUSED for a route without hops, or whose fields are out of bounds */
export function readRoute(route: Answer): LndRoute {
  const hops = messagesField(route, "hops", MAX_HOPS).map((hop) => ({
    channelId: uint64Field(hop, "chan_id"),
    nodeKey: nodeKeyField(hop, "pub_key"),
    amount: msatField(hop, "amt_to_forward_msat"),
    fee: msatField(hop, "fee_msat"),
    expiryHeight: countField(hop, "expiry", 0xffff_ffff),
  }));
  if (hops.length === 0) throw new OracleError("LND_REFUSED", `LND's answer to ${route.rpc} has a route without hops`);
  return {
    hops,
    totalAmount: msatField(route, "total_amt_msat"),
    totalFee: msatField(route, "total_fees_msat"),
    expiryHeight: countField(route, "total_time_lock", 0xffff_ffff),
  };
}

/** The lnrpc.Route to send along. With `paymentAddress` the last hop carries the record every modern target asks for. */
export function writeRoute(route: LndRoute, paymentAddress: Uint8Array | undefined): object {
  const hops = route.hops.map((hop, index) => ({
    chan_id: hop.channelId.toString(),
    pub_key: hop.nodeKey,
    amt_to_forward_msat: hop.amount.toString(),
    fee_msat: hop.fee.toString(),
    expiry: hop.expiryHeight,
    tlv_payload: true,
    ...(paymentAddress &&
      index === route.hops.length - 1 && {
        mpp_record: { payment_addr: paymentAddress, total_amt_msat: hop.amount.toString() },
      }),
  }));
  return {
    hops,
    total_amt_msat: route.totalAmount.toString(),
    total_fees_msat: route.totalFee.toString(),
    total_time_lock: route.expiryHeight,
  };
}
