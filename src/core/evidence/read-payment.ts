/** What a payment of ours proves that arrived. Its route is not kept, so it says nothing of any channel, nor does a failure. */
import { bucketAmount } from "../bucket-amount.ts";
import type { Msat, UnixSeconds } from "../units.ts";
import type { Evidence } from "./observation.ts";

/** Node keys are 66 lower-case hex digits; `attempt` is 64 random ones. */
export type ArrivedPayment = {
  readonly payee: string;
  readonly nodePubkey: string;
  readonly amount: Msat;
  readonly closedAt: UnixSeconds;
};

/** The payee was online and was paid that much, at least. */
export function readPayment({ payee, nodePubkey, amount, closedAt }: ArrivedPayment, attempt: string): Evidence {
  return {
    observedAt: closedAt,
    source: "payment",
    attempt,
    vantage: nodePubkey,
    observation: { kind: "reached", node: payee, amount: bucketAmount(amount), code: "SETTLED" },
  };
}
