/** How a delivery ends for every thing a relay may say, and for what it does not say. */
import { expect, test } from "vitest";
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import { unixSeconds } from "../../core/units.ts";
import {
  type DeliverPorts,
  type DeliveryResult,
  type DueDelivery,
  deliverEvents,
  type RelayPause,
} from "./deliver-events.ts";

const now = unixSeconds(1_790_000_000);
const delivery = (id: string, change: Partial<DueDelivery> = {}): DueDelivery => {
  return { id, sig: "s", json: "{}", attempts: 1, mayBeThere: false, ...change };
};

type World = {
  pause?: RelayPause | undefined;
  answer?: RelayAnswer;
  holds?: string[];
  answersReads?: boolean;
  due?: DueDelivery[];
  random?: number;
};

/** One batch against a relay that gives this answer to each event and shows these ids when asked. */
async function deliver({
  answer = { outcome: "acked", text: "" },
  holds = [],
  answersReads = true,
  due = [delivery("a")],
  random = 0.5,
  pause,
}: World) {
  const sent: string[] = [];
  const results: DeliveryResult[] = [];
  let paused = pause;
  const ports: DeliverPorts = {
    readPause: async () => paused,
    async writePause(_relay, next) {
      paused = next;
    },
    enrol: async () => 0,
    takeDue: async () => due,
    async publish(events) {
      sent.push(...events.map(({ id }) => id));
      return events.map(() => answer);
    },
    async readBack(events) {
      const present = new Set(events.map(({ id }) => id).filter((id) => holds.includes(id)));
      return { present: answersReads ? present : new Set(), answered: answersReads };
    },
    async record(_relay, recorded) {
      results.push(...recorded);
      return recorded.length;
    },
  };
  const signal = new AbortController().signal;
  const report = await deliverEvents(ports, { relay: "ws://relay", now, limit: 10, signal, random: () => random });
  return { sent, results, report, paused };
}

test.each<{ name: string; world: World; state: string; afterSec: number; stalled: boolean }>([
  { name: "taken and shown", world: { holds: ["a"] }, state: "confirmed", afterSec: 0, stalled: false },
  { name: "taken but not shown", world: {}, state: "pending", afterSec: 1, stalled: true },
  {
    name: "taken, and then the relay is gone",
    world: { answersReads: false },
    state: "sent",
    afterSec: 1,
    stalled: true,
  },
  {
    name: "a duplicate that is shown",
    world: { answer: { outcome: "duplicate", text: "" }, holds: ["a"] },
    state: "confirmed",
    afterSec: 0,
    stalled: false,
  },
  {
    name: "a duplicate of something else",
    world: { answer: { outcome: "duplicate", text: "" } },
    state: "pending",
    afterSec: 1,
    stalled: true,
  },
  {
    name: "silence, but it is there",
    world: { answer: { outcome: "unknown", text: "" }, holds: ["a"] },
    state: "confirmed",
    afterSec: 0,
    stalled: true,
  },
  {
    name: "silence throughout",
    world: { answer: { outcome: "unknown", text: "" }, answersReads: false },
    state: "sent",
    afterSec: 1,
    stalled: true,
  },
  {
    name: "refused for good",
    world: { answer: { outcome: "refused-for-good", text: "invalid: no" } },
    state: "refused",
    afterSec: 0,
    stalled: false,
  },
  {
    name: "refused by the relay for a day",
    world: { answer: { outcome: "refused-for-good", text: "blocked: no", pauseSec: 86_400 } },
    state: "pending",
    afterSec: 86_400 + 21_600,
    stalled: true,
  },
  {
    name: "not taken now",
    world: { answer: { outcome: "retry", text: "error: disk" } },
    state: "pending",
    afterSec: 1,
    stalled: true,
  },
  {
    name: "asked to slow down",
    world: { answer: { outcome: "retry", text: "rate-limited: x", pauseSec: 60 } },
    state: "pending",
    afterSec: 75,
    stalled: true,
  },
])("$name: $state", async ({ world, state, afterSec, stalled }) => {
  const { results, report } = await deliver(world);
  expect(results.map((result) => [result.state, result.nextTryAt - now])).toEqual([[state, afterSec]]);
  expect(report.stalled).toBe(stalled);
});

