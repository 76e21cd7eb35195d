import fc from "fast-check";
import { expect, test } from "vitest";
import { createDueQueue } from "./due-queue.ts";

test("what is due comes out earliest first, and nothing else comes out", () => {
  const pushOrTake = fc.oneof(
    fc.nat(100).map((push) => ({ push })),
    fc.nat(100).map((take) => ({ take })),
  );
  fc.assert(
    fc.property(fc.array(pushOrTake, { maxLength: 60 }), (steps) => {
      const queue = createDueQueue<number>((item) => item);
      let held: number[] = [];
      for (const step of steps) {
        if ("push" in step) {
          queue.push(step.push);
          held = [...held, step.push].sort((a, b) => a - b);
        } else {
          const isDue = held[0] !== undefined && held[0] <= step.take;
          expect(queue.takeDue(step.take)).toBe(isDue ? held.shift() : undefined);
        }
        expect(queue.size).toBe(held.length);
      }
    }),
  );
});
