/** Job: settle probes that were left open, clean up behind old ones, and send new ones where they tell the most. */
import { deletePayment } from "../../../adapters/lnd/delete-payment.ts";
import { getInfo } from "../../../adapters/lnd/get-info.ts";
import { trackProbe } from "../../../adapters/lnd/track-probe.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { probeTable } from "../../../adapters/postgres/probe.ts";
import { probeQuestions } from "../../../adapters/postgres/probe-question.ts";
import type { ProbeLimits } from "../../../core/spend/policy.ts";
import { msat } from "../../../core/units.ts";
import { forgetProbes } from "../../../oracle/probe/forget-probes.ts";
import { resolveProbes } from "../../../oracle/probe/resolve-probes.ts";
import { runErrand } from "../../../oracle/probe/run-errand.ts";
import type { ProbeResult } from "../../../oracle/probe/send-probe.ts";
import { now } from "../../clock.ts";
import type { PayingNode } from "../../payments.ts";
import { errandPorts, hashBytes, openVantage } from "../../probing.ts";

/** What the job reports. */
export type ProbeEvents = {
  probed(result: ProbeResult): void;
  probesOpen(counts: { inFlight: number; unknown: number; leftThisHour: number }): void;
  failed(place: string, error: unknown): void;
};

type Deps = {
  database: Database;
  /** Those that can be asked to send now, the first one first. */
  nodes: () => PayingNode[];
  limits: ProbeLimits;
  events: ProbeEvents;
  signal: AbortSignal;
  /** Between two probes, on average. */
  pauseMs?: number;
};

/** Errands of one run; each is up to four probes. */
const BATCH = 4;
const SHORTEST_SEC = 20;
const LONGEST_SEC = 900;
const PAUSE_MS = 1_500;
/** A run with HTLCs that hang: each call ends after 60 s, and the place it held stays taken. */
const TIMEOUT_SEC = 1_800;

/**
 * Every node's own probes are brought to their end, in mode off too; new ones leave from the first node that answers.
 * Without a pay macaroon nothing can be sent or looked after.
 */
export function probeNodesJob(deps: Deps): Job {
  const { database, nodes, limits, events } = deps;
  const isOff = limits.mode === "off";
  const count = async () => {
    const { inFlight, unknown, sentLastHour } = await probeTable(database).counts(now());
    const leftThisHour = isOff ? 0 : Math.max(0, limits.perHour - sentLastHour);
    events.probesOpen({ inFlight, unknown, leftThisHour });
    return leftThisHour;
  };
  return {
    name: "probe-nodes",
    everySec: isOff ? LONGEST_SEC : secondsBetween(limits),
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const tidied = { open: 0, resolved: 0, forgotten: 0 };
      let first: PayingNode | undefined;
      for (const node of nodes()) {
        try {
          const done = await tidyUp(deps, node);
          for (const name of ["open", "resolved", "forgotten"] as const) tidied[name] += done[name];
          first ??= node;
        } catch (error) {
          // Another node may answer; this one's probes wait.
          events.failed("probes of a node", error);
        }
      }
      const left = await count();
      const sent = first && left > 0 ? await sendSome(deps, first, Math.min(BATCH, left)) : {};
      await count();
      return { mode: first ? limits.mode : "no node can send", ...tidied, ...sent };
    },
  };
}

/** So that the budget of an hour is spread over it, as far as whole batches allow. */
function secondsBetween({ perHour }: ProbeLimits): number {
  const evenly = Math.ceil((3_600 * BATCH) / Math.max(1, perHour));
  return Math.min(Math.max(evenly, SHORTEST_SEC), LONGEST_SEC);
}

async function tidyUp({ database, events, signal }: Deps, { readonly, pay }: PayingNode) {
  const node = await getInfo(readonly, { signal });
  const ports = {
    ...probeTable(database),
    track: async (paymentHash: string, hopCount: number) => {
      const booked = await trackProbe(pay, hashBytes(paymentHash), hopCount, { signal });
      if (booked?.status !== "failed") return booked && { status: booked.status };
      return booked.failure ? { status: booked.status, ...booked.failure } : { status: "forgotten" as const };
    },
    delete: (paymentHash: string) => deletePayment(pay, hashBytes(paymentHash), { signal }),
    onResult: events.probed,
    now,
  };
  const { open, resolved } = await resolveProbes(ports, node, signal);
  const forgotten = await forgetProbes(ports, node.nodePubkey, signal);
  return { open, resolved, forgotten };
}

async function sendSome(deps: Deps, lnd: PayingNode, count: number) {
  const { database, limits, events, signal, pauseMs = PAUSE_MS } = deps;
  const vantage = await openVantage({ database, lnd, limits, signal });
  if (!vantage) return { waitsFor: "the first graph" };
  const { node, situation, basis, thread } = vantage;
  try {
    const questions = await probeQuestions(database, now());
    const chosen = await thread.choose({ ...situation, questions, count });
    const ports = {
      ...errandPorts({ database, lnd, thread, signal, onResult: events.probed }),
      pause: () => pause(pauseMs, signal),
    };
    let answered = 0;
    for (const { purpose, arcs, amountMsat, arrival } of chosen) {
      if (signal.aborted) break;
      await ports.pause();
      const wish = { purpose, arcs, amount: msat(BigInt(amountMsat)), forecast: { ...arrival, ...basis } };
      const results = await runErrand(ports, node, wish, limits, signal);
      answered += results.filter(({ status }) => status === "answered").length;
      // An LND that takes none will not take the next one either.
      if (results.at(-1)?.status === "unsent") break;
    }
    return { questions: questions.length, chosen: chosen.length, answered };
  } finally {
    await thread.close();
  }
}

/** From half to one and a half times as long: nobody should know when the next probe comes. Ends early with the process. */
function pause(averageMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, averageMs * (0.5 + Math.random()));
    signal.addEventListener("abort", done, { once: true });
  });
}
