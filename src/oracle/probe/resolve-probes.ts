/**
 * Probes whose answer was missed: the process died, the connection broke, or the HTLC is held somewhere. LND remembers how
 * they ended; what it cannot tell ends with its time lock.
 */
import type { ProbeHop } from "../../core/probe/route.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { bookAnswer, type ProbeAnswer, type ProbeResult, type ProbingNode, type SendProbePorts } from "./send-probe.ts";

/** A probe without an answer. */
export type OpenProbe = {
  paymentHash: string;
  nodePubkey: string;
  state: "sent" | "unknown";
  hops: readonly ProbeHop[];
  lockHeight: number;
};

export type ResolvePorts = Pick<SendProbePorts, "answer" | "markUnknown" | "markUnsent" | "now"> & {
  /** Those sent before an instant. */
  open(sentBefore: UnixSeconds): Promise<OpenProbe[]>;
  /** What our node's book says; undefined when it never began, and `failed` without a failure when it does not say how. */
  track(
    paymentHash: string,
    hopCount: number,
  ): Promise<
    Exclude<ProbeAnswer, { status: "unknown" }> | { status: "in-flight" } | { status: "forgotten" } | undefined
  >;
  markExpired(paymentHash: string, at: UnixSeconds): Promise<void>;
  onResult(result: ProbeResult): void;
};

/** Longer than a call may last: who is younger may still be waited for. */
const ANSWER_WITHIN_SEC = 120;
/** Blocks after the time lock: by then even a force-closed channel has given the money back. */
const MARGIN_BLOCKS = 144;

/** Settles what can be settled. @throws LND_UNAVAILABLE, LND_REFUSED; what is done by then stays done */
export async function resolveProbes(
  ports: ResolvePorts,
  node: ProbingNode,
  signal: AbortSignal,
): Promise<{ open: number; resolved: number }> {
  const open = await ports.open((ports.now() - ANSWER_WITHIN_SEC) as UnixSeconds);
  let resolved = 0;
  for (const probe of open) {
    if (signal.aborted) break;
    if (await resolveProbe(ports, node, probe)) resolved++;
  }
  return { open: open.length, resolved };
}

async function resolveProbe(ports: ResolvePorts, node: ProbingNode, probe: OpenProbe): Promise<boolean> {
  const { paymentHash, hops, lockHeight } = probe;
  const isOver = node.blockHeight > lockHeight + MARGIN_BLOCKS;
  // Another node's probe is in another node's book.
  const booked =
    probe.nodePubkey === node.nodePubkey
      ? await ports.track(paymentHash, hops.length)
      : { status: "in-flight" as const };
  if (booked === undefined) {
    await ports.markUnsent(paymentHash, ports.now());
    return true;
  }
  if (booked.status === "forgotten") {
    await ports.answer(paymentHash, { at: ports.now() }, []);
    return true;
  }
  if (booked.status !== "in-flight") {
    ports.onResult(await bookAnswer(ports, probe, booked));
    return true;
  }
  if (isOver) await ports.markExpired(paymentHash, ports.now());
  else if (probe.state === "sent") await ports.markUnknown(paymentHash);
  return isOver;
}
