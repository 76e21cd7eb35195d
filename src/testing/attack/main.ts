/** The whole attack, as long as one likes: progress every ten seconds, figures at the end or after Ctrl-C, exit 1 unless all of it held. */
import { runAttack } from "./run.ts";

const [operations, seed] = [Number(process.argv[2] ?? 20_000), Number(process.argv[3] ?? Date.now() % 2 ** 31)];
if (!Number.isSafeInteger(operations) || operations < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("usage: main.ts [operations] [seed]\n");
  process.exit(2);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
say(`${operations} operations, 64 in flight, seed ${seed}, Node ${process.version}`);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
const { tally, violations, unanswered, ...figures } = await runAttack({
  operations,
  inFlight: 64,
  seed,
  blowMs: [500, 3_000],
  leastKills: 1,
  databaseBlows: 3,
  checkMs: 20_000,
  report: say,
  signal: interrupted.signal,
});
for (const [name, count] of tally) row(`answers: ${name}`, count);
for (const [name, count] of Object.entries(unanswered)) row(`earned and not answered, without a key: ${name}`, count);
for (const [name, figure] of Object.entries(figures))
  row(name, typeof figure === "number" ? Math.round(figure) : figure);
for (const violation of violations.slice(0, 20)) say(`VIOLATION ${violation}`);
say(violations.length === 0 ? "0 unpaid answers, 0 msat lost or created" : `${violations.length} violations`);
process.exit(violations.length === 0 ? 0 : 1);

function row(name: string, figure: number | bigint): void {
  say(`  ${name.padEnd(60)}${String(figure).padStart(16)}`);
}
