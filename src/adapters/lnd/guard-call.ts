/** The breaker around one call, and the report of how the call went. */
import { status } from "@grpc/grpc-js";
import type { CallVerdict } from "./breaker.ts";
import { breakerOf, type CallOutcome, type LndClient } from "./connect.ts";
import { type Rpc, WAIT_FOR_OTHERS } from "./rpcs.ts";

/** Why a call ended before LND's answer: its time, its signal, or a breaker that did not let it begin. */
export type Ended = "deadline" | "abort" | "breaker";

/** The call broke without the node's word, and without its silence either. */
const BROKEN = new Set([status.CANCELLED, status.INTERNAL, status.DATA_LOSS]);

/** Diagnosis must be possible when nothing else is. */
const UNGUARDED: ReadonlySet<Rpc> = new Set(["GetState"]);

/**
 * Whose the deadline of a call is: `ours` is long enough for a node that is there; `theirs` is shorter, and proves nothing
 * when it passes. `any` needs no breaker: who looks whether the node is back, and a stream without a deadline, whose one
 * reader pauses between its tries.
 */
type Time = "ours" | "theirs" | "any";

export function timeOf(
  client: LndClient,
  { deadlineMs, unguarded }: { deadlineMs: number | undefined; unguarded: boolean | undefined },
): Time {
  if (unguarded || deadlineMs === undefined) return "any";
  return deadlineMs >= client.deadlineMs ? "ours" : "theirs";
}

/** Undefined when the call must not be made now. `end` is to be called once. */
export function guardCall(
  client: LndClient,
  rpc: Rpc,
  time: Time,
): { end(code: status, ended: Ended | undefined): void } | undefined {
  const begunMs = performance.now();
  const report = (outcome: CallOutcome) =>
    client.hear({ kind: "call", rpc, outcome, seconds: (performance.now() - begunMs) / 1_000 });
  const tell = UNGUARDED.has(rpc) || time === "any" ? () => undefined : breakerOf(client, rpc).admit();
  if (!tell) {
    report("paused");
    return undefined;
  }
  const mayBlame = time === "ours" && !WAIT_FOR_OTHERS.has(rpc);
  return {
    end(code, ended) {
      report(outcomeOf(code, ended));
      tell(verdictOf(code, ended, mayBlame));
    },
  };
}

function outcomeOf(code: status, ended: Ended | undefined): CallOutcome {
  if (code === status.OK) return "ok";
  if (ended === "abort") return "aborted";
  if (ended === "deadline" || code === status.DEADLINE_EXCEEDED) return "deadline";
  return code === status.UNAVAILABLE ? "unavailable" : "refused";
}

function verdictOf(code: status, ended: Ended | undefined, mayBlame: boolean): CallVerdict {
  if (ended === "abort") return "unknown";
  if (ended === "deadline" || code === status.DEADLINE_EXCEEDED) return mayBlame ? "absent" : "unknown";
  if (BROKEN.has(code)) return "unknown";
  return code === status.UNAVAILABLE ? "absent" : "answered";
}
