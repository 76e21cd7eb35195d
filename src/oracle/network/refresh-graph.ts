/** Reading the network: LND's graph, decoded and rated, becomes the snapshot that answers are computed from. */
import type { UnixSeconds } from "../../core/units.ts";

export type RefreshPorts<Reading> = {
  /** LND's whole graph as it sends it. @throws LND_UNAVAILABLE, LND_REFUSED */
  describeGraph(signal: AbortSignal): Promise<Uint8Array>;
  /** Decodes and rates it, off the event loop. @throws GRAPH_MALFORMED */
  rate(bytes: Uint8Array, takenAt: UnixSeconds): Promise<Reading>;
  /** Replaces the stored graph and scores: all of it, or nothing. */
  save(reading: Reading): Promise<bigint>;
  /** Hears how long each stage took, in ms. */
  onStage(stage: "describe" | "rate" | "save", elapsedMs: number): void;
  /** A monotonic clock in ms. */
  elapsedMs(): number;
};

/** Reads, rates and stores the graph once. @returns the snapshot's number and what it holds */
export async function refreshGraph<Reading>(
  ports: RefreshPorts<Reading>,
  now: UnixSeconds,
  signal: AbortSignal,
): Promise<{ snapshotId: bigint; reading: Reading }> {
  const timed = async <Result>(stage: "describe" | "rate" | "save", work: Promise<Result>): Promise<Result> => {
    const from = ports.elapsedMs();
    const result = await work;
    ports.onStage(stage, ports.elapsedMs() - from);
    return result;
  };
  const bytes = await timed("describe", ports.describeGraph(signal));
  const reading = await timed("rate", ports.rate(bytes, now));
  signal.throwIfAborted();
  const snapshotId = await timed("save", ports.save(reading));
  return { snapshotId, reading };
}
