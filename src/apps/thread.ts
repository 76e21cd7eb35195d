/**
 * A service in a worker thread: calls go over as messages, results and errors come back as promises.
 *
 * The module that defines a service both serves it (inside the worker) and opens it (outside), so its own URL is the
 * worker's program, from TypeScript sources as from compiled ones. A thread that crashes or overruns its time fails the
 * calls it had and is started again by the next one; it starts empty, and who opened it must tell it again what it needs.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parentPort, type TransferListItem, Worker, workerData } from "node:worker_threads";
import { ERRORS, type ErrorCode, errorCode, OracleError } from "../core/errors.ts";

/** What a service offers: methods of one argument. Arguments and results must survive a structured clone. */
export type Service = Record<string, (input: never) => unknown>;

/** A service as seen from outside its thread. */
export type Thread<S extends Service> = {
  /** @throws whatever the method threw, by code; TIMED_OUT; INTERNAL when the thread died; SHUTTING_DOWN after `close` */
  call<M extends keyof S & string>(
    method: M,
    input: Parameters<S[M]>[0],
    options?: { timeoutMs?: number },
  ): Promise<Awaited<ReturnType<S[M]>>>;
  close(): Promise<void>;
};

type Request = { id: number; method: string; input: unknown };
type Response = { id: number } & ({ result: unknown } | { failure: { code: ErrorCode; message: string } });

const TIMEOUT_MS = 120_000;
const moved = new WeakMap<object, TransferListItem[]>();

/** Marks a result whose buffers move out of the thread instead of being copied. */
export function moving<Value extends object>(value: Value, buffers: TransferListItem[]): Value {
  moved.set(value, buffers);
  return value;
}

/** Serves calls if this module runs as the thread of that name, and does nothing anywhere else. */
export function serveThread(name: string, service: Service): void {
  const port = parentPort;
  if (!port || (workerData as { satrankThread?: string } | null)?.satrankThread !== name) return;
  port.on("message", async ({ id, method, input }: Request) => {
    try {
      const result = await service[method]!(input as never);
      const buffers = typeof result === "object" && result !== null ? moved.get(result) : undefined;
      port.postMessage({ id, result } satisfies Response, buffers ?? []);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      port.postMessage({ id, failure: { code: errorCode(error) ?? "INTERNAL", message } } satisfies Response);
    }
  });
}

/** Opens the service that the module at `url` serves under this name. The thread starts with the first call. */
export function openThread<S extends Service>(name: string, url: string): Thread<S> {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let worker: Worker | undefined;
  let lastId = 0;
  let closed = false;

  const settle = (response: Response) => {
    const caller = waiting.get(response.id);
    waiting.delete(response.id);
    if (waiting.size === 0) worker?.unref();
    if (!caller) return;
    if ("result" in response) caller.resolve(response.result);
    else caller.reject(rebuild(response.failure));
  };
  const fail = (error: OracleError) => {
    for (const caller of waiting.values()) caller.reject(error);
    waiting.clear();
  };
  const start = () => {
    const fresh = startWorker(name, url);
    let cause: unknown;
    fresh.on("message", settle);
    fresh.on("error", (error) => {
      cause = error;
    });
    fresh.on("exit", () => {
      if (worker !== fresh) return;
      worker = undefined;
      fail(new OracleError("INTERNAL", `the ${name} thread stopped`, { cause }));
    });
    return fresh;
  };
  const stop = async (error: OracleError) => {
    const dying = worker;
    worker = undefined;
    fail(error);
    await dying?.terminate();
  };

  return {
    async call(method, input, { timeoutMs = TIMEOUT_MS } = {}) {
      if (closed) throw new OracleError("SHUTTING_DOWN", `the ${name} thread is closed`);
      worker ??= start();
      worker.ref();
      const id = ++lastId;
      const result = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
      // A thread that computes cannot be interrupted: what overruns is ended, with every call that waits behind it.
      const late = () => void stop(new OracleError("TIMED_OUT", `${name}.${method} took over ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      worker.postMessage({ id, method, input } satisfies Request);
      try {
        return (await result) as never;
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      closed = true;
      await stop(new OracleError("SHUTTING_DOWN", `the ${name} thread is closed`));
    },
  };
}

/** Compiled programs run as they are. TypeScript sources, in tests and benches, need their loader in the thread too. */
function startWorker(name: string, url: string): Worker {
  const data = { name, workerData: { satrankThread: name } };
  if (!url.endsWith(".ts")) return new Worker(new URL(url), { ...data, execArgv: [] });
  const loader = new URL(
    "dist/esm/api/index.mjs",
    pathToFileURL(createRequire(import.meta.url).resolve("tsx/package.json")),
  ).href;
  const program = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(url)}); });`;
  return new Worker(program, { ...data, eval: true, execArgv: [] });
}

function rebuild({ code, message }: { code: ErrorCode; message: string }): OracleError {
  return new OracleError(code in ERRORS ? code : "INTERNAL", message);
}
