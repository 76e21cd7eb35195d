/** An evaluation as tables for people. */
import type { LabelsReport } from "../../core/evaluate/longitudinal.ts";
import type { Comparison, MeanReport, WorldReport } from "../../core/evaluate/report.ts";
import type { AttackReport } from "../../core/evaluate/sybil.ts";
import { type FittedPrior, sigmoid } from "../../core/graph/prior.ts";
import { table } from "./text.ts";

/** Scores by predictor and amount, then ours against others. */
export function worldLines(report: WorldReport): string[] {
  const { world, seed, payments, arrivedRatio, firstTryRatio, probes, predictors, comparisons } = report;
  const amounts = Object.keys(predictors[0]?.byAmountSat ?? {});
  const head = ["predictor", "Brier", "log loss", "ECE", "AUC", ...amounts.map((sat) => `Brier ${sat} sat`)];
  const rows = predictors.map(({ name, all, byAmountSat }) => [
    name,
    ...[all.brier, all.logLoss, all.ece, all.auc].map(digits),
    ...amounts.map((sat) => digits(byAmountSat[sat]!.brier)),
  ]);
  const sent = Object.entries(probes).flatMap(([kind, { sent, arrived, channels, prior }]) => [
    `${kind} probes: ${sent} HTLCs, ${arrived} arrived, ${channels} channels told about`,
    `  fitted: ${describePrior(prior)}`,
  ]);
  return [
    `World ${world}, seed ${seed}: ${payments} payments, ${percent(arrivedRatio)} arrived, ${percent(firstTryRatio)} at the first try`,
    ...sent,
    ...table(head, rows),
    "",
    ...compareLines(comparisons),
    "",
  ];
}

function describePrior({ edge, offline, tilt }: FittedPrior): string {
  const ends = `weight at the ends ${sigmoid(edge).toFixed(2)}`;
  return `${ends}, offline ×${offline.toFixed(2)}, fee ${tilt.fee.toFixed(2)}, size ${tilt.size.toFixed(2)}, disabled ${tilt.disabled.toFixed(2)}`;
}

function compareLines(comparisons: readonly Comparison[]): string[] {
  const rows = comparisons.map(({ ours, other, difference, error, gainRatio }) => [
    ours,
    other,
    difference.toFixed(4),
    error.toFixed(4),
    percent(gainRatio),
  ]);
  return table(["ours", "against", "Brier difference", "standard error", "lower by"], rows);
}

/** Means over the standard worlds, and ours against others there. */
export function meanLines(means: readonly MeanReport[], comparisons: readonly Comparison[]): string[] {
  if (means.length === 0) return [];
  const rows = means.map(({ name, brier, logLoss, ece }) => [name, ...[brier, logLoss, ece].map(digits)]);
  return [
    "Means over the standard worlds",
    ...table(["predictor", "Brier", "log loss", "ECE"], rows),
    "",
    ...compareLines(comparisons),
    "",
  ];
}

/** What ranked nodes that were receivable later. */
export function labelLines({ nodes, rows, forecast }: LabelsReport): string[] {
  const { days, brier, baseRateBrier, ece } = forecast;
  return [
    `Receivable later: ${nodes} nodes`,
    ...table(
      ["known at the time", "AUC"],
      rows.map(({ feature, auc }) => [feature, digits(auc)]),
    ),
    `The forecast after ${days} days: Brier ${digits(brier)}, of the base rate ${digits(baseRateBrier)}; ECE ${digits(ece)}`,
    "",
  ];
}

/** Ranks under attack. */
export function attackLines(attacks: readonly AttackReport[]): string[] {
  const cells = attacks.map(({ attack, rank, rankLow, rankHigh }) => [
    attack,
    rank === undefined ? "none" : `${rank} (${rankLow}-${rankHigh})`,
  ]);
  return ["An attacker's rank", ...table(["attack", "rank"], cells), ""];
}

function digits(value: number): string {
  return value.toFixed(4);
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(1)} %`;
}
