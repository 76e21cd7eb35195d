import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { errorCode } from "../core/errors.ts";
import { moving, openThread, type ThreadOptions } from "./thread.ts";

const folder = mkdtempSync(join(tmpdir(), "satrank-thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Echo = {
  echo(input: { text: string; bytes: Uint8Array; amount: bigint }): { text: string; bytes: Uint8Array; amount: bigint };
  refuse(input: null): never;
  throwUp(input: null): never;
  crash(input: null): never;
  hang(input: null): never;
  move(input: null): { bytes: Uint8Array };
  spin(ms: number): void;
  nap(ms: number): Promise<void>;
  tell(word: string): void;
  told(input: null): string[];
};

test("arguments and results cross as they are, and buffers can be moved out", async () => {
  const thread = open();
  const value = { text: "⚡", bytes: Uint8Array.of(1, 2, 3), amount: 2n ** 60n };
  expect(await thread.call("echo", value)).toEqual(value);
  expect(value.bytes.length).toBe(3);
  expect((await thread.call("move", null)).bytes).toEqual(Uint8Array.of(9, 9));
  await thread.close();
});

test("bytes that own their memory move in, and those that share it are copied", async () => {
  const thread = open();
  const whole = { text: "", bytes: Uint8Array.of(1, 2, 3), amount: 0n };
  expect((await thread.call("echo", moving(whole, [whole.bytes]))).bytes).toEqual(Uint8Array.of(1, 2, 3));
  expect(whole.bytes).toHaveLength(0);
  // A small Buffer is a part of Node's pool, which cannot be moved.
  const pooled = { text: "", bytes: Buffer.from("pooled"), amount: 0n };
  const echoed = await thread.call("echo", moving(pooled, [pooled.bytes]));
  expect(Buffer.from(echoed.bytes).toString()).toBe("pooled");
  expect(pooled.bytes.toString()).toBe("pooled");
  await thread.close();
});

test("errors keep their code, and unnamed ones become INTERNAL", async () => {
  const thread = open();
  await expect(thread.call("refuse", null)).rejects.toMatchObject({ code: "GRAPH_MALFORMED", message: "no graph" });
  await expect(thread.call("throwUp", null)).rejects.toMatchObject({ code: "INTERNAL", message: "a bug" });
  await thread.close();
});

test("a crash fails the calls it had, and the next call starts a new thread", async () => {
  const thread = open();
  const value = { text: "a", bytes: new Uint8Array(), amount: 0n };
  const calls = [thread.call("crash", null), thread.call("echo", value)].map((call) => call.catch(errorCode));
  expect((await Promise.all(calls))[0]).toBe("INTERNAL");
  expect(await thread.call("echo", value)).toEqual(value);
  await thread.close();
});

test("a call that overruns its time ends the thread, and the next call starts a new one", async () => {
  const thread = open();
  await expect(thread.call("hang", null, { timeoutMs: 300 })).rejects.toMatchObject({ code: "TIMED_OUT" });
  const value = { text: "b", bytes: new Uint8Array(), amount: 0n };
  expect(await thread.call("echo", value)).toEqual(value);
  await thread.close();
});

test("a closed thread refuses", async () => {
  const thread = open();
  const pending = thread.call("hang", null).catch(errorCode);
  await thread.close();
  expect(await pending).toBe("SHUTTING_DOWN");
  await expect(thread.call("refuse", null)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});

test("the time a call may take starts when the thread takes it", async () => {
  const thread = open();
  await thread.call("spin", 0);
  const calls = Array.from({ length: 5 }, () => thread.call("spin", 200, { timeoutMs: 700 }));
  await expect(Promise.all(calls)).resolves.toHaveLength(5);
  await thread.close();
});

test("a call that overruns or crashes fails alone: those behind it get a new thread", async () => {
  const thread = open();
  await thread.call("spin", 0);
  const late = thread.call("hang", null, { timeoutMs: 300 }).catch(errorCode);
  const crash = thread.call("crash", null).catch(errorCode);
  const behind = thread.call("told", null);
  expect(await Promise.all([late, crash, behind])).toEqual(["TIMED_OUT", "INTERNAL", []]);
  await thread.close();
});

test("beyond the largest queue a call is refused at once, and taken again when there is room", async () => {
  const thread = open({ maxWaiting: 2 });
  const accepted = [300, 0, 0].map((ms) => thread.call("spin", ms));
  let settled = 0;
  for (const call of accepted) void call.then(() => settled++);
  expect(thread.overloaded()).toBe(true);
  expect([await thread.call("spin", 0).catch(errorCode), settled]).toEqual(["OVERLOADED", 0]);
  await Promise.all(accepted);
  expect(thread.overloaded()).toBe(false);
  expect(await thread.call("told", null)).toEqual([]);
  await thread.close();
});

test("a call that waits for too long is given up and never runs", async () => {
  const thread = open({ maxWaitMs: 400 });
  await thread.call("spin", 0);
  const running = thread.call("spin", 900);
  expect(await thread.call("tell", "late").catch(errorCode)).toBe("OVERLOADED");
  await running;
  expect(await thread.call("told", null)).toEqual([]);
  await thread.close();
});

test("methods beside the others do not hold them up, nor take their room", async () => {
  const thread = open({ maxWaiting: 0, beside: ["nap"] });
  let awake = false;
  const nap = thread.call("nap", 500).then(() => {
    awake = true;
  });
  expect(thread.overloaded()).toBe(false);
  expect([await thread.call("told", null), awake]).toEqual([[], false]);
  expect([await thread.call("told", null), awake]).toEqual([[], false]);
  await nap;
  await thread.close();
});

test("every new thread is told first what it needs, once for all who wait", async () => {
  let starts = 0;
  const thread = open({ first: () => ({ method: "tell", input: `start ${++starts}` }) });
  const crash = thread.call("crash", null).catch(errorCode);
  const behind = Array.from({ length: 10 }, () => thread.call("told", null));
  expect(await crash).toBe("INTERNAL");
  expect(await Promise.all(behind)).toEqual(Array.from({ length: 10 }, () => ["start 2"]));
  expect(starts).toBe(2);
  await thread.close();
});

test("a thread that cannot be told what it needs fails all who wait, and the next call tries again", async () => {
  let starts = 0;
  const thread = open({ first: () => ({ method: "tell", input: ++starts === 1 ? "crash" : "well" }) });
  const calls = [1, 2, 3].map(() => thread.call("told", null).catch(errorCode));
  expect(await Promise.all(calls)).toEqual(["INTERNAL", "INTERNAL", "INTERNAL"]);
  expect(await thread.call("told", null)).toEqual(["well"]);
  await thread.close();
});

/** A service in a file of its own, in TypeScript, as the product's are. */
function open(options?: ThreadOptions<Echo>) {
  const source = `
    import { moving, serveThread } from ${JSON.stringify(new URL("./thread.ts", import.meta.url).href)};
    import { OracleError } from ${JSON.stringify(new URL("../core/errors.ts", import.meta.url).href)};
    const told: string[] = [];
    serveThread("echo", {
      echo: (input: unknown) => input,
      refuse: () => { throw new OracleError("GRAPH_MALFORMED", "no graph"); },
      throwUp: () => { throw new Error("a bug"); },
      crash: () => process.exit(3),
      hang: () => { for (;;); },
      spin: (ms: number) => { for (const end = Date.now() + ms; Date.now() < end; ); },
      nap: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
      tell: (word: string) => { if (word === "crash") process.exit(3); told.push(word); },
      told: () => told,
      move: () => { const bytes = Uint8Array.of(9, 9); return moving({ bytes }, [bytes]); },
    });`;
  const file = join(folder, "echo.ts");
  writeFileSync(file, source);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return openThread<Echo>("echo", pathToFileURL(file).href, options);
}
