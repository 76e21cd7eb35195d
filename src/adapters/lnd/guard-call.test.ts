import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { breakerOf, type LndClient, type LndEvent } from "./connect.ts";
import { type Ended, guardCall } from "./guard-call.ts";
import { RPCS, type Rpc } from "./rpcs.ts";

function openGuards() {
  const events: LndEvent[] = [];
  const client = { breakers: new Map(), hear: (event: LndEvent) => void events.push(event) } as unknown as LndClient;
  return { client, events };
}

const rpcs = fc.constantFrom(...(Object.keys(RPCS) as Rpc[]));
const codes = Object.values(status).filter((code) => typeof code === "number") as status[];
/** Everything that follows from what a caller asks for, or from when it gives up, on a node that is there. */
const provoked = fc.oneof(
  fc.record({
    code: fc.constantFrom(...codes.filter((code) => code !== status.UNAVAILABLE && code !== status.DEADLINE_EXCEEDED)),
    ended: fc.constant(undefined),
    time: fc.constantFrom("ours" as const, "theirs" as const, "any" as const),
  }),
  fc.record({
    code: fc.constantFrom(...codes),
    ended: fc.constant<Ended>("abort"),
    time: fc.constantFrom("ours" as const, "theirs" as const, "any" as const),
  }),
  fc.record({
    code: fc.constantFrom(status.CANCELLED, status.DEADLINE_EXCEEDED),
    ended: fc.constantFrom<Ended | undefined>("deadline", undefined),
    time: fc.constant("theirs" as const),
  }),
);

test("nothing a caller can bring about shuts an operation off, for itself or for others", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ rpc: rpcs, how: provoked }), { maxLength: 200 }), (calls) => {
      const { client } = openGuards();
      for (const { rpc, how } of calls) {
        const guard = guardCall(client, rpc, how.time);
        expect(guard).toBeDefined();
        guard?.end(how.code, how.ended);
      }
    }),
  );
});

test.each(["SendPaymentV2", "SendToRouteV2"] as const)(
  "a payee that holds a payment shuts %s off for nobody",
  (rpc) => {
    const { client } = openGuards();
    for (let n = 0; n < 50; n++) guardCall(client, rpc, "ours")?.end(status.CANCELLED, "deadline");
    expect(guardCall(client, rpc, "ours")).toBeDefined();
  },
);

test("one operation that the node does not answer leaves every other one alone", () => {
  const { client, events } = openGuards();
  for (let n = 0; n < 5; n++) guardCall(client, "AddInvoice", "ours")?.end(status.CANCELLED, "deadline");
  expect(guardCall(client, "AddInvoice", "ours")).toBeUndefined();
  for (const rpc of (Object.keys(RPCS) as Rpc[]).filter((name) => name !== "AddInvoice")) {
    expect(guardCall(client, rpc, "ours")).toBeDefined();
  }
  expect(breakerOf(client, "AddInvoice").state()).toBe("open");
  expect(events.at(5)).toEqual({ kind: "breaker", rpc: "AddInvoice", state: "open" });
  expect(events.at(-1)).toMatchObject({ kind: "call", rpc: "AddInvoice", outcome: "paused" });
});
