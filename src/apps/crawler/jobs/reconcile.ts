/** Job: book what was paid and not booked, and check that the books hold. */
import type { LndClient } from "../../../adapters/lnd/connect.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { reconcileNow } from "../../reconciliation.ts";

const TIMEOUT_SEC = 1_800;

/** What the job reports. */
export type ReconcileEvents = {
  reconciled(found: {
    at: number;
    differenceMsat: bigint;
    unclaimedMsat: bigint;
    tokensMsat: bigint;
    revenueMsat: bigint;
    findings: readonly string[];
  }): void;
};

export function reconcileJob(deps: {
  database: Database;
  lnd: LndClient;
  everySec: number;
  events: ReconcileEvents;
  signal: AbortSignal;
}): Job {
  const { database, lnd, everySec, events, signal } = deps;
  return {
    name: "reconcile",
    everySec,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const { ok, at, differenceMsat, findings, books, node } = await reconcileNow({ database, lnd, signal });
      const { lightningMsat, unclaimedMsat, tokensMsat, revenueMsat } = books;
      events.reconciled({ at, differenceMsat, unclaimedMsat, tokensMsat, revenueMsat, findings });
      return { ok, lightningMsat: String(lightningMsat), healed: node?.healed ?? 0, findings: findings.length };
    },
  };
}
