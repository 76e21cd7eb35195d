/**
 * Writes predictions beside the answers that carry them: no call waits for it. What cannot be held is dropped and counted,
 * since an answer that was paid for matters more than its entry in the log.
 */
import type { Prediction } from "../../core/prediction/prediction.ts";
import type { Events } from "../events.ts";

const FLUSH_MS = 500;
/** In one statement; and waiting in all, some megabytes. */
const BATCH = 500;
const MAX_WAITING = 10_000;

export type PredictionWriter = {
  /** Takes a prediction, or drops it. Never waits. */
  record(prediction: Prediction): void;
  /** Writes what waits, and stops. What cannot be written now is dropped. */
  stop(): Promise<void>;
};

/** `append` writes all or none of them. */
export function startPredictionWriter(
  append: (predictions: readonly Prediction[]) => Promise<void>,
  events: Pick<Events, "predictions" | "failed">,
): PredictionWriter {
  const waiting: Prediction[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const write = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      await append(batch);
      waiting.splice(0, batch.length);
      events.predictions("written", batch.length);
    }
  };
  const flush = () => {
    timer = undefined;
    writing = write()
      .catch((error: unknown) => events.failed("writing predictions", error))
      .finally(() => {
        writing = undefined;
        if (waiting.length > 0) later();
      });
  };
  const later = () => {
    timer ??= setTimeout(flush, FLUSH_MS);
  };

  return {
    record(prediction) {
      if (waiting.length >= MAX_WAITING) {
        events.predictions("dropped", 1);
        return;
      }
      waiting.push(prediction);
      if (!writing) later();
    },
    async stop() {
      await writing;
      clearTimeout(timer);
      await write().catch((error: unknown) => {
        events.failed("writing predictions", error);
        events.predictions("dropped", waiting.length);
      });
    },
  };
}
