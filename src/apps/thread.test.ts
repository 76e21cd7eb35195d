import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { errorCode } from "../core/errors.ts";
import { openThread } from "./thread.ts";

const folder = mkdtempSync(join(tmpdir(), "satrank-thread-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Echo = {
  echo(input: { text: string; bytes: Uint8Array; amount: bigint }): { text: string; bytes: Uint8Array; amount: bigint };
  refuse(input: null): never;
  throwUp(input: null): never;
  crash(input: null): never;
  hang(input: null): never;
  move(input: null): { bytes: Uint8Array };
};

test("arguments and results cross as they are, and buffers can be moved out", async () => {
  const thread = open();
  const value = { text: "⚡", bytes: Uint8Array.of(1, 2, 3), amount: 2n ** 60n };
  expect(await thread.call("echo", value)).toEqual(value);
  expect(value.bytes.length).toBe(3);
  expect((await thread.call("move", null)).bytes).toEqual(Uint8Array.of(9, 9));
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

/** A service in a file of its own, in TypeScript, as the product's are. */
function open() {
  const source = `
    import { moving, serveThread } from ${JSON.stringify(new URL("./thread.ts", import.meta.url).href)};
    import { OracleError } from ${JSON.stringify(new URL("../core/errors.ts", import.meta.url).href)};
    serveThread("echo", {
      echo: (input: unknown) => input,
      refuse: () => { throw new OracleError("GRAPH_MALFORMED", "no graph"); },
      throwUp: () => { throw new Error("a bug"); },
      crash: () => process.exit(3),
      hang: () => { for (;;); },
      move: () => { const bytes = Uint8Array.of(9, 9); return moving({ bytes }, [bytes.buffer]); },
    });`;
  const file = join(folder, "echo.ts");
  writeFileSync(file, source);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  return openThread<Echo>("echo", pathToFileURL(file).href);
}
