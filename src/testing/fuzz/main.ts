/** `make fuzz`: any number of credentials, with progress, and how often each answer and each change came up. */
import { fuzzCredentials, type Tally } from "./run.ts";

const [count, seed] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? Date.now() % 2 ** 31)];
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("usage: main.ts [count] [seed]\n");
  process.exit(2);
}

const started = performance.now();
const seconds = () => (performance.now() - started) / 1_000;
process.stdout.write(`${count} credentials, seed ${seed}, Node ${process.version}\n`);
const tally = fuzzCredentials(count, seed, (done) => {
  if (done % 1_000_000 === 0) process.stdout.write(`  ${done} after ${seconds().toFixed(0)} s\n`);
});
print(tally);

function print({ answers, changes, undecided, slowestMs }: Tally): void {
  const byCount = ([, a]: [string, number], [, b]: [string, number]) => b - a;
  for (const [name, times] of Object.entries(answers).sort(byCount)) row(name, times);
  row("text edited, soundness alone checked", undecided);
  process.stdout.write("changes: inputs, accepted\n");
  for (const [name, { inputs, accepted }] of Object.entries(changes)) row(name, inputs, accepted);
  process.stdout.write(`no disagreement in ${seconds().toFixed(0)} s, slowest input ${slowestMs.toFixed(1)} ms\n`);
}

function row(name: string, ...numbers: number[]): void {
  process.stdout.write(`  ${name.padEnd(40)}${numbers.map((number) => String(number).padStart(11)).join("")}\n`);
}
