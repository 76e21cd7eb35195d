import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Prediction } from "../../core/prediction/prediction.ts";
import { startPredictionWriter } from "./prediction-writer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const prediction = (predictionId: string) => ({ predictionId }) as Prediction;

function writer() {
  const log = { written: [] as string[][], counts: { written: 0, dropped: 0 }, failures: 0, down: false };
  const append = async (batch: readonly Prediction[]) => {
    if (log.down) throw new Error("away");
    log.written.push(batch.map(({ predictionId }) => predictionId));
  };
  const events = {
    predictions: (outcome: "written" | "dropped", count: number) => {
      log.counts[outcome] += count;
    },
    failed: () => {
      log.failures++;
    },
  };
  return { log, ...startPredictionWriter(append, events) };
}

test("what comes together is written together, a moment later", async () => {
  const { log, record } = writer();
  record(prediction("a"));
  record(prediction("b"));
  expect(log.written).toEqual([]);
  await vi.advanceTimersByTimeAsync(500);
  expect(log.written).toEqual([["a", "b"]]);
  record(prediction("c"));
  await vi.advanceTimersByTimeAsync(500);
  expect(log.written).toEqual([["a", "b"], ["c"]]);
});

test("while the database is away predictions wait, up to a bound beyond which they are dropped and counted", async () => {
  const { log, record } = writer();
  log.down = true;
  for (let i = 0; i < 10_003; i++) record(prediction(`${i}`));
  await vi.advanceTimersByTimeAsync(1_100);
  expect([log.written, log.failures, log.counts]).toEqual([[], 2, { written: 0, dropped: 3 }]);
  log.down = false;
  await vi.advanceTimersByTimeAsync(500);
  expect(log.written.flat()).toEqual(Array.from({ length: 10_000 }, (_, i) => `${i}`));
  expect(Math.max(...log.written.map(({ length }) => length))).toBe(500);
});

test("at the end what waits is written; what cannot be is dropped, and counted", async () => {
  const { log, record, stop } = writer();
  record(prediction("a"));
  await stop();
  expect(log.written).toEqual([["a"]]);
  log.down = true;
  record(prediction("b"));
  await stop();
  expect(log.counts).toEqual({ written: 1, dropped: 1 });
});
