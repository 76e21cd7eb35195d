import { expect, test } from "vitest";
import { OracleError } from "../../core/errors.ts";
import { type LeadPorts, lead } from "./lead.ts";

/** One right, as the database keeps it, in made-up time, for two processes. */
function createRight() {
  let clock = 0;
  let held: { by: string; untilMs: number } | undefined;
  const state = { away: new Set<string>(), working: [] as string[], failures: 0 };
  const portsOf = (name: string): LeadPorts => ({
    async claim(leaseSec) {
      if (state.away.has(name)) throw new OracleError("DATABASE_UNAVAILABLE", "the database does not answer");
      if (held && held.by !== name && held.untilMs > clock) return false;
      held = { by: name, untilMs: clock + 1000 * leaseSec };
      return true;
    },
    async release() {
      if (held?.by === name) held = undefined;
    },
    failed() {
      state.failures++;
    },
    elapsedMs: () => clock,
    async pause(ms) {
      clock += ms / 2;
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const start = (name: string, signal: AbortSignal) =>
    lead(
      portsOf(name),
      async (term) => {
        state.working.push(name);
        await new Promise<void>((resolve) => term.addEventListener("abort", () => resolve(), { once: true }));
        state.working.splice(state.working.indexOf(name), 1);
      },
      signal,
    );
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(holds()).toBe(true);
  };
  return { state, start, until };
}

test("one works, the other stands by and takes over when the first one stops", async () => {
  const { state, start, until } = createRight();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = start("one", one.signal);
  await until(() => state.working.join() === "one");
  const second = start("two", two.signal);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(state.working).toEqual(["one"]);
  one.abort();
  await first;
  await until(() => state.working.join() === "two");
  two.abort();
  await second;
  expect(state.working).toEqual([]);
});

test("who cannot renew the right stops before another one has it, and the other one takes over", async () => {
  const { state, start, until } = createRight();
  const stop = new AbortController();
  const both = [start("one", stop.signal)];
  await until(() => state.working.join() === "one");
  both.push(start("two", stop.signal));
  state.away.add("one");
  await until(() => state.working.join() === "two");
  expect(state.failures).toBeGreaterThan(0);
  stop.abort();
  await Promise.all(both);
});
