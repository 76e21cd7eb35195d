/** What calls tell beside how they went. */
import { expect, test } from "vitest";
import { someCall } from "../../testing/some-call.ts";
import { msat, unixSeconds } from "../units.ts";
import { describeCalls } from "./describe-calls.ts";

const NOW = unixSeconds(1_000);

test("how long an answer takes is what it takes after payment, and what asking takes only while nobody has paid", () => {
  const asked = [1, 2, 3].map((at) => someCall({ at, stage: "invoice", call: { latencyMs: 10 } }));
  expect(describeCalls(asked, NOW).latency).toEqual({ medianMs: 10, ninetiethMs: 10 });
  const paid = someCall({ at: 2, call: { latencyMs: 1_200 } });
  expect(describeCalls([...asked, paid], NOW).latency).toEqual({ medianMs: 1_200, ninetiethMs: 1_200 });
  const untimed = someCall({ at: 2 });
  expect(describeCalls([...asked, untimed], NOW).latency).toEqual({ medianMs: 10, ninetiethMs: 10 });
  expect(describeCalls([untimed], NOW).latency).toBeUndefined();
});

test("price and payee are those of the newest call of ours, whatever others say", () => {
  const ours = { price: msat(5_000n), payee: `02${"11".repeat(32)}` };
  const calls = [
    someCall({ at: 1, stage: "invoice", call: { price: msat(1_000n), payee: `02${"22".repeat(32)}` } }),
    someCall({ at: 2, stage: "invoice", call: ours }),
    someCall({ at: 3, source: "proven", call: { price: msat(9_000n), payee: `02${"33".repeat(32)}`, latencyMs: 1 } }),
  ];
  expect(describeCalls(calls, NOW)).toMatchObject({
    ...ours,
    latency: undefined,
    observations: 3,
    bySource: { probe: 2, proven: 1, holder: 0, signed: 0 },
    newestAt: 3,
  });
});

test("a call of the future has not been made", () => {
  expect(describeCalls([someCall({ at: 2_000 })], NOW)).toMatchObject({ observations: 0, newestAt: undefined });
});
