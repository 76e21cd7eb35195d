/** The life of a process: a signal becomes an AbortSignal, what was started is stopped in reverse, and bugs end it. */
import type { Logger } from "./log.ts";

const STOP_DEADLINE_MS = 25_000;

/** Something that runs until it is stopped. */
export type Running = { name: string; stop(): Promise<void> };

/**
 * Runs `start` and keeps the process until SIGINT, SIGTERM or an uncaught error, then stops everything, last first.
 * A second signal ends the process at once. Exits with 0 after a signal and 1 after a failure.
 */
export async function runUntilSignal(
  log: Logger,
  start: (own: (running: Running) => void, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const running: Running[] = [];
  const controller = new AbortController();
  const ended = new Promise<number>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.on(name, () => {
        if (controller.signal.aborted) process.exit(130);
        log.info({ signal: name }, "stopping");
        controller.abort();
        resolve(0);
      });
    }
    const crash = (error: unknown) => {
      log.fatal({ error: error instanceof Error ? error.stack : String(error) }, "uncaught error");
      controller.abort();
      resolve(1);
    };
    process.on("uncaughtException", crash);
    process.on("unhandledRejection", crash);
  });

  const code = await start((each) => running.push(each), controller.signal).then(
    () => ended,
    (error: unknown) => {
      // A signal during start-up makes the start fail on purpose.
      if (controller.signal.aborted) return 0;
      log.fatal({ error: error instanceof Error ? error.message : String(error) }, "could not start");
      return 1;
    },
  );
  controller.abort();
  await stopAll(log, running);
  process.exit(code);
}

async function stopAll(log: Logger, running: Running[]): Promise<void> {
  const deadline = setTimeout(() => {
    log.error("could not stop in time");
    process.exit(1);
  }, STOP_DEADLINE_MS);
  for (const each of running.reverse()) {
    await each
      .stop()
      .catch((error: unknown) => log.error({ part: each.name, error: String(error) }, "did not stop cleanly"));
  }
  clearTimeout(deadline);
}
