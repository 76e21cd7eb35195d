/** Logistic regression on standardised features, by Newton's method with a small ridge: what recalibrates a predictor. */
import { solve } from "../solve.ts";
import { clip } from "./metrics.ts";

/** Gives a row's probability. */
export type Fitted = (row: readonly number[]) => number;

const RIDGE = 0.01;
const STEPS = 30;

/** Fits rows of equal length to what happened. */
export function fitLogistic(rows: readonly (readonly number[])[], happened: Uint8Array): Fitted {
  const scale = standardise(rows);
  const inputs = rows.map((row) => [1, ...scale(row)]);
  const size = inputs[0]?.length ?? 1;
  let weights = new Array<number>(size).fill(0);
  for (let step = 0; step < STEPS; step++) {
    const gradient = weights.map((weight, j) => (j === 0 ? 0 : -RIDGE * weight));
    const curvature = weights.map((_, j) => weights.map((__, k) => (j === k ? (j === 0 ? 1e-9 : RIDGE) : 0)));
    inputs.forEach((input, i) => {
      const p = sigmoid(dot(weights, input));
      input.forEach((x, j) => {
        gradient[j]! += (happened[i]! - p) * x;
        input.forEach((z, k) => {
          curvature[j]![k]! += Math.max(p * (1 - p), 1e-6) * x * z;
        });
      });
    });
    const change = solve(curvature, gradient);
    // A full step can overshoot where nearly everything is certain.
    const length = Math.max(1, Math.hypot(...change) / 2);
    weights = weights.map((weight, j) => weight + change[j]! / length);
  }
  return (row) => sigmoid(dot(weights, [1, ...scale(row)]));
}

/** ln(p / (1 − p)) of a clipped probability. */
export function logit(probability: number): number {
  const p = clip(probability);
  return Math.log(p / (1 - p));
}

function standardise(rows: readonly (readonly number[])[]): (row: readonly number[]) => number[] {
  const size = rows[0]?.length ?? 0;
  const columns = Array.from({ length: size }, (_, j) => rows.map((row) => row[j]!));
  const means = columns.map((column) => column.reduce((sum, x) => sum + x, 0) / column.length);
  const spreads = columns.map((column, j) => {
    const variance = column.reduce((sum, x) => sum + (x - means[j]!) ** 2, 0) / column.length;
    return Math.sqrt(variance) || 1;
  });
  return (row) => row.map((x, j) => (x - means[j]!) / spreads[j]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
