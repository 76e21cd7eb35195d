/**
 * How much each call of one endpoint says of each stage: by whose word it is, how old it is, and how many came after it.
 * Every constant here has its derivation in docs/endpoints.md.
 */
import { type Call, STAGES, type Stage } from "../endpoint/call.ts";
import type { CallEvidence, CallSource } from "../evidence/call.ts";
import type { UnixSeconds } from "../units.ts";
import type { Beta } from "./beta.ts";

/** What went well and badly, in calls of ours that were made just now: 0 or more. */
export type Tally = Beta;
export type StageTallies = Readonly<Record<Stage, Tally>>;

/** What a word of a kind is worth, and what all words of that kind may be worth together at one stage of one endpoint. */
type Standing = {
  readonly weight: number;
  readonly mostGood: number;
  readonly mostBad: number;
  readonly stages: readonly Stage[];
};

/** (2q − 1)² for a word that is right with probability q: 1, .85, .65, .55. */
const STANDING: Record<CallSource, Standing> = {
  probe: { weight: 1, mostGood: Number.POSITIVE_INFINITY, mostBad: Number.POSITIVE_INFINITY, stages: STAGES },
  // Who owns an endpoint pays himself, for the routing alone, so what is good weighs less in sum; what is bad may outweigh all that we saw.
  proven: { weight: 0.49, mostGood: 8, mostBad: 20, stages: STAGES },
  holder: { weight: 0.09, mostGood: 0.5, mostBad: 0.5, stages: STAGES },
  // A stranger is believed about nothing that only a payer sees.
  signed: { weight: 0.01, mostGood: 0.05, mostBad: 0.05, stages: ["challenge", "invoice"] },
};

/** Of one reporter's words on one endpoint, the newest. */
const WORDS_OF_A_WITNESS = 3;

/** After so many calls of ours that reached a stage, an earlier one counts half: what changes at once is seen after a few dozen. */
const FADES_IN_CALLS = 20;
/** The most that calls of one stage can come to: {@link FADES_IN_CALLS} / ln 2. */
export const MOST_CALLS = FADES_IN_CALLS / Math.LN2;

/** Clocks differ; what is further ahead of ours counts when its time has come. */
const CLOCK_SLACK_SEC = 300;

/** A word on one stage. */
type Word = { readonly good: boolean; readonly source: CallSource; readonly weight: number };

/** What calls of one endpoint say of its stages at an instant. Their order does not matter; no time, however odd, weighs more than now. */
export function weighCalls(
  calls: readonly CallEvidence[],
  { now, halfLifeSec }: { now: UnixSeconds; halfLifeSec: Readonly<Record<Stage, number>> },
): StageTallies {
  const told = fewOfEach(newestFirst(calls.filter(({ observedAt }) => observedAt <= now + CLOCK_SLACK_SEC)));
  const tallyOf = (stage: Stage): Tally => {
    const words = told.flatMap(({ source, observedAt, call }): Word[] => {
      const { weight, stages } = STANDING[source];
      const good = wentWell(call, stage);
      if (good === undefined || !stages.includes(stage)) return [];
      const age = Math.max(0, now - observedAt);
      return [{ good, source, weight: weight * 2 ** (-age / halfLifeSec[stage]) }];
    });
    return fade(holdToMost(words));
  };
  const tallies = STAGES.map((stage) => [stage, tallyOf(stage)]);
  return Object.fromEntries(tallies) as Record<Stage, Tally>;
}

/** Whether a stage of a call went well; undefined where the call did not get so far. */
export function wentWell({ stage: end, good }: Call, stage: Stage): boolean | undefined {
  const [at, last] = [STAGES.indexOf(stage), STAGES.indexOf(end)];
  if (at > last) return undefined;
  return at < last || good;
}

/** By when they were seen; the log's order does not matter, so calls of one second go by their random names. */
export function newestFirst(calls: readonly CallEvidence[]): CallEvidence[] {
  return [...calls].sort((a, b) => b.observedAt - a.observedAt || (a.attempt < b.attempt ? -1 : 1));
}

function fewOfEach(calls: readonly CallEvidence[]): CallEvidence[] {
  const words = new Map<string, number>();
  return calls.filter(({ source, witness }) => {
    if (source === "probe") return true;
    const said = words.get(witness) ?? 0;
    words.set(witness, said + 1);
    return said < WORDS_OF_A_WITNESS;
  });
}

/** However many say the same, together they weigh no more than their kind may: each then less. */
function holdToMost(words: readonly Word[]): Word[] {
  const sums = new Map<string, number>();
  const kind = ({ source, good }: Word) => `${source} ${good}`;
  for (const word of words) sums.set(kind(word), (sums.get(kind(word)) ?? 0) + word.weight);
  return words.map((word) => {
    const { mostGood, mostBad } = STANDING[word.source];
    return { ...word, weight: word.weight * Math.min(1, (word.good ? mostGood : mostBad) / sums.get(kind(word))!) };
  });
}

/** Each word, newest first, counts half for every {@link FADES_IN_CALLS} that came after it, and so does its own end for its beginning. */
function fade(words: readonly Word[]): Tally {
  let [good, bad, later] = [0, 0, 0];
  for (const word of words) {
    const from = 2 ** (-later / FADES_IN_CALLS);
    later += word.weight;
    const mass = MOST_CALLS * (from - 2 ** (-later / FADES_IN_CALLS));
    if (word.good) good += mass;
    else bad += mass;
  }
  return { good, bad };
}
