/**
 * A service in a worker thread: calls go over as messages, results and errors come back as promises.
 *
 * The module that defines a service both serves it (inside the worker) and opens it (outside), so its own URL is the
 * worker's program, from TypeScript sources as from compiled ones. Calls wait here and go over one at a time, so that a
 * thread that crashes or overruns its time fails the call it works on and not those behind it: they get the next one.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { parentPort, type TransferListItem, Worker, workerData } from "node:worker_threads";
import { ERRORS, type ErrorCode, errorCode, OracleError } from "../core/errors.ts";

/** What a service offers: methods of one argument. Arguments and results must survive a structured clone. */
export type Service = Record<string, (input: never) => unknown>;

/** A call of a service's method, as data. */
export type Call<S extends Service> = {
  [M in keyof S & string]: { method: M; input: Parameters<S[M]>[0] };
}[keyof S & string];

/** How calls wait, and what a new thread has to know. */
export type ThreadOptions<S extends Service> = {
  /** Calls that may wait behind the one that runs. */
  maxWaiting?: number;
  /** How long a call may wait before it is given up. Without it, as long as it takes. */
  maxWaitMs?: number;
  /** Methods that pause between their steps: they have a queue of their own, and run beside the others. */
  beside?: readonly (keyof S & string)[];
  /** What every new thread is told before anything else. It starts empty. */
  first?: () => Call<S> | undefined;
};

/** A service as seen from outside its thread. */
export type Thread<S extends Service> = {
  /**
   * The time a call may take starts when the thread takes it.
   * @throws whatever the method threw, by code; TIMED_OUT; OVERLOADED when too many calls wait, or this one waited for
   * too long; INTERNAL when the thread died; SHUTTING_DOWN after `close`
   */
  call<M extends keyof S & string>(
    method: M,
    input: Parameters<S[M]>[0],
    options?: { timeoutMs?: number },
  ): Promise<Awaited<ReturnType<S[M]>>>;
  /** Whether a call that is not `beside` the others would be refused now. */
  overloaded(): boolean;
  close(): Promise<void>;
};

type Request = { id: number; method: string; input: unknown };
type Response = { id: number } & ({ result: unknown } | { failure: { code: ErrorCode; message: string } });

const TIMEOUT_MS = 120_000;
const MAX_WAITING = 1_000;
const moved = new WeakMap<object, TransferListItem[]>();

/**
 * Marks an argument or a result of which these bytes move into or out of the thread instead of being copied. Bytes that share
 * their memory with others, as Node's small buffers do, are copied all the same: it cannot be taken away from the others.
 */
