/** How a delivery ends for every thing a relay may say, and for what it does not say. */
import { expect, test } from "vitest";
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { unixSeconds } from "../../core/units.ts";
import { type DeliverPorts, deliverEvents } from "./deliver-events.ts";
import type { DeliveryResult, DueDelivery, RelayPause, RelayTask } from "./delivery.ts";

const now = unixSeconds(1_790_000_000);
const delivery = (id: string, change: Partial<DueDelivery> = {}): DueDelivery => {
  const known = { sig: "s", json: "{}", subject: "node", priority: 2, mayHoldOther: false, signedAgain: 0 };
  return { id, ...known, attempts: 1, mayBeThere: false, ...change };
};

type World = {
  pause?: RelayPause | undefined;
  answer?: RelayAnswer;
  holds?: string[];
  answersReads?: boolean;
  due?: DueDelivery[];
  random?: number;
  role?: RelayTask["role"];
  tokens?: number;
  info?: RelayInfo;
  proved?: boolean;
  /** Whether another version can be signed. */
  signs?: boolean;
};

/** One batch against a relay that gives this answer to each event and shows these ids when asked. */
async function deliver({
  answer = { outcome: "acked", text: "" },
  holds = [],
  answersReads = true,
  due = [delivery("a")],
  random = 0.5,
  pause,
  role = "full",
  tokens = 6,
  info,
  proved = true,
  signs = true,
}: World) {
  const sent: string[] = [];
  const lessons: { accepted: number; limited: boolean }[] = [];
  const resigned: [string, number][] = [];
  const results: DeliveryResult[] = [];
  let paused = pause;
  const ports: DeliverPorts = {
    readPause: async () => paused,
    async writePause(_relay, next) {
      paused = next;
    },
    describe: async () => ({ info, proved }),
    countTokens: async () => tokens,
    async takeTokens(_relay, want) {
      const granted = Math.min(want, tokens);
      tokens -= granted;
      return granted;
    },
    async learnRate(_relay, batch) {
      lessons.push(batch);
    },
    noteContact: async () => undefined,
    async signAgain(_relay, { id }, { bits }) {
      resigned.push([id, bits]);
      return signs;
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
  const task = { role, top: 5 };
  const request = { relay: "ws://relay", task, now, limit: 10, signal, random: () => random };
  const report = await deliverEvents(ports, request);
  return { sent, results, report, paused, lessons, resigned, tokens };
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
  expect(report).toMatchObject({ taken: 3, confirmed: 3, refused: 0, postponed: 0, stalled: false });
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

test("an event that the relay takes again and again and never shows is given up, and one it is silent about is not", async () => {
  const state = async (attempts: number, answer: RelayAnswer) =>
    (await deliver({ due: [delivery("a", { attempts })], answer })).results[0]!.state;
  const acked: RelayAnswer = { outcome: "acked", text: "" };
  expect([await state(11, acked), await state(12, acked)]).toEqual(["pending", "refused"]);
  expect(await state(50, { outcome: "unknown", text: "" })).toBe("pending");
});

test("nothing due costs the relay nothing", async () => {
  const { sent, results, report } = await deliver({ due: [] });
  expect([sent, results]).toEqual([[], []]);
  expect(report).toMatchObject({ taken: 0, confirmed: 0, refused: 0, postponed: 0, stalled: false });
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

test("what is sent to a limited relay is counted, what was found there is not, and the rest waits its turn without blame", async () => {
  const due = [delivery("there", { mayBeThere: true }), delivery("a"), delivery("b"), delivery("c")];
  const { sent, results, report, paused, lessons, tokens } = await deliver({
    role: "selected",
    tokens: 2,
    due,
    holds: ["there", "a", "b"],
  });
  expect([sent, tokens]).toEqual([["a", "b"], 0]);
  expect(results.map(({ state }) => state)).toEqual(["confirmed", "confirmed", "confirmed", "pending"]);
  expect([report.stalled, paused, lessons]).toEqual([true, undefined, [{ accepted: 2, limited: false }]]);
});

test("a relay that has had its share is not connected to, and one that limits teaches us", async () => {
  expect((await deliver({ role: "selected", tokens: 0 })).results).toEqual([]);
  const answer: RelayAnswer = { outcome: "retry", text: "rate-limited: x", pauseSec: 60 };
  expect((await deliver({ role: "selected", answer })).lessons).toEqual([{ accepted: 0, limited: true }]);
});

test("a relay that takes events of some keys only is asked with one event until it took one", async () => {
  const due = [delivery("a"), delivery("b"), delivery("c")];
  const world = { due, holds: ["a", "b", "c"], info: { isSelective: true } };
  expect((await deliver({ ...world, proved: false })).sent).toEqual(["a"]);
  expect((await deliver({ ...world, proved: true })).sent).toEqual(["a", "b", "c"]);
});

test.each<{ name: string; world: World; want: unknown }>([
  {
    name: "something newer there",
    world: { answer: { outcome: "outdated", text: "replaced: have newer" } },
    want: [["a", 0]],
  },
  { name: "work", world: { answer: { outcome: "work", text: "pow: 12", bits: 12 } }, want: [["a", 12]] },
  {
    name: "work without a number",
    world: { answer: { outcome: "work", text: "pow: more", bits: undefined } },
    want: [["a", Infinity]],
  },
  { name: "no other version", world: { answer: { outcome: "refused-for-good", text: "invalid: x" } }, want: [] },
])("a relay that asks for $name", async ({ world, want }) => {
  const { resigned, results } = await deliver(world);
  expect(resigned).toEqual(want);
  expect(results.map(({ state, held }) => [state, held])).toEqual([["refused", false]]);
});

test("what the relay may hold of an address is kept in mind, whatever becomes of this version", async () => {
  const held = async (world: World) => (await deliver(world)).results[0]!.held;
  const refused: RelayAnswer = { outcome: "refused-for-good", text: "invalid: x" };
  expect(await held({ answer: refused })).toBe(false);
  expect(await held({ answer: refused, due: [delivery("a", { mayHoldOther: true })] })).toBe(true);
  expect(await held({ answer: { outcome: "unknown", text: "" }, answersReads: false })).toBe(true);
  expect(await held({ answer: { outcome: "acked", text: "" } })).toBe(true);
});
