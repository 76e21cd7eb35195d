/** Spellings of a node's name. */
import { expect, test } from "vitest";
import { parseSubject } from "./subject.ts";

const key = `02${"ab".repeat(32)}`;

test.each([
  { name: "a compressed key", text: key, want: { by: "key", keyHex: key } },
  { name: "a key in upper case", text: key.toUpperCase(), want: { by: "key", keyHex: key } },
  { name: "a hash", text: "CD".repeat(32), want: { by: "hash", hashHex: "cd".repeat(32) } },
  { name: "an alias", text: "alias@ACINQ", want: { by: "alias", alias: "ACINQ" } },
])("$name is understood", ({ text, want }) => {
  expect(parseSubject(text)).toEqual(want);
});

test.each([
  "",
  "02",
  `04${"ab".repeat(32)}`,
  `${key}0`,
  "alias@",
  `alias@${"x".repeat(65)}`,
  "ACINQ",
  `${"g".repeat(64)}`,
])("%j is refused", (text) => {
  expect(() => parseSubject(text)).toThrow(expect.objectContaining({ code: "SUBJECT_MALFORMED" }));
});
