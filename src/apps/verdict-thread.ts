/** The api's decisions beside its event loop: a thread that holds the newest graph as worlds and answers from them. */

import { OracleError } from "../core/errors.ts";
import { type Approached, type ApproachRequest, approachNodes } from "../core/intent/approach.ts";
import type { Decision, DecisionRequest } from "../core/intent/decision.ts";
import { type IntentWorld, resolveIntent, resolveIntentInSteps } from "../core/intent/resolve-intent.ts";
import type { ProfileRequest } from "../core/profile/make-profile.ts";
import type { UnixSeconds } from "../core/units.ts";
import type { EvidenceNews } from "./evidence-book.ts";
import { openThread, serveThread } from "./thread.ts";
import { createVerdictGraph, type LoadedGraph, type ProfileAnswer } from "./verdict-graph.ts";

/** What is asked of the thread. */
export type VerdictRequest = DecisionRequest;

/** A graph as it is stored: a snapshot, and what changed since, in order. */
export type GraphToLoad = { body: Uint8Array; deltas: readonly Uint8Array[]; takenAt: UnixSeconds };
/** A version that follows the one before; without a delta it has the same content under another digest. */
export type GraphStep = { delta: Uint8Array | undefined; digest: Uint8Array; takenAt: UnixSeconds };

/** The verdict thread as the api sees it. */
export type VerdictThread = {
  /** Prepares a graph; answers come from the one before until it is ready. @throws GRAPH_MALFORMED */
  load(graph: GraphToLoad): Promise<LoadedGraph>;
  /** Goes on from the graph that is loaded. @throws GRAPH_MALFORMED when these steps do not follow it: load the newest then */
  follow(steps: readonly GraphStep[]): Promise<LoadedGraph>;
  /** Takes in evidence. False when it does not follow what the thread holds, as after a crash: begin again then. */
  learn(news: EvidenceNews): Promise<boolean>;
  /** What to begin with after a crash, from here on. */
  remember(graph: GraphToLoad): void;
  /** @throws GRAPH_NOT_READY before the first graph is loaded; OVERLOADED; TIMED_OUT */
  decide(request: VerdictRequest): Promise<Decision>;
  /** How a caller gets to nodes, in their order. @throws GRAPH_NOT_READY; OVERLOADED; TIMED_OUT */
  approach(request: ApproachRequest): Promise<(Approached | null)[]>;
  /** @throws GRAPH_NOT_READY; SUBJECT_UNKNOWN when the newest graph has no such node; OVERLOADED; TIMED_OUT */
  profile(request: ProfileRequest): Promise<ProfileAnswer>;
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

/** Decisions in parts at a time, of some tenths of a second each. */
const MAX_IN_PARTS = 4;

/** Opens a thread; it starts with the first call. After a crash the next one is given the last graph, once, before all. */
export function openVerdictThread(): VerdictThread {
  let last: GraphToLoad | undefined;
  let inParts = 0;
  const thread = openThread<typeof service>(NAME, import.meta.url, {
    maxWaiting: MAX_WAITING,
    maxWaitMs: MAX_WAIT_MS,
    beside: ["load", "follow", "learn", "profile", "decideInParts"],
    first: () => last && { method: "load", input: last },
  });
  return {
    async load(graph) {
      const loaded = await thread.call("load", graph);
      last = graph;
      return loaded;
    },
    async follow(steps) {
      const loaded = await thread.call("follow", steps);
      const deltas = steps.flatMap(({ delta }) => delta ?? []);
      if (last) last = { ...last, deltas: [...last.deltas, ...deltas], takenAt: steps.at(-1)?.takenAt ?? last.takenAt };
      return loaded;
    },
    learn: (news) => thread.call("learn", news),
    remember(graph) {
      last = graph;
    },
    async decide(request) {
      if ((request.maxParts ?? 1) <= 1) return thread.call("decide", request, { timeoutMs: DECIDE_TIMEOUT_MS });
      // They are worked on in turn with changes of the graph, which must not wait for long.
      if (inParts >= MAX_IN_PARTS) throw new OracleError("OVERLOADED", "too many calls with maxParts are waiting");
      inParts++;
      try {
        return await thread.call("decideInParts", request, { timeoutMs: DECIDE_TIMEOUT_MS });
      } finally {
        inParts--;
      }
    },
    approach: (request) => thread.call("approach", request, { timeoutMs: DECIDE_TIMEOUT_MS }),
    profile: (request) => thread.call("profile", request, { timeoutMs: DECIDE_TIMEOUT_MS }),
    overloaded: thread.overloaded,
    close: thread.close,
  };
}

const held = createVerdictGraph();
let working: Promise<unknown> = Promise.resolve();

/** One after the other, so that the graph taken in last is the one that stays. */
function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const done = working.then(work);
  working = done.catch(() => undefined);
  return done;
}

/** @throws GRAPH_NOT_READY */
function worldHeld(): IntentWorld {
  const world = held.world();
  if (!world) throw new OracleError("GRAPH_NOT_READY", "no graph has been loaded yet");
  return world;
}

const service = {
  load: (graph: GraphToLoad): Promise<LoadedGraph> => inTurn(() => held.load(graph)),
  follow: (steps: readonly GraphStep[]): Promise<LoadedGraph> => inTurn(() => held.follow(steps)),
  learn: (news: EvidenceNews): Promise<boolean> => inTurn(() => held.learn(news)),

  profile: (request: ProfileRequest): Promise<ProfileAnswer> => inTurn(() => held.profile(request)),

  decide: (request: VerdictRequest): Decision => resolveIntent(worldHeld(), request),

  approach: (request: ApproachRequest): (Approached | null)[] => approachNodes(worldHeld(), request),

  decideInParts: (request: VerdictRequest): Promise<Decision> =>
    // In turn, since a change of the graph in place would be one of the world that is being looked at.
    inTurn(async () => {
      const steps = resolveIntentInSteps(worldHeld(), request);
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
};

serveThread(NAME, service);
