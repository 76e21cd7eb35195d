/** What anybody may read of our delivery, and that asking for it costs the database nothing. */
import type { Response } from "express";
import { expect, test } from "vitest";
import type { RelayStanding } from "../../../adapters/postgres/relay-state.ts";
import { unixSeconds } from "../../../core/units.ts";
import { getRelays, getRelaysContract } from "./get-relays.ts";

const standing: RelayStanding = {
  relay: "wss://one.example",
  role: "selected",
  confirmed: 3,
  waiting: 2,
  refused: 1,
  perMinute: 6.1666,
  lastContactAt: 1_790_000_000,
  lastConfirmedAt: null,
  pausedUntil: 1_790_000_060,
  pauseReason: "retry: rate-limited: slow down",
  auditedAt: null,
  missing: null,
};

function serve(rows: () => Promise<RelayStanding[]>) {
  let [at, reads] = [1_790_000_000, 0];
  const operation = getRelays({
    standing() {
      reads++;
      return rows();
    },
    now: () => unixSeconds(at),
  });
  const response = { set: () => undefined } as unknown as Response;
  return {
    ask: () => operation.serve(undefined, undefined as never, response),
    wait(sec: number) {
      at += sec;
    },
    reads: () => reads,
  };
}

test("the answer is what the contract says, rounded, and without a rate where there is none", async () => {
  const { ask } = serve(async () => [standing, { ...standing, relay: "ws://two.example", role: "full" }]);
  const answer = await ask();
  expect(getRelaysContract.response.parse(answer)).toEqual(answer);
  expect(answer.relays.map(({ url, eventsPerMinute }) => [url, eventsPerMinute])).toEqual([
    ["wss://one.example", 6.2],
    ["ws://two.example", null],
  ]);
});

test("it is read once in ten seconds, and again at once after a failure", async () => {
  let fails = true;
  const { ask, wait, reads } = serve(async () => {
    if (fails) throw new Error("away");
    return [standing];
  });
  await expect(ask()).rejects.toThrow("away");
  fails = false;
  await Promise.all([ask(), ask(), ask()]);
  wait(9);
  await ask();
  expect(reads()).toBe(2);
  wait(1);
  await ask();
  expect(reads()).toBe(3);
});
