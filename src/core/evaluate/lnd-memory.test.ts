import { expect, test } from "vitest";
import { type LndMemory, rememberFailure, rememberSuccess } from "./lnd-memory.ts";

test.each([
  { name: "a success is kept", does: [100], success: 100, fail: Number.POSITIVE_INFINITY },
  { name: "a smaller success changes nothing", does: [100, 50], success: 100, fail: Number.POSITIVE_INFINITY },
  { name: "a success at the failed amount moves that above itself", does: [-100, 100], success: 100, fail: 101 },
  { name: "a failure at the amount that succeeded moves that below itself", does: [100, -100], success: 99, fail: 100 },
  { name: "the last failure counts", does: [-100, -200], success: 0, fail: 200 },
  { name: "a failure of any amount clears the success", does: [100, -0], success: 0, fail: 0 },
])("$name", ({ does, success, fail }) => {
  const memory: LndMemory = new Map();
  for (const amount of does) {
    if (amount > 0) rememberSuccess(memory, 7, amount, 0);
    else rememberFailure(memory, 7, Math.abs(amount), 0);
  }
  expect(memory.get(7)).toMatchObject({ successMsat: success, failMsat: fail });
});
