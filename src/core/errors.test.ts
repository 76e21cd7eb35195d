/** The table of codes and the page that explains them say the same, in both directions. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERRORS } from "./errors.ts";
import { REFUSALS, type Refusal, refusalCode } from "./l402/refusal.ts";

test("docs/errors.md lists every code with its status, and no other", () => {
  const rows = readFileSync("docs/errors.md", "utf8").matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm);
  const documented = Object.fromEntries([...rows].map(([, code, status]) => [code, Number(status)]));
  const refusals = Object.fromEntries(
    (Object.keys(REFUSALS) as Refusal[]).map((reason) => [refusalCode(reason), REFUSALS[reason]]),
  );
  expect(documented).toEqual({ ...ERRORS, ...refusals });
});
