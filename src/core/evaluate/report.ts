/** What worlds have shown, as rows that people and programs read. */
import { brierDifference, type Scores, score } from "./metrics.ts";
import { PAYMENT_AMOUNTS_MSAT } from "./payments.ts";
import {
  BLIND_LND,
  BLIND_LND_FED,
  LND_FED,
  OURS,
  PROBE_KINDS,
  RECALIBRATED,
  STANDARD_WORLDS,
  TOLD,
  type WorldName,
  type WorldOutcome,
} from "./world.ts";

/** A predictor's scores in one world, and by amount in satoshis. */
export type PredictorReport = {
  readonly name: string;
  readonly all: Scores;
  readonly byAmountSat: Readonly<Record<string, Scores>>;
};

/** A comparison on the same payments: `gainRatio` is how much lower ours is; `difference` has the standard error `error`. */
export type Comparison = {
  readonly ours: string;
  readonly other: string;
  readonly difference: number;
  readonly error: number;
  readonly gainRatio: number;
};

export type WorldReport = {
  readonly world: WorldName;
  readonly seed: number;
  readonly payments: number;
  readonly arrivedRatio: number;
  readonly firstTryRatio: number;
  readonly probes: WorldOutcome["probes"];
  readonly predictors: readonly PredictorReport[];
  readonly comparisons: readonly Comparison[];
};

/** Means over the standard worlds that were run. */
export type MeanReport = {
  readonly name: string;
  readonly brier: number;
  readonly logLoss: number;
  readonly ece: number;
};

/** All scores of a world. */
export function reportWorld(outcome: WorldOutcome): WorldReport {
  const { world, seed, payments, happened, predictions, probes, firstTries } = outcome;
  const predictors = predictions.map(({ name, probability }) => ({
    name,
    all: score({ probability, happened }),
    byAmountSat: Object.fromEntries(
      PAYMENT_AMOUNTS_MSAT.map((amountMsat) => {
        const chosen = payments.flatMap((payment, i) => (payment.amountMsat === amountMsat ? [i] : []));
        return [
          amountMsat / 1000,
          score({
            probability: Float64Array.from(chosen, (i) => probability[i]!),
            happened: Uint8Array.from(chosen, (i) => happened[i]!),
          }),
        ];
      }),
    ),
  }));
  return {
    world,
    seed,
    payments: payments.length,
    arrivedRatio: happened.reduce((sum, each) => sum + each, 0) / happened.length,
    firstTryRatio: firstTries / payments.length,
    probes,
    predictors,
    comparisons: compare(outcome),
  };
}

/** Ours against LND at equal evidence (none, and the same probes) and at equal knowledge of the caller's own channels. */
function compare({ predictions, happened }: WorldOutcome): Comparison[] {
  const rivals: [string, string][] = [
    [OURS.prior, BLIND_LND + RECALIBRATED],
    [OURS.prior, `LND a-priori${RECALIBRATED}`],
    [TOLD.prior, `LND a-priori${RECALIBRATED}`],
    ...PROBE_KINDS.flatMap((kind): [string, string][] => [
      [OURS[kind], BLIND_LND_FED[kind] + RECALIBRATED],
      [OURS[kind], LND_FED[kind] + RECALIBRATED],
      [TOLD[kind], LND_FED[kind] + RECALIBRATED],
      [OURS[kind], OURS.prior],
    ]),
  ];
  return rivals.flatMap(([ours, other]) => {
    const [a, b] = [ours, other].map((name) => predictions.find((each) => each.name === name)?.probability);
    if (!a || !b) return [];
    const { mean, error } = brierDifference(a, b, happened);
    const theirs = score({ probability: b, happened }).brier;
    return [{ ours, other, difference: mean, error, gainRatio: -mean / theirs }];
  });
}

/** Averages over the standard worlds; empty when none was run. */
export function averageWorlds(reports: readonly WorldReport[]): MeanReport[] {
  const standard = standardOf(reports);
  return (standard[0]?.predictors ?? []).map(({ name }) => {
    const scores = standard.map(({ predictors }) => predictors.find((each) => each.name === name)!.all);
    const mean = (of: (scores: Scores) => number) => scores.reduce((sum, each) => sum + of(each), 0) / scores.length;
    return { name, brier: mean((s) => s.brier), logLoss: mean((s) => s.logLoss), ece: mean((s) => s.ece) };
  });
}

/** The same comparisons over all standard worlds: each world weighs the same, and their errors are independent. */
export function averageComparisons(reports: readonly WorldReport[]): Comparison[] {
  const standard = standardOf(reports);
  const means = new Map(averageWorlds(reports).map(({ name, brier }) => [name, brier]));
  return (standard[0]?.comparisons ?? []).map(({ ours, other }) => {
    const each = standard.map(
      ({ comparisons }) => comparisons.find((one) => one.ours === ours && one.other === other)!,
    );
    const difference = each.reduce((sum, one) => sum + one.difference, 0) / each.length;
    const error = Math.hypot(...each.map((one) => one.error)) / each.length;
    return { ours, other, difference, error, gainRatio: -difference / means.get(other)! };
  });
}

function standardOf(reports: readonly WorldReport[]): WorldReport[] {
  return reports.filter(({ world }) => STANDARD_WORLDS.has(world));
}
