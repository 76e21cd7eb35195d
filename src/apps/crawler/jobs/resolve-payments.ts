/** Job: find out what became of payments nobody knows the end of, end those that were not approved in time, and say how we stand. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { readSpending, type Spending } from "../../../adapters/postgres/spend-budget.ts";
import { errorCode } from "../../../core/errors.ts";
import { isEnded, PAYMENT_STATES } from "../../../core/spend/payment.ts";
import { type PaymentLimits, SPEND_WINDOW_SEC } from "../../../core/spend/policy.ts";
import { type Resolution, resolvePayments } from "../../../oracle/spend/resolve-payments.ts";
import { type PayingNode, paymentPorts } from "../../payments.ts";

const EVERY_SEC = 10;
const TIMEOUT_SEC = 600;
const ACTOR = "crawler";

/** What the job reports. */
export type PaymentEvents = {
  spending(spending: Spending, limit: bigint): void;
  paymentsResolved(found: { missing: readonly string[] }): void;
  failed(place: string, error: unknown): void;
};

export function resolvePaymentsJob(deps: {
  database: Database;
  /** Every node that may pay, as it is reached at the time; while there is none, what is open stays so, and is counted. */
  payers: () => readonly PayingNode[];
  limits: PaymentLimits;
  events: PaymentEvents;
  signal: AbortSignal;
}): Job {
  const { database, payers, limits, events, signal } = deps;
  const say = async () => {
    const spending = await readSpending(database, SPEND_WINDOW_SEC);
    events.spending(spending, limits.per24hMsat);
    return spending.counts;
  };
  const ask = async (node: PayingNode): Promise<Resolution | undefined> => {
    try {
      const found = await resolvePayments(paymentPorts(database, node), { actor: ACTOR, signal });
      for (const problem of found.problems) events.failed("track payment", problem);
      return found;
    } catch (error) {
      // Asked again after the usual pause: a failed job would wait longer each time, and money is held meanwhile.
      if (errorCode(error) !== "LND_UNAVAILABLE" && errorCode(error) !== "LND_REFUSED") throw error;
      events.failed("resolve payments", error);
      return undefined;
    }
  };
  return {
    name: "resolve-payments",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      // Before the node is asked as well: when it is away, what is open must show all the same.
      const counts = await say();
      if (PAYMENT_STATES.every((state) => isEnded(state) || counts[state] === 0)) return { taken: 0 };
      const found = (await Promise.all(payers().map(ask))).filter((each) => each !== undefined);
      if (found.length > 0) events.paymentsResolved({ missing: found.flatMap(({ missing }) => missing) });
      await say();
      const sum = (name: "expired" | "lost" | "succeeded" | "failed" | "waiting") =>
        found.reduce((total, each) => total + each[name], 0);
      const news = { expired: sum("expired"), lost: sum("lost"), succeeded: sum("succeeded"), failed: sum("failed") };
      const taken = Object.values(news).reduce((total, each) => total + each, 0);
      return { taken, ...news, waiting: sum("waiting") };
    },
  };
}
