/** The spending attack, as long as one likes: progress as it goes, figures at the end, exit 1 unless all of it held. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import { Random } from "../fuzz/random.ts";
import { runSpendAttack } from "./spend-run.ts";

const [payments, seed] = [Number(process.argv[2] ?? 300), Number(process.argv[3] ?? Date.now() % 2 ** 31)];
if (!Number.isSafeInteger(payments) || payments < 1 || payments > 450 || !Number.isSafeInteger(seed)) {
  process.stderr.write("usage: spend-main.ts [payments, at most 450] [seed]\n");
  process.exit(2);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
say(`${payments} payments, 3 payers, windows of 4 s, seed ${seed}, Node ${process.version}`);
const dataDir = mkdtempSync(join(tmpdir(), "satrank-spend-db-"));
const server = await startEmbeddedPostgres({ dataDir, durable: false });
const database = openDatabase({ url: server.url, maxConnections: 1, onError: () => undefined });
await migrate(database);
await database.end();
const { violations, ...figures } = await runSpendAttack({
  databaseUrl: server.url,
  payments,
  payers: 3,
  inFlight: 4,
  random: new Random(seed),
  blowAfter: 12,
  windowSec: 4,
  longestMs: 30 * 60_000,
  report: say,
});
await server.stop();
rmSync(dataDir, { recursive: true, force: true });
for (const [name, figure] of Object.entries(figures)) say(`  ${name.padEnd(30)}${String(figure).padStart(16)}`);
for (const violation of violations.slice(0, 20)) say(`VIOLATION ${violation}`);
say(
  violations.length === 0
    ? "no window over its budget, nothing paid twice, 0 msat unaccounted"
    : `${violations.length} violations`,
);
process.exit(violations.length === 0 ? 0 : 1);
