import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isNodeKey } from "./identifier.ts";

const isPoint = (text: string) => {
  try {
    secp256k1.Point.fromHex(text);
    return true;
  } catch {
    return false;
  }
};
const hex = (value: bigint) => value.toString(16).padStart(64, "0");
const P = secp256k1.Point.Fp.ORDER;

test("a key is a point exactly where the library of curves says so", () => {
  const x = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
  fc.assert(
    fc.property(x, fc.constantFrom("02", "03"), (value, sign) => {
      expect(isNodeKey(sign + hex(value))).toBe(isPoint(sign + hex(value)));
    }),
    { numRuns: 2_000 },
  );
});

test.each([0n, 1n, 2n, P - 1n, P, P + 1n, 2n ** 256n - 1n])("at the edges too: %d", (value) => {
  expect(isNodeKey(`02${hex(value)}`)).toBe(isPoint(`02${hex(value)}`));
});

test.each(["", "02", `04${"11".repeat(32)}`, `02${"AB".repeat(32)}`, `02${"11".repeat(33)}`])(
  "%j is no key",
  (text) => {
    expect(isNodeKey(text)).toBe(false);
  },
);
