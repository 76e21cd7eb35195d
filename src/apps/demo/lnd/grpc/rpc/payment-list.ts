/** RPCs about the payments a node has made. Permissions offchain:read, and offchain:write to forget them. */
import { deleteAllPayments, deletePayment } from "../../node/delete-payments.ts";
import type { PaymentRecord } from "../../node/payment-book.ts";
import { RpcRefusal } from "../../node/refusal.ts";
import { paymentMessage } from "../messages.ts";
import { hashOf, isSet, type Message, numberOf } from "../request.ts";
import type { RpcTable, Scene } from "./rpc.ts";

export const paymentListRpcs: RpcTable = {
  "/lnrpc.Lightning/ListPayments": { permission: "offchain:read", answer: list },
  "/lnrpc.Lightning/DeletePayment": { permission: "offchain:write", answer: remove },
  "/lnrpc.Lightning/DeleteAllPayments": { permission: "offchain:write", answer: removeAll },
};

const MAX_LISTED = 1_000_000;

/**
 * Forward from `index_offset` (exclusive), or backward from it when `reversed`. What has not succeeded is left out
 * unless `include_incomplete`; the indexes in the answer are those of what it shows, 0 when it shows nothing.
 */
function list({ world, node }: Scene, request: Message): Message {
  const offset = numberOf(request, "index_offset");
  const wanted = numberOf(request, "max_payments") || MAX_LISTED;
  const isReversed = isSet(request, "reversed");
  const from = numberOf(request, "creation_date_start");
  const until = numberOf(request, "creation_date_end") || Number.POSITIVE_INFINITY;
  if (from !== 0 && from >= until) throw new RpcRefusal(`start date(${from}) must be before end date(${until})`);
  const isWanted = ({ index, status, createdAt }: PaymentRecord) => {
    const isBeyond = isReversed ? offset === 0 || index < offset : index > offset;
    const isComplete = status === "SUCCEEDED" || isSet(request, "include_incomplete");
    return isBeyond && isComplete && createdAt >= from && createdAt <= until;
  };
  const found = [...node.payments.all()].filter(isWanted);
  const shown = isReversed ? found.slice(-wanted) : found.slice(0, wanted);
  return {
    payments: shown.map((payment) => paymentMessage(world.network, payment)),
    first_index_offset: shown[0]?.index ?? 0,
    last_index_offset: shown.at(-1)?.index ?? 0,
    total_num_payments: isSet(request, "count_total_payments") ? [...node.payments.all()].length : 0,
  };
}

async function remove({ world, node }: Scene, request: Message): Promise<Message> {
  const hash = hashOf(request, "payment_hash");
  if (isSet(request, "failed_htlcs_only")) node.payments.removeFailedAttempts(hash);
  else await deletePayment(world, node, hash);
  return { status: "payment deleted" };
}

async function removeAll({ world, node }: Scene, request: Message): Promise<Message> {
  const all = isSet(request, "all_payments");
  const failedOnly = isSet(request, "failed_payments_only");
  const attemptsOnly = isSet(request, "failed_htlcs_only");
  if (!all && !failedOnly && !attemptsOnly) {
    const options = "`all_payments`, `failed_payments_only`, or `failed_htlcs_only`";
    throw new RpcRefusal(`at least one of the options ${options} must be set to true`);
  }
  if (all && (failedOnly || attemptsOnly)) {
    const options = "either `failed_payments_only` or `failed_htlcs_only`";
    throw new RpcRefusal(`\`all_payments\` cannot be set to true while ${options} is also set to true`);
  }
  if (!attemptsOnly) {
    const count = await deleteAllPayments(world, node, failedOnly);
    return { status: `${count} payments deleted, failed_htlcs_only=false` };
  }
  for (const { hash, status } of node.payments.all()) {
    if (status === "FAILED" || (status === "SUCCEEDED" && !failedOnly)) node.payments.removeFailedAttempts(hash);
  }
  return { status: "0 payments deleted, failed_htlcs_only=true" };
}
