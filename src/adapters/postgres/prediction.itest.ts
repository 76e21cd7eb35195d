/** The log of predictions in Postgres: one chain, nothing changed or taken out, and the first word on each outcome. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyChain } from "../../core/evidence/chain.ts";
import { encodePrediction, type Prediction } from "../../core/prediction/prediction.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { somePrediction } from "../../testing/some-prediction.ts";
import { inTransaction } from "./connect.ts";
import { appendPredictions, bookOutcome, predictionTable } from "./prediction.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const START = 1_790_000_000;
const table = () => predictionTable(database.pool);
const prediction = (i: number, more: Partial<Prediction> = {}): Prediction =>
  somePrediction({
    predictionId: `prediction-${i}`,
    at: unixSeconds(START + i),
    target: `02${i.toString(16).padStart(64, "0")}`,
    ...more,
  });

test("many writers at once leave one chain over the texts, and what is rolled back leaves no gap", async () => {
  await Promise.all(Array.from({ length: 10 }, (_, w) => table().append([prediction(2 * w), prediction(2 * w + 1)])));
  const gone = inTransaction(database.pool, async (client) => {
    await appendPredictions(client, [prediction(100)]);
    throw new Error("changed my mind");
  });
  await expect(gone).rejects.toThrow("changed my mind");
  await table().append([prediction(101)]);
  const links = await table().page(0n, 100);
  expect(verifyChain(links)).toEqual({ ok: true, head: await table().head() });
  expect(links).toHaveLength(21);
  expect(links.at(-1)!.text).toBe(encodePrediction(prediction(101)));
  expect(await table().page(20n, 100)).toEqual(links.slice(20));
  expect(await table().page(3n, 2)).toEqual(links.slice(3, 5));
});

test.each([
  "UPDATE prediction SET entry = '[]'",
  "DELETE FROM prediction",
  "TRUNCATE prediction_outcome CASCADE",
  "DELETE FROM outcome_report",
])("%s is refused", async (text) => {
  await expect(database.pool.query(text)).rejects.toThrow("predictions are only added to");
});

test("an id has one prediction, and all of a batch is written or none", async () => {
  await expect(table().append([prediction(200), prediction(101)])).rejects.toThrow();
  expect((await table().head()).position).toBe(21n);
});

test("the first word on an outcome counts, and of what was not predicted there is none", async () => {
  const said = { kind: "probe-asked" as const, lndApriori: 0.36, probability: 0.75 };
  await table().append([prediction(300, said), prediction(301, { ...said, kind: "probe-explore" })]);
  const at = unixSeconds(START + 400);
  await bookOutcome(database.pool, "prediction-300", { happened: true, at });
  await bookOutcome(database.pool, "prediction-300", { happened: false, at: unixSeconds(START + 500) });
  await bookOutcome(database.pool, "nobody said so", { happened: true, at });
  const judged = { kind: "probe-asked", amountMsat: 1e7, probability: 0.75, lndApriori: 0.36, happened: true };
  expect(await table().judged(at, 10)).toEqual([judged]);
  expect(await table().judged(unixSeconds(at + 1), 10)).toEqual([]);
  await bookOutcome(database.pool, "prediction-0", { happened: false, at: unixSeconds(at + 9) });
  expect(await table().judged(at, 1)).toMatchObject([{ kind: "payment", lndApriori: null, happened: false }]);
  expect(await table().countByKind(unixSeconds(START + 101))).toEqual([
    { kind: "payment", count: 1 },
    { kind: "probe-asked", count: 1 },
    { kind: "probe-explore", count: 1 },
  ]);
});
