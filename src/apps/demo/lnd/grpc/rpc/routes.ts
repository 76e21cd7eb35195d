/** RPCs that plan a route without sending anything. */

import { pairOf } from "../../network/memory.ts";
import { feeOf } from "../../network/network.ts";
import type { Hop } from "../../network/route.ts";
import { parallelArcs } from "../../network/walk-route.ts";
import { RpcRefusal } from "../../node/refusal.ts";
import { spendable } from "../../node/send-payment.ts";
import { blockHeight } from "../../node/world.ts";
import { routeMessage } from "../messages.ts";
import {
  amountOf,
  bytesOf,
  integerOf,
  isSet,
  listOf,
  type Message,
  messageOf,
  nodeOf,
  numberOf,
  textOf,
  toNumber,
} from "../request.ts";
import type { RpcTable, Scene } from "./rpc.ts";

export const routeRpcs: RpcTable = {
  "/lnrpc.Lightning/QueryRoutes": { permission: "info:read", answer: queryRoutes },
  "/routerrpc.Router/BuildRoute": { permission: "offchain:read", answer: buildRoute },
};

const NO_ROUTE = "unable to find a path to destination";
const DEFAULT_FINAL_CLTV = 80;
const MAX_CLTV = 2_016;
const MAX_IGNORED = 10_000;
/** Up to here the fee may be as large as the amount, above it a twentieth. */
const SMALL_MSAT = 1_000_000n;

function queryRoutes({ world, node }: Scene, request: Message): Message {
  const { network } = world;
  const target = nodeOf(network, textOf(request, "pub_key"));
  const amount = amountOf(request, "amt", "amt_msat");
  const sourceKey = textOf(request, "source_pub_key");
  const source = sourceKey === "" ? node.index : nodeOf(network, sourceKey);
  const ownsSource = source === node.index;
  if (ownsSource && amount > BigInt(spendable(world, node))) throw new RpcRefusal("insufficient local balance");
  if (target === undefined || source === undefined || target === source || amount === 0n) {
    throw new RpcRefusal(NO_ROUTE);
  }
  const found = world.findRoute({
    source,
    target,
    ownsSource,
    amountMsat: toNumber(amount),
    feeLimitMsat: readFeeLimit(messageOf(request, "fee_limit"), amount),
    height: blockHeight(world.now()),
    finalCltvDelta: numberOf(request, "final_cltv_delta") || DEFAULT_FINAL_CLTV,
    cltvLimit: numberOf(request, "cltv_limit") || MAX_CLTV,
    ...readRestrictions(world.network, request),
  });
  if (!found) throw new RpcRefusal(NO_ROUTE);
  return {
    routes: [routeMessage(network, found.route)],
    success_prob: isSet(request, "use_mission_control") ? found.probability : 1,
  };
}

function readFeeLimit(limit: Message | undefined, amount: bigint): number {
  if (!limit) return toNumber(amount <= SMALL_MSAT ? amount : amount / 20n);
  const percent = integerOf(limit, "percent");
  return toNumber(percent > 0n ? (amount * percent) / 100n : amountOf(limit, "fixed", "fixed_msat"));
}

function readRestrictions(network: Scene["world"]["network"], request: Message) {
  const nodes = listOf(request, "ignored_nodes") as Buffer[];
  const pairs = listOf(request, "ignored_pairs") as Message[];
  if (nodes.length + pairs.length > MAX_IGNORED) throw new RpcRefusal("too much to ignore");
  const ids = listOf(request, "outgoing_chan_ids").map((id) => BigInt(String(id)));
  const single = integerOf(request, "outgoing_chan_id");
  const channels = single === 0n ? ids : [...ids, single];
  const lastHopKey = bytesOf(request, "last_hop_pubkey");
  const known = (key: Buffer) => nodeOf(network, key) ?? -1;
  return {
    ignoredNodes: new Set(nodes.map(known)),
    ignoredPairs: new Set(pairs.map((pair) => pairOf(known(bytesOf(pair, "from")), known(bytesOf(pair, "to"))))),
    ...(channels.length > 0 && { outgoingChannels: new Set(channels) }),
    ...(lastHopKey.length > 0 && { lastHop: known(lastHopKey) }),
  };
}

/** Along exactly these nodes, over the widest channel of each pair, with the fees and delays they announce. */
function buildRoute({ world, node }: Scene, request: Message): Message {
  const { network } = world;
  const keys = listOf(request, "hop_pubkeys") as Buffer[];
  if (keys.length === 0) throw new RpcRefusal("no hops specified");
  const amount = toNumber(amountOf(request, "amt", "amt_msat"));
  if (amount === 0) throw new RpcRefusal("amount must be specified");
  const nodes = [node.index, ...keys.map((key) => nodeOf(network, key) ?? -1)];
  const outgoing = integerOf(request, "outgoing_chan_id");
  const secret = bytesOf(request, "payment_addr").toString("hex");

  const isAllowed = (arc: number) => outgoing === 0n || network.channelIds[arc >> 1] === outgoing;
  let amountMsat = amount;
  let expiry = blockHeight(world.now()) + (numberOf(request, "final_cltv_delta") || DEFAULT_FINAL_CLTV);
  let kept: { forwardMsat: number; feeMsat: number; expiry: number } = { forwardMsat: amount, feeMsat: 0, expiry };
  const hops: Hop[] = [];
  for (let i = nodes.length - 1; i >= 1; i--) {
    const isFirst = i === 1;
    const arcs = parallelArcs(network, nodes[i - 1]!, nodes[i]!).filter(
      (arc) =>
        amountMsat >= network.minHtlcMsat[arc]! &&
        amountMsat <= network.maxHtlcMsat[arc]! &&
        // Of its own channels the node knows what they hold.
        (!isFirst || (amountMsat <= network.balanceMsat[arc]! && isAllowed(arc))),
    );
    const arc = arcs.sort((a, b) => network.capacityMsat[b >> 1]! - network.capacityMsat[a >> 1]!)[0];
    if (arc === undefined) throw new RpcRefusal(`no matching outgoing channel available for node ${i - 1}`);
    hops.unshift({ channelId: network.channelIds[arc >> 1]!, node: nodes[i]!, ...kept });
    if (isFirst) break;
    const feeMsat = feeOf(network, arc, amountMsat);
    kept = { forwardMsat: amountMsat, feeMsat, expiry };
    amountMsat += feeMsat;
    expiry += network.cltvDelta[arc]!;
  }
  const route = { hops, totalMsat: amountMsat, totalFeesMsat: amountMsat - amount, totalTimeLock: expiry };
  return { route: routeMessage(network, route, secret === "" ? undefined : { secret, totalMsat: amount }) };
}
