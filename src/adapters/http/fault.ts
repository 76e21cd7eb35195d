/** How a failure travels inside this room: thrown where it is seen, turned into a value by the client. */
import type { OutsideFailure, OutsideFailureKind } from "../../core/egress.ts";

/** Never leaves `adapters/http`. */
export class Fault extends Error {
  readonly failure: OutsideFailure;

  constructor(kind: OutsideFailureKind, blame: OutsideFailure["blame"], detail: string) {
    super(detail);
    this.failure = { kind, blame, detail };
  }
}

/** The code of a system error (`ECONNREFUSED`, `HPE_INVALID_CONSTANT`, …), or an empty text. Its message may quote strangers. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/**
 * Runs some work under a limit of its own, and under signals from outside. What stops it reaches the work as one signal, whose
 * reason is a Fault. No timer and no listener outlives it.
 */
export async function within<T>(
  limit: { ms: number; late: () => Fault; outer: readonly AbortSignal[] },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    const reason: unknown = limit.outer.find((signal) => signal.aborted)?.reason;
    controller.abort(reason instanceof Fault ? reason : new Fault("cancelled", "ours", "cancelled"));
  };
  const timer = setTimeout(() => controller.abort(limit.late()), limit.ms);
  for (const signal of limit.outer) signal.addEventListener("abort", stop, { once: true });
  try {
    if (limit.outer.some((signal) => signal.aborted)) stop();
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of limit.outer) signal.removeEventListener("abort", stop);
  }
}