test("an event without a clear answer is looked for before it is sent again", async () => {
  const due = [delivery("there", { mayBeThere: true }), delivery("lost", { mayBeThere: true }), delivery("fresh")];
  const { sent, results, report } = await deliver({ due, holds: ["there", "lost", "fresh"] });
  expect(sent).toEqual(["fresh"]);
  expect(results.map(({ state }) => state)).toEqual(["confirmed", "confirmed", "confirmed"]);
  expect(report).toEqual({ taken: 3, confirmed: 3, refused: 0, postponed: 0, stalled: false });
});

test("one that is not there is sent again with the fresh ones", async () => {
  const due = [delivery("there", { mayBeThere: true }), delivery("lost", { mayBeThere: true }), delivery("fresh")];
  const { sent } = await deliver({ due, holds: ["there"] });
  expect(sent).toEqual(["lost", "fresh"]);
});

test("while the relay does not say what it holds, nothing is sent twice", async () => {
  const due = [delivery("doubtful", { mayBeThere: true }), delivery("fresh")];
  const { sent, results, report } = await deliver({ due, answersReads: false });
  expect(sent).toEqual([]);
  expect(results.map(({ state }) => state)).toEqual(["sent", "pending"]);
  expect(report.stalled).toBe(true);
});

test.each([
  { attempts: 1, random: 0.999, want: 2 },
  { attempts: 5, random: 0.999, want: 32 },
  { attempts: 5, random: 0, want: 1 },
  { attempts: 40, random: 0.999, want: 900 },
])("attempt $attempts waits $want s at most, by chance less", async ({ attempts, random, want }) => {
  const { results } = await deliver({
    due: [delivery("a", { attempts })],
    answer: { outcome: "retry", text: "" },
    random,
  });
  expect(results[0]!.nextTryAt - now).toBe(want);
});

test("nothing due costs the relay nothing", async () => {
  const { sent, results, report } = await deliver({ due: [] });
  expect([sent, results]).toEqual([[], []]);
  expect(report).toEqual({ taken: 0, confirmed: 0, refused: 0, postponed: 0, stalled: false });
});

const before: RelayPause = { failures: 3, untilAt: now, reason: "away" };

test.each<{ name: string; world: World; want: { failures: number; afterSec: number } | undefined }>([
  { name: "a relay that is well", world: { holds: ["a"] }, want: undefined },
  { name: "a relay that came back", world: { holds: ["a"], pause: before }, want: undefined },
  {
    name: "one that refuses an event",
    world: { answer: { outcome: "refused-for-good", text: "invalid: x" } },
    want: undefined,
  },
  {
    name: "the first failure",
    world: { answer: { outcome: "retry", text: "gone" } },
    want: { failures: 1, afterSec: 1 },
  },
  {
    name: "the fourth in a row",
    world: { answer: { outcome: "retry", text: "gone" }, pause: before },
    want: { failures: 4, afterSec: 8 },
  },
  {
    name: "a rate limit",
    world: { answer: { outcome: "retry", text: "rate-limited: x", pauseSec: 60 } },
    want: { failures: 1, afterSec: 60 },
  },
  {
    name: "a rate limit after a success",
    world: {
      answer: { outcome: "retry", text: "rate-limited: x", pauseSec: 60 },
      due: [delivery("a", { mayBeThere: true }), delivery("b")],
      holds: ["a"],
    },
    want: { failures: 0, afterSec: 60 },
  },
])("$name is left alone: $want", async ({ world, want }) => {
  const { paused } = await deliver(world);
  expect(paused && { failures: paused.failures, afterSec: paused.untilAt - now }).toEqual(want);
});

test("a relay that is left alone is not even connected to", async () => {
  const { sent, results, report } = await deliver({ pause: { ...before, untilAt: unixSeconds(now + 1) } });
  expect([sent, results, report.stalled]).toEqual([[], [], true]);
});
