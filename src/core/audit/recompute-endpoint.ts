/**
 * The rating of an endpoint computed again, from its calls in the evidence log and from what else it rests on. The same functions
 * rate it in the first place (src/oracle/trust/rate-endpoints.ts).
 */
import { STAGES, type Stage } from "../endpoint/call.ts";
import type { CallEvidence } from "../evidence/call.ts";
import type { Chance } from "../score/interval.ts";
import { believeCalls, priorsOf, type StagePriors } from "../trust/believe-endpoint.ts";
import { type CallFacts, describeCalls } from "../trust/describe-calls.ts";
import { halfLives, NO_TALLIES, type TrustModel } from "../trust/model.ts";
import { weighCalls } from "../trust/weigh-calls.ts";
import type { UnixSeconds } from "../units.ts";

/** A call with its place in the log. */
export type PlacedCall = { readonly position: bigint; readonly evidence: CallEvidence };

/** What a rating rests on beside the endpoint's own calls. */
export type Grounds = {
  readonly category: string | undefined;
  /** Other endpoints of its operator. */
  readonly siblings: number;
  readonly model: TrustModel;
  readonly priors: StagePriors;
};

export type Recount = {
  readonly facts: CallFacts;
  readonly chance: Chance;
  /** Stages whose prior is another one than the model gives: what siblings or the payee's reach make of it is believed. */
  readonly believed: readonly Stage[];
};

/** Of one source, and of calls that were paid or not, so many of the newest are read. */
const CALLS_OF_A_KIND = 200;
const FAR: ReadonlySet<Stage> = new Set(["payment", "delivery", "quality"]);
/** Numbers that went through JSON and a database are the same to so much. */
const SAME = 1e-9;

/** What the calls that were known at an instant make of an endpoint. */
export function recomputeEndpoint(calls: readonly PlacedCall[], grounds: Grounds, at: UnixSeconds): Recount {
  const { category, model, priors } = grounds;
  const own = newestOfEach(calls.filter(({ evidence }) => evidence.observedAt <= at));
  const tallies = weighCalls(own, { now: at, halfLifeSec: halfLives(model) });
  const modelled = priorsOf(model, { category, siblings: NO_TALLIES, reach: undefined });
  const believed = STAGES.filter((stage) => {
    const [given, fitted] = [priors[stage], modelled[stage]];
    return Math.abs(given.good - fitted.good) > SAME || Math.abs(given.bad - fitted.bad) > SAME;
  });
  return { facts: describeCalls(own, at), chance: believeCalls(priors, tallies).chance, believed };
}

/** By the log's order, whoever told of them. */
function newestOfEach(calls: readonly PlacedCall[]): CallEvidence[] {
  const held = new Map<string, number>();
  const newestFirst = [...calls].sort((a, b) => (a.position > b.position ? -1 : 1));
  return newestFirst.flatMap(({ evidence }) => {
    const kind = `${evidence.source} ${FAR.has(evidence.call.stage)}`;
    const count = (held.get(kind) ?? 0) + 1;
    held.set(kind, count);
    return count <= CALLS_OF_A_KIND ? [evidence] : [];
  });
}
