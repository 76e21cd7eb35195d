/** How benches print: what was measured, and its ratio to the named baseline of the same run. */

export type Measurement = { name: string; value: string; note?: string };

export function report(title: string, measurements: Measurement[]): void {
  const width = Math.max(...measurements.map(({ name }) => name.length));
  const lines = measurements.map(
    ({ name, value, note }) => `  ${name.padEnd(width)}  ${value}${note ? `  (${note})` : ""}`,
  );
  process.stdout.write(`\n${title}\n${lines.join("\n")}\n`);
}

/** Two significant digits are all that two shared cores are worth. */
export function ratio(part: number, whole: number): string {
  return (part / whole).toPrecision(2);
}

/** How long some work takes, in ms. */
export function time(work: () => unknown): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

/** The value at a quantile, 0 … 1. */
export function at(times: readonly number[], quantile: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!;
}

/** Median and tail of times in ms. */
export function spread(times: readonly number[]): string {
  return `p50 ${ms(at(times, 0.5))}, p99 ${ms(at(times, 0.99))}`;
}

/** Milliseconds as text; small ones in microseconds. */
export function ms(value: number): string {
  if (value < 0.1) return `${(1000 * value).toFixed(1)} us`;
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}
