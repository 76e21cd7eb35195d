/** How good predictions were, by proper scores and by reliability (docs/scoring.md §7). */

import { areaUnderCurve } from "./area-under-curve.ts";

/** A prediction whose outcome is known. */
export type Judged = { readonly probability: number; readonly lndApriori: number | null; readonly happened: boolean };

/** One tenth of [0, 1], and what happened where that was predicted. */
export type ReliabilityBin = {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly meanPredicted: number;
  readonly frequency: number;
};

/** What does not exist is null: AUC with one kind of outcome only, skill against a score of 0. */
export type Calibration = {
  readonly count: number;
  readonly frequency: number;
  readonly brier: number;
  readonly logLoss: number;
  readonly ece: number;
  readonly auc: number | null;
  /** 1 − Brier/Brier of always saying how often it happened. */
  readonly skillOverBaseRate: number | null;
  /** The same against LND's a-priori number, where that was stored. */
  readonly skillOverLnd: number | null;
  readonly lndCount: number;
  /** Those with something in them, the lowest first. */
  readonly bins: readonly ReliabilityBin[];
};

const BINS = 10;
/** Probabilities are counted in 256 worlds: half a world is as near to certainty as one can say. */
const LEAST_SAID = 0.5 / 257;

/** Null for no predictions. */
export function calibrate(judged: readonly Judged[]): Calibration | null {
  const count = judged.length;
  if (count === 0) return null;
  const frequency = judged.filter(({ happened }) => happened).length / count;
  const brier = mean(judged.map(({ probability, happened }) => squared(probability, happened)));
  const bins = binsOf(judged);
  const rivals = judged.flatMap(({ lndApriori: said, ...rest }) => (said === null ? [] : [{ ...rest, said }]));
  const rivalBrier = mean(rivals.map(({ said, happened }) => squared(said, happened)));
  const ownBrier = mean(rivals.map(({ probability, happened }) => squared(probability, happened)));
  return {
    count,
    frequency,
    brier,
    logLoss: mean(judged.map(({ probability, happened }) => surprise(probability, happened))),
    ece: bins.reduce((sum, bin) => sum + (bin.count / count) * Math.abs(bin.meanPredicted - bin.frequency), 0),
    auc: frequency === 0 || frequency === 1 ? null : aucOf(judged),
    skillOverBaseRate: skill(brier, frequency * (1 - frequency)),
    skillOverLnd: rivals.length === 0 ? null : skill(ownBrier, rivalBrier),
    lndCount: rivals.length,
    bins,
  };
}

function binsOf(judged: readonly Judged[]): ReliabilityBin[] {
  return Array.from({ length: BINS }, (_, bin) => {
    const inside = judged.filter(({ probability }) => Math.min(BINS - 1, Math.floor(probability * BINS)) === bin);
    return {
      from: bin / BINS,
      to: (bin + 1) / BINS,
      count: inside.length,
      meanPredicted: mean(inside.map(({ probability }) => probability)),
      frequency: mean(inside.map(({ happened }) => Number(happened))),
    };
  }).filter(({ count }) => count > 0);
}

function aucOf(judged: readonly Judged[]): number {
  return areaUnderCurve(
    judged.map(({ probability }) => probability),
    judged.map(({ happened }) => Number(happened)),
  );
}

function squared(probability: number, happened: boolean): number {
  return (probability - Number(happened)) ** 2;
}

function surprise(probability: number, happened: boolean): number {
  const said = Math.min(Math.max(probability, LEAST_SAID), 1 - LEAST_SAID);
  return -Math.log(happened ? said : 1 - said);
}

function skill(own: number, other: number): number | null {
  return other === 0 ? null : 1 - own / other;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
