/** Sources as compiled programs, for tests that start processes: Node loads them in a third of the time it takes with their types. */
import { execFile } from "node:child_process";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const SOURCES = new URL("../", import.meta.url);

/** Vitest global set-up: compiles what has changed since the last time. @throws when it does not compile, with what tsc says */
export async function setup(): Promise<void> {
  const root = fileURLToPath(new URL("../", SOURCES));
  const tsc = join(root, "node_modules/.bin/tsc");
  await promisify(execFile)(tsc, ["-p", "tsconfig.compiled.json"], { cwd: root }).catch((error) => {
    throw new Error(`the sources do not compile:\n${error.stdout}${error.stderr}`);
  });
}

/** The program that a source becomes; a compiled one is itself. @param source its URL */
export function compiled(source: URL): string {
  const path = fileURLToPath(source);
  if (path.endsWith(".js")) return path;
  const program = relative(fileURLToPath(SOURCES), path).replace(/\.ts$/, ".js");
  return fileURLToPath(new URL(`../.compiled/${program}`, SOURCES));
}

/** What is given to Node to run SatRank itself. */
export const SATRANK = compiled(new URL("apps/cli/main.ts", SOURCES));
export const EVERYTHING = compiled(new URL("apps/main.ts", SOURCES));
