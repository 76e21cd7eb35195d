/** The attack in short, and the one race that everybody tries: many calls at once on a balance for one, in two processes. */
import { afterEach, expect, test } from "vitest";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { Random } from "../fuzz/random.ts";
import { ROUTES } from "./api.ts";
import { ask } from "./ask.ts";
import { openClient } from "./client.ts";
import { Model } from "./model.ts";
import { Processes } from "./processes.ts";
import { runAttack } from "./run.ts";
import { openWallet } from "./wallet.ts";

const SEED = 20_261_120;

let processes: Processes | undefined;
let database: TestDatabase | undefined;
afterEach(async () => {
  await processes?.end();
  await database?.close();
});

test("clients of every kind, processes and a database that are killed: nothing unpaid is served, not a msat is lost or made", async () => {
  const result = await runAttack({
    operations: 3_000,
    inFlight: 48,
    seed: SEED,
    blowMs: [1_000, 2_200],
    leastKills: 4,
    databaseBlows: 12,
    checkMs: 3_000,
    report: () => undefined,
  });
  expect(result.violations).toEqual([]);
  expect(result.differenceMsat).toBe(0n);
  expect(result.kills).toBeGreaterThanOrEqual(4);
  expect(result.answered).toBeGreaterThan(2_000);
  expect(result.paidMsat).toBe(result.earnedMsat + result.balancesMsat);
});

test("200 parallel calls over warm connections to two processes, on a balance for one: one is served", async () => {
  database = await openTestDatabase(4);
  const { url, pool } = database;
  const random = new Random(SEED);
  const [model, wallet, keys] = [new Model(), openWallet(), [random.bytes(32)]];
  const begin = {
    kind: "begin" as const,
    databaseUrl: url,
    keys,
    maxConnections: 10,
    silentSec: 90,
    beatMs: 1_000,
    skewSec: 0,
  };
  processes = new Processes(2, wallet.node, () => begin);
  await processes.start();
  const { places } = processes;
  const client = openClient({ model, wallet, processes, random });
  const [cheap, , dear] = ROUTES;
  const call = (to: (typeof places)[number], authorization: string) =>
    ask(
      { port: to.port!, agent: to.agent },
      { method: "GET", path: cheap.path, headers: { Authorization: authorization } },
    );

  for (const price of [cheap.price, cheap.price + 299n]) {
    const offer = await client.offer(dear.path, { mode: "work" });
    const { authorization } = wallet.pay(offer, price);
    // Connections are opened, and both processes have seen the token, before anything is paid for with it.
    const refused = places.flatMap((to) =>
      Array.from({ length: 100 }, () => call(to, `${authorization.slice(0, -64)}${"0".repeat(64)}`)),
    );
    for (const answer of await Promise.all(refused)) expect(answer).toMatchObject({ kind: "answer", status: 401 });
    const calls = Array.from({ length: 200 }, (_, i) => call(places[i % 2]!, authorization));
    const statuses = (await Promise.all(calls)).map((answer) => (answer.kind === "answer" ? answer.status : 0));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => ![200, 402, 425].includes(status))).toEqual([]);
  }
  expect(await checkBooks(pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
});
