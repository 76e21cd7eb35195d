/** What calls of one endpoint tell beside how they went: what they cost, whom they paid, how long they took, whose they were. */
import type { Call } from "../endpoint/call.ts";
import type { CallEvidence, CallSource } from "../evidence/call.ts";
import type { Msat, UnixSeconds } from "../units.ts";
import { newestFirst } from "./weigh-calls.ts";

/** Undefined: no call of ours told it. */
export type CallFacts = {
  /** What the newest invoice asked, and whom it paid: endpoints change prices, and the last one is the next. */
  readonly price: Msat | undefined;
  readonly payee: string | undefined;
  /** Half, and nine tenths, of calls were answered within so long. */
  readonly latency: { readonly medianMs: number; readonly ninetiethMs: number } | undefined;
  readonly observations: number;
  /** Calls of ours, those of them that were paid for, and those that went well as far as they went. */
  readonly probes: { readonly made: number; readonly paid: number; readonly good: number };
  readonly bySource: Readonly<Record<CallSource, number>>;
  readonly newestAt: UnixSeconds | undefined;
};

/** Latency is that of so many of the newest calls. */
const TIMED_CALLS = 50;

/** Prices, payees and latencies are those of our own calls: others say what they like. */
export function describeCalls(calls: readonly CallEvidence[], now: UnixSeconds): CallFacts {
  const newest = newestFirst(calls.filter(({ observedAt }) => observedAt <= now));
  const probed = newest.filter(({ source }) => source === "probe").map(({ call }) => call);
  const times = timesOf(probed);
  const bySource = { probe: 0, proven: 0, holder: 0, signed: 0 };
  for (const { source } of newest) bySource[source]++;
  return {
    price: probed.find(({ price }) => price !== undefined)?.price,
    payee: probed.find(({ payee }) => payee !== undefined)?.payee,
    latency: times.length === 0 ? undefined : { medianMs: rankOf(times, 0.5), ninetiethMs: rankOf(times, 0.9) },
    observations: newest.length,
    probes: {
      made: probed.length,
      paid: probed.filter(({ stage }) => stage === "delivery" || stage === "quality").length,
      good: probed.filter(({ good }) => good).length,
    },
    bySource,
    newestAt: newest[0]?.observedAt,
  };
}

/** Of calls that were answered after payment: asking for the price takes no time. Of the others while there are none of these. */
function timesOf(calls: readonly Call[]): number[] {
  const paid = calls.filter(({ stage }) => stage === "delivery" || stage === "quality");
  const [answered, asked] = [paid, calls].map((each) => each.flatMap(({ latencyMs }) => latencyMs ?? []));
  return (answered!.length > 0 ? answered! : asked!).slice(0, TIMED_CALLS);
}

/** The smallest that is no less than such a part of them. */
function rankOf(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(part * sorted.length) - 1]!;
}
