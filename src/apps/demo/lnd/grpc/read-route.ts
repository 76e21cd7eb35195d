/** Reads a route that a client wrote (lnrpc.Route), and plans nothing: whatever it says is tried. */
import type { Network } from "../network/network.ts";
import { headOf } from "../network/network.ts";
import type { Hop, Route } from "../network/route.ts";
import { arcOf } from "../network/walk-route.ts";
import { RpcRefusal } from "../node/refusal.ts";
import type { Payload } from "../node/send-to-route.ts";
import { bytesOf, integerOf, listOf, type Message, messageOf, nodeOf, numberOf, textOf, toNumber } from "./request.ts";

/** An onion has room for this many. */
const MAX_HOPS = 27;

/** @throws RpcRefusal in LND's words when it is no route at all */
export function readRoute(
  network: Network,
  source: number,
  message: Message | undefined,
): { route: Route; payload: Payload } {
  if (!message) throw new RpcRefusal("unable to send, no routes provided");
  const rows = listOf(message, "hops") as Message[];
  if (rows.length === 0) throw new RpcRefusal("empty route hops provided");
  if (rows.length > MAX_HOPS) throw new RpcRefusal("route exceeds the number of hops an onion can hold");

  const hops: Hop[] = [];
  let at = source;
  for (const row of rows) {
    const hop = readHop(network, at, row);
    hops.push(hop);
    at = hop.node;
  }
  const totalMsat = toNumber(positive(integerOf(message, "total_amt_msat")));
  const last = hops.at(-1)!;
  const record = messageOf(rows.at(-1)!, "mpp_record");
  return {
    route: {
      hops,
      totalMsat,
      totalFeesMsat: totalMsat - last.forwardMsat,
      totalTimeLock: numberOf(message, "total_time_lock"),
    },
    payload: record
      ? {
          secret: bytesOf(record, "payment_addr").toString("hex"),
          totalMsat: toNumber(positive(integerOf(record, "total_amt_msat"))),
        }
      : { secret: undefined, totalMsat: last.forwardMsat },
  };
}

/** A hop without a key is the other end of its channel. One whose key nobody has is at no place (−1). */
function readHop(network: Network, at: number, row: Message): Hop {
  const channelId = BigInt.asUintN(64, integerOf(row, "chan_id"));
  const key = textOf(row, "pub_key");
  const arc = arcOf(network, channelId, at);
  if (key === "" && arc === undefined) throw new RpcRefusal("edge not found");
  return {
    channelId,
    node: key === "" ? headOf(network, arc!) : (nodeOf(network, key) ?? -1),
    forwardMsat: toNumber(positive(integerOf(row, "amt_to_forward_msat"))),
    feeMsat: toNumber(positive(integerOf(row, "fee_msat"))),
    expiry: numberOf(row, "expiry"),
  };
}

function positive(amount: bigint): bigint {
  if (amount < 0n) throw new RpcRefusal("amount cannot be negative");
  return amount;
}
