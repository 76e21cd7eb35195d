/** Job: book what was paid and not booked, and check that the books hold. */
import type { LndClient } from "../../../adapters/lnd/connect.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import type { PayingNode } from "../../payments.ts";
import { reconcileNow } from "../../reconciliation.ts";

const TIMEOUT_SEC = 1_800;

/** What the job reports. */
export type ReconcileEvents = {
  reconciled(found: {
    /** Undefined when not every node could be asked. */
    at: number | undefined;
    differenceMsat: bigint;
    unclaimedMsat: bigint;
    tokensMsat: bigint;
    revenueMsat: bigint;
    findings: readonly string[];
  }): void;
};

export function reconcileJob(deps: {
  database: Database;
  /** Every node that may make invoices, as it is reached at the time. */
  nodes: () => readonly LndClient[];
  /** Every node that may pay. */
  payers: () => readonly PayingNode[];
  everySec: number;
  events: ReconcileEvents;
  signal: AbortSignal;
}): Job {
  const { database, nodes, payers, everySec, events, signal } = deps;
  return {
    name: "reconcile",
    everySec,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const found = await reconcileNow({ database, nodes: nodes(), payers: payers(), signal });
      const { ok, at, differenceMsat, findings, books, unasked } = found;
      const { lightningMsat, unclaimedMsat, tokensMsat, revenueMsat } = books;
      const isComplete = unasked.length === 0;
      events.reconciled({
        at: isComplete ? at : undefined,
        differenceMsat,
        unclaimedMsat,
        tokensMsat,
        revenueMsat,
        findings,
      });
      if (!isComplete) throw unasked[0];
      const healed = found.nodes.reduce((sum, node) => sum + node.healed, 0);
      return { ok, lightningMsat: String(lightningMsat), healed, findings: findings.length };
    },
  };
}
