/** How fast a relay is written to, after whatever it may have answered. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { unixSeconds } from "../units.ts";
import { filled, learned, newBucket, START_PER_MINUTE, taken } from "./relay-rate.ts";

const now = unixSeconds(1_790_000_000);
const after = (sec: number) => unixSeconds(now + sec);

test("a new relay gets one event at once and then six a minute", () => {
  const first = taken(newBucket(now), 10, now);
  expect(first.granted).toBe(1);
  expect(taken(first.bucket, 10, after(9)).granted).toBe(0);
  expect(taken(first.bucket, 10, after(10)).granted).toBe(1);
  let [bucket, sent] = [first.bucket, 0];
  for (let sec = 1; sec <= 600; sec++) {
    const next = taken(bucket, 10, after(sec));
    [bucket, sent] = [next.bucket, sent + next.granted];
  }
  expect(sent).toBe(60);
});

test("a silence saves up ten seconds' worth and no more", () => {
  expect(filled({ perMinute: 120, tokens: 0, filledAt: now }, after(86_400)).tokens).toBe(20);
  expect(filled(newBucket(now), after(86_400)).tokens).toBe(1);
});

test("a clock that goes back neither fills nor empties", () => {
  const bucket = { perMinute: 60, tokens: 0.5, filledAt: now };
  expect(filled(bucket, unixSeconds(now - 3_600))).toEqual(bucket);
});

test("a minute of acceptance adds one a minute, and one rate limit takes half", () => {
  const grown = learned(newBucket(now), { accepted: START_PER_MINUTE, limited: false });
  expect(grown.perMinute).toBe(START_PER_MINUTE + 1);
  expect(learned({ ...grown, tokens: 1 }, { accepted: 3, limited: true })).toEqual({
    ...grown,
    perMinute: 3.5,
    tokens: 0,
  });
});

test("whatever a relay answers, the rate stays between one in ten minutes and ten a second, and tokens are never owed", () => {
  const step = fc.record({ wait: fc.nat(100_000), want: fc.nat(1_000), limited: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let [bucket, at] = [newBucket(now), 0];
      for (const { wait, want, limited } of steps) {
        at += wait;
        const got = taken(bucket, want, after(at));
        bucket = learned(got.bucket, { accepted: got.granted, limited });
        expect(bucket.tokens).toBeGreaterThanOrEqual(0);
        expect(bucket.perMinute).toBeGreaterThanOrEqual(0.1);
        expect(bucket.perMinute).toBeLessThanOrEqual(600);
        expect(got.granted).toBeLessThanOrEqual(Math.min(want, 100));
      }
    }),
  );
});
