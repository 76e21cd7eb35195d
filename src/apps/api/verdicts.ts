/** The engine beside the event loop: it holds the newest graph and answers from it while a newer one is prepared. */
import type { StoredSnapshot } from "../../adapters/postgres/graph.ts";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Events } from "../events.ts";
import { openVerdictThread, type VerdictRequest, type VerdictThread } from "../verdict-thread.ts";

const POLL_MS = 2_000;

export type VerdictPorts = {
  newerThan(snapshotId: bigint): Promise<StoredSnapshot | undefined>;
  events: Events;
};

export type Verdicts = ReturnType<typeof watchVerdicts>;

/** Watches for new snapshots and loads them. Answers fail with GRAPH_NOT_READY until the first is loaded. */
export function watchVerdicts(ports: VerdictPorts, signal: AbortSignal) {
  const thread: VerdictThread = openVerdictThread();
  let held: { snapshotId: bigint; digest: Uint8Array } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const refresh = async () => {
    const newer = await ports.newerThan(held?.snapshotId ?? 0n);
    if (!newer) return;
    const loaded = await thread.load(newer.body, newer.takenAt);
    held = { snapshotId: newer.snapshotId, digest: newer.digest };
    ports.events.graphLoaded({ nodes: loaded.nodeCount, channels: loaded.channelCount });
  };
  const loop = async () => {
    await refresh().catch((error: unknown) => ports.events.failed("loading the graph", error));
    if (!signal.aborted) timer = setTimeout(() => void loop(), POLL_MS);
  };
  void loop();
  const assertLoaded = () => {
    if (!held) throw new OracleError("GRAPH_NOT_READY", "the graph is being loaded; try again in a moment");
  };

  return {
    ready: () => held !== undefined,
    /** Refuses what `decide` would refuse now. @throws GRAPH_NOT_READY, OVERLOADED */
    assertReady() {
      assertLoaded();
      if (thread.overloaded()) throw new OracleError("OVERLOADED", "too many calls are waiting");
    },
    /** @throws GRAPH_NOT_READY before the first graph is loaded; OVERLOADED; TIMED_OUT */
    async decide(request: VerdictRequest) {
      assertLoaded();
      return thread.decide(request);
    },
    /** The digest of the graph that answers come from, as hex. */
    graphDigest: () => (held ? toHex(held.digest) : undefined),
    async close() {
      clearTimeout(timer);
      await thread.close();
    },
  };
}
