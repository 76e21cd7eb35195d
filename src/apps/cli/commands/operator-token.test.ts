/** What `satrank operator-token` takes for an answer, before any database is asked. */
import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { createOutput } from "../terminal.ts";
import { operatorTokenCommand } from "./operator-token.ts";

const good = { "--label": "probe", "--operations": "resolveIntent", "--expires": "30d" };

async function refusal(words: string[]): Promise<{ exitCode: number; message: string }> {
  const group = operatorTokenCommand(createOutput({ json: false, colour: false }));
  for (const command of [group, ...group.commands]) command.configureOutput({ writeErr: () => undefined });
  try {
    await group.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error;
    throw error;
  }
  throw new Error("taken");
}

test.each([
  { name: "a label that draws on the terminal", changes: { "--label": "a\u001b[2J" }, want: /printable/ },
  { name: "a label of 65 characters", changes: { "--label": "a".repeat(65) }, want: /1 to 64/ },
  { name: "an operation with a space", changes: { "--operations": "resolve intent" }, want: /names like/ },
  { name: "an empty name among others", changes: { "--operations": "resolveIntent," }, want: /names like/ },
  { name: "33 operations", changes: { "--operations": Array(33).fill("a").join() }, want: /up to 32/ },
  { name: "a life of 367 days", changes: { "--expires": "367d" }, want: /at most 366d/ },
  { name: "a life without a unit", changes: { "--expires": "30" }, want: /like 90m, 12h or 30d/ },
  { name: "no life", changes: { "--expires": "0d" }, want: /like 90m/ },
  { name: "no uses", changes: { "--max-uses": "0" }, want: /from 1 to/ },
  { name: "half a use", changes: { "--max-uses": "1.5" }, want: /from 1 to/ },
])("create refuses $name", async ({ changes, want }) => {
  expect((await refusal(["create", ...Object.entries({ ...good, ...changes }).flat()])).message).toMatch(want);
});

test.each(Object.keys(good))("create needs %s", async (option) => {
  const words = Object.entries(good).filter(([name]) => name !== option);
  expect((await refusal(["create", ...words.flat()])).message).toContain(`required option '${option}`);
});

test("an id has twelve hex digits, and only uses knows the plain secret", async () => {
  expect((await refusal(["revoke", "nonsense"])).message).toMatch(/12 hex digits/);
  expect((await refusal(["revoke", "secret"])).message).toMatch(/12 hex digits/);
  expect((await refusal(["uses", "0123456789ab", "--limit", "1001"])).message).toMatch(/from 1 to 1000/);
});
