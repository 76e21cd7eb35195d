/** Queue: call the endpoints that are due, as a customer would, and pay some of them. Any number of processes share it. */
import { randomBytes } from "node:crypto";
import { type Database, inTransaction } from "../../../adapters/postgres/connect.ts";
import { endpointProbeTable, takeDueEndpoints } from "../../../adapters/postgres/endpoint-probe.ts";
import type { Queue } from "../../../adapters/postgres/jobs.ts";
import { countWaiting, type Waiting } from "../../../adapters/postgres/waiting-jobs.ts";
import type { InvoiceNetwork } from "../../../core/bolt11/invoice.ts";
import type { Finding } from "../../../core/inspect/finding.ts";
import type { Exchange } from "../../../core/inspect/judged.ts";
import type { Cadence } from "../../../core/inspect/next-call.ts";
import type { CallRequest } from "../../../core/inspect/request.ts";
import type { PaymentLimits } from "../../../core/spend/policy.ts";
import { probeEndpoint } from "../../../oracle/inspect/probe-endpoint.ts";
import { now } from "../../clock.ts";
import { buyAnswer } from "../../endpoint-payments.ts";
import type { PayingNode } from "../../payments.ts";

/** What the queue reports. */
export type ProbeEndpointsEvents = {
  endpointCalled(finding: Finding): void;
  /** How all jobs and queues stand. */
  jobsWaiting(found: readonly Waiting[]): void;
};

type Deps = {
  database: Database;
  /** One request, bounded in every way; it throws for nothing that the other side does. */
  ask(request: CallRequest, signal: AbortSignal): Promise<Exchange>;
  self(): Promise<{ nodePubkey: string; network: InvoiceNetwork }>;
  payers: () => readonly PayingNode[];
  limits: PaymentLimits;
  cadence: Cadence;
  concurrency: number;
  events: ProbeEndpointsEvents;
  signal: AbortSignal;
};

/** Of one host at once: an endpoint is to be measured, not burdened. */
const PER_HOST = 2;
/** More than what this process can call until the next planning, so that others find work too. */
const PER_PLAN = 500;
const PLAN_EVERY_SEC = 10;
/** An item that was planned and never came to its end is due again. */
const AGAIN_SEC = 7_200;
/** Two requests and a payment, each bounded by itself. */
const TIMEOUT_SEC = 300;
/** A payment that hangs is looked after for hours: HTLCs do. */
const RETRIES = 14;

type Item = { endpointId: string; mayPay: boolean };

export function probeEndpointsQueue(deps: Deps): Queue<Item> {
  const { database, ask, self, limits, cadence, concurrency, events, signal } = deps;
  const ports = {
    ...endpointProbeTable(database),
    ask,
    self,
    pay: buyAnswer(deps),
    newAttempt: () => randomBytes(32).toString("hex"),
    random: Math.random,
    now,
  };
  return {
    name: "probe-endpoints",
    concurrency,
    timeoutSec: TIMEOUT_SEC,
    retries: RETRIES,
    planEverySec: PLAN_EVERY_SEC,
    async plan(add) {
      events.jobsWaiting(await countWaiting(database));
      return inTransaction(database, async (client) => {
        const due = await takeDueEndpoints(client, {
          now: now(),
          limit: PER_PLAN,
          perHost: PER_HOST,
          againSec: AGAIN_SEC,
        });
        const mayPay = limits.mode === "auto";
        const items = due.map((each) => ({
          key: String(each.endpointId),
          data: { endpointId: String(each.endpointId), mayPay: mayPay && each.mayPay },
        }));
        await add(client, items);
        return { taken: items.length };
      });
    },
    async work({ jobId, data }) {
      const job = { jobId, endpointId: BigInt(data.endpointId), mayPay: data.mayPay };
      const finding = await probeEndpoint(ports, job, { cadence, signal });
      if (finding) events.endpointCalled(finding);
    },
  };
}
