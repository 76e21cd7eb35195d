import { expect, test } from "vitest";
import type { Subject } from "../../core/subject.ts";
import { rememberFound } from "./found-nodes.ts";

const key = (digit: string): Subject => ({ by: "key", keyHex: `02${digit.repeat(64)}` });

test("a node is looked up once in ten seconds; one that is not there, or is named by its alias, every time", async () => {
  const asked: Subject[] = [];
  let at = 1;
  let there = false;
  const find = rememberFound(
    async (subject) => {
      asked.push(subject);
      return there ? { subject, at } : undefined;
    },
    () => at,
  );
  expect(await find(key("a"))).toBeUndefined();
  there = true;
  const first = await find(key("a"));
  expect(first).toMatchObject({ subject: key("a") });
  expect(await find(key("a"))).toBe(first);
  expect(asked).toEqual([key("a"), key("a")]);

  at += 9_999;
  expect(await find(key("a"))).toBe(first);
  at += 2;
  expect(await find(key("a"))).not.toBe(first);
  expect(asked).toHaveLength(3);

  // Another node, by any name that has as many digits.
  await find({ by: "hash", hashHex: "a".repeat(64) });
  expect(asked.at(-1)).toEqual({ by: "hash", hashHex: "a".repeat(64) });
  await find({ by: "alias", alias: "hub" });
  await find({ by: "alias", alias: "hub" });
  expect(asked).toHaveLength(6);
});

test("a look-up that fails is remembered as nothing", async () => {
  let fails = true;
  const find = rememberFound(async () => {
    if (fails) throw new Error("away");
    return { found: true };
  });
  await expect(find(key("b"))).rejects.toThrow("away");
  fails = false;
  expect(await find(key("b"))).toEqual({ found: true });
});
