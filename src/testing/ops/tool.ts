/**
 * Tests of host operations need programs that a developer's machine may lack. There they are named as not covered; on CI
 * a missing program is a failure, so nothing stays untested unseen.
 */
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { describe } from "vitest";

/** The first place on PATH (or in the system folders an ordinary user's PATH omits) where the program can be run. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

/** A `describe` that runs with all of `tools` (program name to Debian package), fails without one on CI, else says what it lacks. */
export function describeWith(tools: Record<string, string>, name: string, body: () => void): void {
  const missing = Object.keys(tools).filter((tool) => findTool(tool) === undefined);
  const install = `apt-get install ${missing.map((tool) => tools[tool]).join(" ")}`;
  if (missing.length > 0 && process.env["CI"] === "true") {
    describe(name, () => {
      throw new Error(`${missing.join(" and ")} missing: ${install}`);
    });
    return;
  }
  const title = missing.length === 0 ? name : `${name} [NOT COVERED: ${missing.join(" and ")} missing: ${install}]`;
  describe.runIf(missing.length === 0)(title, body);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
