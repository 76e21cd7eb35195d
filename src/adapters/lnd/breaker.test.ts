import fc from "fast-check";
import { expect, test } from "vitest";
import { type BreakerState, type CallVerdict, createBreaker } from "./breaker.ts";

function openTestBreaker() {
  const clock = { ms: 0 };
  const changes: BreakerState[] = [];
  const breaker = createBreaker({
    nowMs: () => clock.ms,
    random: () => 0.999,
    onChange: (state) => changes.push(state),
  });
  const call = (verdict: CallVerdict) => {
    const tell = breaker.admit();
    tell?.(verdict);
    return tell !== undefined;
  };
  const open = () => {
    for (let n = 0; n < 5; n++) call("absent");
  };
  return { breaker, call, open, changes, clock };
}

test("five unanswered calls in a row open it, four and an answer do not", () => {
  const { breaker, call, changes } = openTestBreaker();
  for (const verdict of ["absent", "absent", "absent", "absent", "answered"] as const) call(verdict);
  for (let n = 0; n < 4; n++) call("absent");
  expect(breaker.state()).toBe("closed");
  call("absent");
  expect(breaker.state()).toBe("open");
  expect(breaker.admit()).toBeUndefined();
  expect(changes).toEqual(["open"]);
});

test("after the pause one call is let through, and no second one beside it", () => {
  const { breaker, call, open, changes, clock } = openTestBreaker();
  open();
  clock.ms = 500;
  const trial = breaker.admit();
  expect(trial).toBeDefined();
  expect(breaker.admit()).toBeUndefined();
  trial?.("answered");
  expect(call("answered")).toBe(true);
  expect(changes).toEqual(["open", "half-open", "closed"]);
});

test("a trial that fails doubles the pause, up to five seconds; an answer makes it short again", () => {
  const { breaker, call, open, clock } = openTestBreaker();
  open();
  const pauses = [1_000, 2_000, 4_000, 5_000, 5_000, 5_000];
  clock.ms += 500;
  for (const pauseMs of pauses) {
    expect(call("absent")).toBe(true);
    clock.ms += pauseMs - 5;
    expect(breaker.admit()).toBeUndefined();
    clock.ms += 5;
  }
  expect(call("answered")).toBe(true);
  open();
  clock.ms += 500;
  expect(call("answered")).toBe(true);
});

test("a trial that we ended ourselves makes the next call the trial", () => {
  const { breaker, call, open, clock } = openTestBreaker();
  open();
  clock.ms = 500;
  expect(call("unknown")).toBe(true);
  expect(breaker.state()).toBe("half-open");
  expect(call("answered")).toBe(true);
  expect(breaker.state()).toBe("closed");
});

test("a trial that is never heard of again does not close the way for ever", () => {
  const { breaker, open, clock } = openTestBreaker();
  open();
  clock.ms = 500;
  expect(breaker.admit()).toBeDefined();
  clock.ms += 14_999;
  expect(breaker.admit()).toBeUndefined();
  clock.ms += 1;
  expect(breaker.admit()).toBeDefined();
});

test("a call from before does not close what was opened since, nor count against what was closed since", () => {
  const { breaker, call, open, clock } = openTestBreaker();
  const early = Array.from({ length: 9 }, () => breaker.admit());
  open();
  for (const tell of early.slice(0, 4)) tell?.("answered");
  expect(breaker.state()).toBe("open");
  clock.ms = 500;
  call("answered");
  for (const tell of early.slice(4)) tell?.("absent");
  expect(breaker.state()).toBe("closed");
});

test("whatever callers ask and whenever they give up, a node that answers is never shut off", () => {
  const callers = fc.array(
    fc.record({ verdict: fc.constantFrom<CallVerdict>("answered", "unknown"), waitMs: fc.nat(20_000) }),
  );
  fc.assert(
    fc.property(callers, (calls) => {
      const { call, changes, clock } = openTestBreaker();
      for (const { verdict, waitMs } of calls) {
        expect(call(verdict)).toBe(true);
        clock.ms += waitMs;
      }
      expect(changes).toEqual([]);
    }),
  );
});

test("from any past, a node that answers again is called again within five seconds and one call", () => {
  const past = fc.array(
    fc.record({ verdict: fc.constantFrom<CallVerdict>("answered", "absent", "unknown"), waitMs: fc.nat(6_000) }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(past, (calls) => {
      const { breaker, call, clock } = openTestBreaker();
      for (const { verdict, waitMs } of calls) {
        call(verdict);
        clock.ms += waitMs;
      }
      clock.ms += 5_000;
      expect(call("answered")).toBe(true);
      expect(breaker.state()).toBe("closed");
    }),
  );
});
