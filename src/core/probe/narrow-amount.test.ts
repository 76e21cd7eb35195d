/** Bisection in probability: fast where the prior has its weight, and over when little of it is left. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { shareBelow } from "../graph/prior.ts";
import { msat } from "../units.ts";
import { NARROW_MASS, narrowAmount } from "./narrow-amount.ts";

const capacitySat = 1_000_000;
const usable = 990_000_000n;

test.each([
  { name: "the first amount is half of the channel", atLeast: 0n, below: usable, want: 495_000_000n },
  { name: "after a failure at half it is near the empty end", atLeast: 0n, below: 495_000_000n, want: 87_000_000n },
  { name: "an interval with little of the prior in it is left alone", atLeast: 400_000_000n, below: 495_000_000n },
  { name: "so is one without a whole satoshi inside", atLeast: 0n, below: 1_000n },
])("$name", ({ atLeast, below, want }) => {
  expect(narrowAmount({ atLeast: msat(atLeast), below: msat(below), capacitySat })).toBe(want);
});

test("every balance is enclosed in a narrow interval after at most five steps", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: usable }), fc.integer({ min: 20_000, max: 1_000_000_000 }), (part, size) => {
      const full = BigInt(Math.floor(size * 990));
      const balance = (part * full) / usable;
      let [atLeast, below] = [0n, full];
      let steps = 0;
      for (;;) {
        const amount = narrowAmount({ atLeast: msat(atLeast), below: msat(below), capacitySat: size });
        if (amount === undefined) break;
        expect(amount % 1_000n).toBe(0n);
        if (amount <= balance) atLeast = amount;
        else below = amount;
        steps++;
      }
      expect(steps).toBeLessThanOrEqual(5);
      expect(atLeast <= balance && balance <= below).toBe(true);
      const mass = shareBelow(Number(below) / Number(full)) - shareBelow(Number(atLeast) / Number(full));
      expect(mass).toBeLessThan(NARROW_MASS + 0.02);
    }),
  );
});
