/** The spending attack in short: two payers on one budget, killed all the time, and a node that is killed too. */
import { afterEach, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { Random } from "../fuzz/random.ts";
import { runSpendAttack } from "./spend-run.ts";

let database: TestDatabase | undefined;
afterEach(() => database?.close());

test("payers that are killed all the time never exceed the budget in any window, pay nothing twice, and account for every sat", async () => {
  database = await openTestDatabase(4);
  const result = await runSpendAttack({
    databaseUrl: database.url,
    payments: 24,
    payers: 2,
    inFlight: 4,
    random: new Random(20_261_121),
    blowAfter: 5,
    windowSec: 3,
    longestMs: 150_000,
    report: () => undefined,
  });
  expect(result.violations).toEqual([]);
  expect(result.nodeMsat).toBe(result.ledgerMsat);
  expect(result.paid).toBeGreaterThan(5);
  // Without these the rest would show nothing.
  expect(result.kills).toBeGreaterThan(1);
  expect(result.refusedForBudget).toBeGreaterThan(0);
  expect(result.busiestMsat).toBeGreaterThan(0n);
}, 240_000);
