/** A call that could not be answered now is refused before anything is charged for it. */

import { expect, test } from "vitest";
import { OracleError } from "../../../core/errors.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { Caller } from "../caller.ts";
import { type IntentPorts, resolveIntent } from "./resolve-intent.ts";

const question = { target: `02${"ab".repeat(32)}`, caller: `03${"cd".repeat(32)}` };
const caller = new Caller();

test("preparing looks both nodes up while decisions are taken", async () => {
  const { operation, lookups } = intent(() => undefined);
  expect(await operation.prepare(question, caller)).toMatchObject({ amount: 100_000_000n });
  expect(lookups()).toBe(2);
});

test("preparing refuses before a lookup when too many decisions wait", async () => {
  const { operation, lookups } = intent(() => "OVERLOADED");
  await expect(operation.prepare(question, caller)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect(lookups()).toBe(0);
});

test("preparing refuses when the queue filled up during the lookup", async () => {
  const { operation, lookups } = intent((found) => (found > 0 ? "OVERLOADED" : undefined));
  await expect(operation.prepare(question, caller)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect(lookups()).toBe(2);
});

/** The operation over a graph that knows every node; `refusal` may depend on how many lookups were made. */
function intent(refusal: (lookups: number) => "OVERLOADED" | undefined) {
  let count = 0;
  const ports: IntentPorts = {
    find: async () => ({ keyHex: `key ${++count}` }),
    decide: () => Promise.reject(new Error("preparing decides nothing")),
    record: () => {
      throw new Error("preparing writes nothing");
    },
    now: () => unixSeconds(1_770_000_000),
    assertReady() {
      const code = refusal(count);
      if (code) throw new OracleError(code, "too many calls are waiting");
    },
  };
  return { operation: resolveIntent(ports, msat(1_000n)), lookups: () => count };
}
