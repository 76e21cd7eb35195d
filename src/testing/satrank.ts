/** The command line as a process of its own. */
import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { SATRANK } from "./compiled.ts";

export type Ended = { code: number | null; out: string; err: string };

/** Runs `satrank` in the test that calls it, and resolves when it has ended. */
export function satrank(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [SATRANK, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
