/** Amounts keep every millisatoshi, and refuse what is none. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_MSAT, msat, msatToSat, unixSeconds } from "./units.ts";

test("satoshis round up, by less than one", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: MAX_MSAT }), (amount) => {
      const excess = msatToSat(msat(amount)) * 1000n - amount;
      expect(excess >= 0n && excess < 1000n).toBe(true);
    }),
  );
});

test.each([-1n, MAX_MSAT + 1n])("%s msat is not an amount", (amount) => {
  expect(() => msat(amount)).toThrow(expect.objectContaining({ code: "AMOUNT_INVALID" }));
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])("%s is not a unix second", (value) => {
  expect(() => unixSeconds(value)).toThrow(expect.objectContaining({ code: "TIME_INVALID" }));
});
