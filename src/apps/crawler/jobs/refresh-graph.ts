/** Job: read LND's graph, rate its nodes, store both. */

import { describeGraphBytes } from "../../../adapters/lnd/describe-graph.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { graphTables } from "../../../adapters/postgres/graph.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";
import { refreshGraph } from "../../../oracle/network/refresh-graph.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import { openGraphThread } from "../../graph-thread.ts";
import type { LndGroup } from "../../lnd-group.ts";

const TIMEOUT_SEC = 600;

/** `afterwards` runs when new scores are stored. The thread lives for one run: a graph in hand is memory held all hour. */
export function refreshGraphJob(
  deps: { database: Database; lnd: LndGroup; everySec: number; events: Events; signal: AbortSignal },
  afterwards: () => Promise<void>,
): Job {
  const { database, lnd, everySec, events, signal } = deps;
  return {
    name: "refresh-graph",
    everySec,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      const thread = openGraphThread();
      try {
        const ports = {
          describeGraph: () => lnd.first((node) => describeGraphBytes(node, { signal })),
          rate: (bytes: Uint8Array, takenAt: Parameters<typeof thread.rate>[1]) => thread.rate(bytes, takenAt),
          save: graphTables(database).save,
          onStage: (stage: string, elapsedMs: number) => events.graphStage(stage, elapsedMs / 1000),
          elapsedMs: () => performance.now(),
        };
        const { snapshotId, reading } = await refreshGraph(ports, now(), signal);
        events.graphLoaded({ nodes: reading.nodeCount, channels: reading.channelCount });
        events.scored(reading.takenAt);
        await afterwards();
        const scored = reading.nodes.filter((node) => node.score !== undefined).length;
        return { snapshot: String(snapshotId), nodes: reading.nodeCount, channels: reading.channelCount, scored };
      } finally {
        await thread.close();
      }
    },
  };
}
