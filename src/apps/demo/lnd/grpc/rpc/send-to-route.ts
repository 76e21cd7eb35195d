/** The RPC that sends an HTLC along a route its caller wrote. Permission offchain:write. */
import { RpcRefusal } from "../../node/refusal.ts";
import { sendToRoute } from "../../node/send-to-route.ts";
import { attemptMessage } from "../messages.ts";
import { readRoute } from "../read-route.ts";
import { hashOf, isSet, type Message, messageOf } from "../request.ts";
import type { RpcTable, Scene } from "./rpc.ts";

export const sendToRouteRpcs: RpcTable = {
  "/routerrpc.Router/SendToRouteV2": { permission: "offchain:write", answer: send },
};

/**
 * A whole payment, or with an MPP record one part of it. When it fails the payment has failed, unless the caller
 * would go on (`skip_temp_err`) and it was not the payee who refused.
 */
async function send({ world, node }: Scene, request: Message): Promise<Message> {
  const { network } = world;
  const { route, payload } = readRoute(network, node.index, messageOf(request, "route"));
  const hash = hashOf(request, "payment_hash");
  const skipsTemporary = isSet(request, "skip_temp_err");
  const amountMsat = route.hops.at(-1)!.forwardMsat;
  const valueMsat = payload.secret === undefined ? amountMsat : payload.totalMsat;
  if (skipsTemporary && payload.secret === undefined)
    throw new RpcRefusal("cannot skip temp error for non-MPP payment");
  if (valueMsat < amountMsat) {
    const amounts = `attempted=${amountMsat} mSAT, payment amount=${valueMsat} mSAT`;
    throw new RpcRefusal(`attempted value exceeds payment amount: ${amounts}`);
  }
  const start = { hash, valueMsat, paymentRequest: "", createdAt: world.now() };
  const payment = node.payments.beginPart(start, { amountMsat, secret: payload.secret });
  const result = await sendToRoute(world, node, payment, route, payload);
  if (!result.settled) {
    const { code, sourceIndex } = result.failure;
    const isFinal = sourceIndex >= route.hops.length && code !== "MPP_TIMEOUT";
    if (code === "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS") {
      node.payments.fail(payment, "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS");
    } else if (isFinal || !skipsTemporary) node.payments.fail(payment, "FAILURE_REASON_ERROR");
  }
  return attemptMessage(network, result.attempt);
}
