/** The api's decisions beside its event loop: a thread that holds the newest graph as worlds and answers from them. */

import { OracleError } from "../core/errors.ts";
import { AMOUNT_GRID_MSAT } from "../core/graph/engine.ts";
import { decodeSnapshot, snapshotDigest } from "../core/graph/snapshot.ts";
import { NO_BELIEFS, sampleWorldsInSteps, WORLD_SEED } from "../core/graph/worlds.ts";
import type { Decision, DecisionRequest } from "../core/intent/decision.ts";
import { createIntentWorld, type IntentWorld, resolveIntent } from "../core/intent/resolve-intent.ts";
import type { UnixSeconds } from "../core/units.ts";
import { openThread, serveThread } from "./thread.ts";

/** What is asked of the thread. */
export type VerdictRequest = DecisionRequest;

/** What a loaded graph holds. */
export type LoadedGraph = { nodeCount: number; channelCount: number; arcCount: number; digest: string };

/** The verdict thread as the api sees it. */
export type VerdictThread = {
  /** Prepares a snapshot; answers come from the one before until it is ready. @throws GRAPH_MALFORMED */
  load(body: Uint8Array, takenAt: UnixSeconds): Promise<LoadedGraph>;
  /** @throws GRAPH_NOT_READY before the first graph is loaded; OVERLOADED; TIMED_OUT */
  decide(request: VerdictRequest): Promise<Decision>;
  /** Whether a decision asked for now would be refused, since too many wait. */
  overloaded(): boolean;
  close(): Promise<void>;
};

const NAME = "verdict";
const DECIDE_TIMEOUT_MS = 10_000;
/** Some seconds of work: whoever came later would rather hear at once that he should come back. */
const MAX_WAITING = 100;
/** Bounds a call's time in all, well below the age at which its charge counts as abandoned. */
const MAX_WAIT_MS = 20_000;

/** Opens a thread; it starts with the first call. After a crash the next one is given the last graph, once, before all. */
export function openVerdictThread(): VerdictThread {
  let last: { body: Uint8Array; takenAt: UnixSeconds } | undefined;
  const thread = openThread<typeof service>(NAME, import.meta.url, {
    maxWaiting: MAX_WAITING,
    maxWaitMs: MAX_WAIT_MS,
    beside: ["load"],
    first: () => last && { method: "load", input: last },
  });
  return {
    async load(body, takenAt) {
      const loaded = await thread.call("load", { body, takenAt });
      last = { body, takenAt };
      return loaded;
    },
    decide: (request) => thread.call("decide", request, { timeoutMs: DECIDE_TIMEOUT_MS }),
    overloaded: thread.overloaded,
    close: thread.close,
  };
}

let world: IntentWorld | undefined;
let loading: Promise<unknown> = Promise.resolve();

const service = {
  /** One after the other, so that the graph loaded last is the one that stays. */
  load(input: { body: Uint8Array; takenAt: UnixSeconds }): Promise<LoadedGraph> {
    const loaded = loading.then(() => prepare(input.body, input.takenAt));
    loading = loaded.catch(() => undefined);
    return loaded;
  },

  decide(request: VerdictRequest): Decision {
    if (!world) throw new OracleError("GRAPH_NOT_READY", "no graph has been loaded yet");
    return resolveIntent(world, request);
  },
};

/** Draws worlds and common masks in steps of a few milliseconds; between them the thread answers from the graph it has. */
async function prepare(body: Uint8Array, takenAt: UnixSeconds): Promise<LoadedGraph> {
  const graph = decodeSnapshot(body);
  await pause();
  const digest = snapshotDigest(body);
  await pause();
  const steps = sampleWorldsInSteps(graph, WORLD_SEED, NO_BELIEFS);
  let step = steps.next();
  for (; !step.done; step = steps.next()) await pause();
  await pause();
  const fresh = createIntentWorld(step.value, digest, takenAt);
  for (const amount of AMOUNT_GRID_MSAT) {
    fresh.engine.masks(amount);
    await pause();
  }
  world = fresh;
  const { nodeCount, channelCount } = graph;
  return { nodeCount, channelCount, arcCount: graph.rows.inArc.length, digest };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

serveThread(NAME, service);
