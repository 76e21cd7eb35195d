/** Every shell script passes shellcheck: an unquoted variable in a deploy is how a folder gets lost. */
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { describeWith, findTool } from "./tool.ts";

const scripts = readdirSync("scripts")
  .filter((name) => name.endsWith(".sh"))
  .map((name) => path.join("scripts", name));

describeWith({ shellcheck: "shellcheck" }, "scripts", () => {
  test.each(scripts)("%s has no finding", (script) => {
    execFileSync(findTool("shellcheck") ?? "shellcheck", [script], { stdio: "pipe" });
  });

  test.each(scripts)("%s can be run", (script) => {
    expect(statSync(script).mode & 0o111).toBe(0o111);
  });
});
