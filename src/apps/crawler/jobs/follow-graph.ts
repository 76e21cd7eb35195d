/** Follows LND's graph: one crawler at a time does, the others stand by. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { LndClient } from "../../../adapters/lnd/connect.ts";
import { describeGraphBytes } from "../../../adapters/lnd/describe-graph.ts";
import { channelInfoBytes } from "../../../adapters/lnd/get-chan-info.ts";
import { getInfo } from "../../../adapters/lnd/get-info.ts";
import { subscribeChannelGraph } from "../../../adapters/lnd/subscribe-channel-graph.ts";
import type { Database } from "../../../adapters/postgres/connect.ts";
import { evidenceTable } from "../../../adapters/postgres/evidence.ts";
import { graphVersions, type StoredGraph } from "../../../adapters/postgres/graph-version.ts";
import type { GraphChange } from "../../../core/graph/change.ts";
import { beliefInstant, EVIDENCE_LIMIT, EVIDENCE_WINDOW_SEC } from "../../../core/probe/believe.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { type FollowPorts, followGraph } from "../../../oracle/network/follow-graph.ts";
import { lead } from "../../../oracle/network/lead.ts";
import { now } from "../../clock.ts";
import type { Events } from "../../events.ts";
import { openGraphThread } from "../../graph-thread.ts";
import type { Running } from "../../lifecycle.ts";
import type { LndGroup } from "../../lnd-group.ts";
import type { RatedGraph, RatedNode } from "../../rate-graph.ts";
import type { Speech } from "../speech.ts";

/** Changes are gathered for half a second, so that a burst is one version. */
const GATHER_MS = 500;
const HEAD_START_MS = 500;

const elapsedMs = () => performance.now();
const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined);

/** Begins to follow, or to stand by. `afterwards` runs when new scores are stored. */
export function startFollowing(
  deps: {
    database: Database;
    lnd: LndGroup;
    speech: Speech | undefined;
    everySec: number;
    events: Events;
    signal: AbortSignal;
  },
  afterwards: () => Promise<void>,
): Running {
  const { database, events, everySec } = deps;
  const holder = randomUUID();
  const versions = graphVersions(database);
  const stopping = new AbortController();
  const signal = AbortSignal.any([deps.signal, stopping.signal]);
  const failed = (place: string, error: unknown) => (signal.aborted ? undefined : events.failed(place, error));
  const right = {
    claim: (leaseSec: number) => versions.claim(holder, leaseSec),
    release: () => versions.release(holder),
    failed,
    elapsedMs,
    pause,
  };
  const work = async (term: AbortSignal) => {
    events.graphLeading(true);
    const keeper = openGraphThread();
    try {
      const ports = followPorts(deps, holder, keeper, { failed, afterwards });
      const options = { readEverySec: everySec, gatherMs: GATHER_MS, headStartMs: HEAD_START_MS, signal: term };
      events.log.info(
        { ended: await followGraph<StoredGraph, GraphChange, Omit<RatedGraph, "nodes">, RatedNode>(ports, options) },
        "following the graph ended",
      );
    } finally {
      await keeper.close();
      events.graphLeading(false);
    }
  };
  const done = lead(right, work, signal);
  return {
    name: "graph follower",
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

function followPorts(
  deps: { database: Database; lnd: LndGroup; speech: Speech | undefined; events: Events },
  holder: string,
  keeper: ReturnType<typeof openGraphThread>,
  hooks: { failed(place: string, error: unknown): void; afterwards(): Promise<void> },
) {
  const { database, lnd, speech, events } = deps;
  const versions = graphVersions(database);
  const evidence = evidenceTable(database);
  return {
    lnd: oneNode(lnd),
    keeper: {
      ...keeper,
      async rate(at: UnixSeconds) {
        const since = (beliefInstant(at) - EVIDENCE_WINDOW_SEC) as UnixSeconds;
        return keeper.rate(at, await evidence.since(since, EVIDENCE_LIMIT));
      },
    },
    store: {
      newest: versions.newest,
      append: (write) => versions.append({ ...write, holder }),
      async checkpoint(write) {
        const staged = await speech?.newsOfNodes(keeper.nodes(), write.at);
        return versions.checkpoint({ ...write, holder, ...(staged && { staged }) });
      },
    },
    events: {
      stage: (stage, ms) => events.graphStage(stage, ms / 1000),
      stream: events.graphStream,
      read: events.graphRead,
      changed: events.graphChanged,
      async rated(at) {
        events.scored(at);
        await hooks.afterwards().catch((error: unknown) => hooks.failed("publishing", error));
      },
      failed: hooks.failed,
    },
    now,
    elapsedMs,
    pause,
  } satisfies FollowPorts<StoredGraph, GraphChange, Omit<RatedGraph, "nodes">, RatedNode>;
}

/** Each life of the stream is of one node, and so is whatever is asked meanwhile: two nodes need not know the same. */
function oneNode(lnd: LndGroup) {
  let chosen: Promise<LndClient> | undefined;
  const choose = (signal: AbortSignal) =>
    lnd.first(async (client) => {
      await getInfo(client, { signal });
      return client;
    });
  const current = (signal: AbortSignal) => chosen ?? choose(signal);
  return {
    async *subscribe(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      chosen = choose(signal);
      yield* subscribeChannelGraph(await chosen, signal);
    },
    describe: async (signal: AbortSignal) => describeGraphBytes(await current(signal), { signal }),
    channel: async (id: bigint, signal: AbortSignal) => channelInfoBytes(await current(signal), id, { signal }),
  };
}
