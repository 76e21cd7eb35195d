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