export function moving<Value extends object>(value: Value, bytes: readonly Uint8Array[]): Value {
  const whole = bytes.filter(({ buffer, byteLength }) => byteLength === buffer.byteLength);
  moved.set(
    value,
    whole.map(({ buffer }) => buffer as ArrayBuffer),
  );
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
export function openThread<S extends Service>(name: string, url: string, options: ThreadOptions<S> = {}): Thread<S> {
  const { maxWaiting = MAX_WAITING, maxWaitMs, beside = [], first } = options;
  let current: { life: Life; ready: Promise<Life> } | undefined;
  let closed: OracleError | undefined;

  const begin = () => {
    const life = startLife(name, url, () => {
      current = undefined;
    });
    const told = first?.();
    const ready = told ? life.run(told.method, told.input, TIMEOUT_MS).then(() => life) : Promise.resolve(life);
    // A thread that could not be told what it needs is of no use to the calls that wait.
    ready.catch((error: OracleError) => void life.end(error));
    return { life, ready };
  };
  const ready = () => {
    if (closed) throw closed;
    current ??= begin();
    return current.ready;
  };
  const common = openQueue(ready, { maxWaiting, maxWaitMs });
  const apart = openQueue(ready, { maxWaiting, maxWaitMs });

  return {
    async call(method, input, { timeoutMs = TIMEOUT_MS } = {}) {
      if (closed) throw closed;
      const queue = beside.includes(method) ? apart : common;
      return (await queue.add((life) => life.run(method, input, timeoutMs))) as never;
    },
    overloaded: common.full,
    async close() {
      closed = new OracleError("SHUTTING_DOWN", `the ${name} thread is closed`);
      for (const queue of [common, apart]) queue.fail(closed);
      await current?.life.end(closed);
    },
  };
}

type Work = (life: Life) => Promise<unknown>;
type Waiting = { work: Work; resolve(result: unknown): void; reject(error: unknown): void; timer?: NodeJS.Timeout };

/** Calls in the order they came, one at a time. Whatever ends one of them, the next has its turn. */
function openQueue(ready: () => Promise<Life>, limits: { maxWaiting: number; maxWaitMs: number | undefined }) {
  const waiting = new Set<Waiting>();
  let turning = false;
  let busy = false;
  const full = () => waiting.size + Number(busy) > limits.maxWaiting;
  /** True for one caller only: whoever takes a call out of the queue settles it. */
  const take = (call: Waiting) => {
    clearTimeout(call.timer);
    return waiting.delete(call);
  };
  const fail = (error: unknown) => {
    for (const call of waiting) if (take(call)) call.reject(error);
  };
  const turn = async () => {
    const life = await ready();
    const [next] = waiting;
    if (!next || !take(next)) return;
    busy = true;
    const done = next.work(life).finally(() => {
      busy = false;
    });
    await done.then(next.resolve, next.reject);
  };
  const run = async () => {
    if (turning) return;
    turning = true;
    while (waiting.size > 0) await turn().catch(fail);
    turning = false;
  };

  return {
    full,
    fail,
    /** @throws OVERLOADED, and what the work throws */
    add(work: Work): Promise<unknown> {
      if (full()) return Promise.reject(new OracleError("OVERLOADED", "too many calls are waiting"));
      return new Promise((resolve, reject) => {
        const call: Waiting = { work, resolve, reject };
        waiting.add(call);
        const giveUp = () => {
          if (take(call)) reject(new OracleError("OVERLOADED", "the calls before this one took too long"));
        };
        if (limits.maxWaitMs !== undefined) call.timer = setTimeout(giveUp, limits.maxWaitMs);
        void run();
      });
    },
  };
}

/** One thread from its start until it crashes, overruns or is ended. What runs in it then fails. */
type Life = {
  run(method: string, input: unknown, timeoutMs: number): Promise<unknown>;
  end(error: OracleError): Promise<void>;
};

function startLife(name: string, url: string, onEnd: () => void): Life {
  const worker = startWorker(name, url);
  const running = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  let cause: unknown;
  let over: OracleError | undefined;

  const finish = (error: OracleError) => {
    if (over) return;
    over = error;
    onEnd();
    for (const caller of running.values()) caller.reject(error);
  };
  const end = async (error: OracleError) => {
    finish(error);
    await worker.terminate();
  };
  worker.on("message", (response: Response) => {
    const caller = running.get(response.id);
    if ("result" in response) caller?.resolve(response.result);
    else caller?.reject(rebuild(response.failure));
  });
  worker.on("error", (error) => {
    cause = error;
  });
  worker.on("exit", () => finish(new OracleError("INTERNAL", `the ${name} thread stopped`, { cause })));

  return {
    end,
    async run(method, input, timeoutMs) {
      if (over) throw over;
      const id = ++lastId;
      const result = new Promise<unknown>((resolve, reject) => running.set(id, { resolve, reject }));
      // A thread that computes cannot be interrupted: what overruns is ended, with the call that runs beside it.
      const late = () => void end(new OracleError("TIMED_OUT", `${name}.${method} took over ${timeoutMs} ms`));
      const timer = setTimeout(late, timeoutMs);
      worker.ref();
      try {
        const buffers = typeof input === "object" && input !== null ? moved.get(input) : undefined;
        worker.postMessage({ id, method, input } satisfies Request, buffers ?? []);
        return await result;
      } finally {
        clearTimeout(timer);
        running.delete(id);
        if (running.size === 0) worker.unref();
      }
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
