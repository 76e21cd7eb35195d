/** Every spelling of an amount is understood or refused, and none breaks the parser. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { amountMsatInput } from "./schemas.ts";

test.each([
  ["100000000", 100_000_000n],
  [1, 1n],
  ["1", 1n],
])("%j msat", (given, want) => {
  expect(amountMsatInput.parse(given)).toBe(want);
});

test.each([
  "1e5",
  "x",
  "1.5",
  "٣",
  "１００",
  "1_000",
  "",
  " 1",
  "0",
  "-1",
  0,
  -1,
  1.5,
  1e30,
  "9".repeat(19),
  "1".repeat(400),
  null,
  true,
  {},
  [],
])("%j is refused", (given) => {
  expect(amountMsatInput.safeParse(given).success).toBe(false);
});

test("anything at all is refused or is a positive amount", () => {
  fc.assert(
    fc.property(fc.anything(), (given) => {
      const result = amountMsatInput.safeParse(given);
      if (result.success) expect(result.data > 0n).toBe(true);
    }),
  );
});
