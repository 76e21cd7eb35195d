/** Makes a node forget payments it has made. Those under way stay: their money is not decided. */
import type { PaymentRecord } from "./payment-book.ts";
import type { LocalNode, World } from "./world.ts";

/** Resolves when it is durable. @throws RpcRefusal UNKNOWN for a payment that is not there, or under way */
export async function deletePayment(world: World, node: LocalNode, hash: string): Promise<void> {
  const wasMade = node.payments.find(hash)?.status === "SUCCEEDED";
  node.payments.remove(hash);
  // Failed ones are in no journal.
  if (wasMade) await world.journal.append({ type: "forgotten", node: node.name, hash });
}

/** Forgets all that are decided, or the failed ones alone. Resolves to how many, when it is durable. */
export async function deleteAllPayments(world: World, node: LocalNode, failedOnly: boolean): Promise<number> {
  const gone = [...node.payments.all()].filter((payment) => isRemovable(payment, failedOnly));
  await Promise.all(gone.map(({ hash }) => deletePayment(world, node, hash)));
  return gone.length;
}

function isRemovable({ status }: PaymentRecord, failedOnly: boolean): boolean {
  return status === "FAILED" || (status === "SUCCEEDED" && !failedOnly);
}
