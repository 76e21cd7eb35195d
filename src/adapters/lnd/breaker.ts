/**
 * A breaker: calls that would only wait for a node that does not answer are refused at once, and one at a time tries
 * whether it does again. One breaker guards one RPC of one connection.
 *
 * Only what the node's absence explains opens it. Whatever the node answers, a refusal too, closes it, and what we ended
 * ourselves says nothing: so nobody who chooses what a call asks for can open one for others.
 */

/** `half-open` is open with one call let through to see. */
export type BreakerState = "closed" | "open" | "half-open";

/** What a call tells of the node: it answered, it did not, or neither is known. */
export type CallVerdict = "answered" | "absent" | "unknown";

export type BreakerPorts = {
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  /** Uniform in [0, 1): keeps processes from trying all at once. */
  random(): number;
  /** Told of each change of state. */
  onChange(state: BreakerState): void;
};

export type Breaker = {
  /** Whether a call may be made now. If so, its end must be told to the function that comes back. */
  admit(): ((verdict: CallVerdict) => void) | undefined;
  state(): BreakerState;
};

/** So many calls in a row that the node did not answer. */
const ABSENT_TO_OPEN = 5;
const FIRST_PAUSE_MS = 500;
/** Bounds how much later than the node we are back. */
const MAX_PAUSE_MS = 5_000;
/** A trial that was never heard of again, such as a quiet stream, stands in the way of the next for no longer. */
const TRIAL_MS = 15_000;

/** Starts closed. */
export function createBreaker(ports: BreakerPorts): Breaker {
  let state: BreakerState = "closed";
  let absent = 0;
  let pauses = 0;
  /** While open: when the next trial may begin. While half-open: when this one has had its time. */
  let untilMs = 0;
  /** Calls admitted before the last change of state have nothing to say about the new one. */
  let phase = 0;

  const enter = (next: BreakerState) => {
    phase += 1;
    absent = 0;
    const isNews = state !== next;
    state = next;
    if (isNews) ports.onChange(next);
  };
  const open = () => {
    const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** pauses, MAX_PAUSE_MS);
    pauses = Math.min(pauses + 1, 16);
    untilMs = ports.nowMs() + (longestMs * (1 + ports.random())) / 2;
    enter("open");
  };
  const hear = (verdict: CallVerdict) => {
    if (verdict === "answered") {
      pauses = 0;
      absent = 0;
      if (state !== "closed") enter("closed");
    } else if (verdict === "absent") {
      absent += 1;
      if (state !== "closed" || absent >= ABSENT_TO_OPEN) open();
    } else if (state === "half-open") {
      // The trial decided nothing, so the next call is the trial.
      untilMs = ports.nowMs();
    }
  };

  return {
    state: () => state,
    admit() {
      if (state !== "closed") {
        if (ports.nowMs() < untilMs) return undefined;
        untilMs = ports.nowMs() + TRIAL_MS;
        enter("half-open");
      }
      const own = phase;
      return (verdict) => {
        if (own === phase) hear(verdict);
      };
    },
  };
}
