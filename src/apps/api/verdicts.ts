/** The engine beside the event loop: it holds the newest graph, follows it from change to change, and answers from it. */
import type { GraphPosition, StoredGraph, StoredVersion } from "../../adapters/postgres/graph-version.ts";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { ApproachRequest } from "../../core/intent/approach.ts";
import type { ProfileRequest } from "../../core/profile/make-profile.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Events } from "../events.ts";
import { openVerdictThread, type VerdictRequest, type VerdictThread } from "../verdict-thread.ts";
import { type EvidenceLog, followEvidence } from "./follow-evidence.ts";

const POLL_MS = 1_000;
/** Profiles at once: some seconds of work beside the decisions, which go first. */
const MOST_PROFILES = 16;
/** Changes beyond this (some thousands) take longer to work in than the newest graph takes to load. */
const MAX_FOLLOWED_BYTES = 200_000;

export type VerdictPorts = {
  newest(): Promise<StoredGraph | undefined>;
  /** What followed a state, oldest first. */
  after(held: GraphPosition): Promise<StoredVersion[]>;
  evidence: EvidenceLog;
  now(): UnixSeconds;
  events: Pick<Events, "failed" | "graphLoaded" | "graphFollowed">;
};

export type Verdicts = ReturnType<typeof watchVerdicts>;

/** Watches the stored graph and follows it. Answers fail with GRAPH_NOT_READY until it is loaded for the first time. */
export function watchVerdicts(ports: VerdictPorts, signal: AbortSignal) {
  const thread: VerdictThread = openVerdictThread();
  const learn = followEvidence(ports.evidence, thread, ports.now);
  let held: GraphPosition | undefined;
  let loadedOnce = false;
  let profiling = 0;
  let timer: NodeJS.Timeout | undefined;

  const load = async () => {
    const newest = await ports.newest();
    if (!newest) return;
    const { nodeCount: nodes, channelCount: channels } = await thread.load({ ...newest, takenAt: newest.at });
    held = newest.position;
    loadedOnce = true;
    ports.events.graphLoaded({ nodes, channels });
  };
  const follow = async (from: GraphPosition, steps: StoredVersion[]) => {
    try {
      const { nodeCount, channelCount } = await thread.follow(
        steps.map(({ delta, position, at }) => ({ delta, digest: position.digest, takenAt: at })),
      );
      held = steps.at(-1)?.position ?? from;
      ports.events.graphFollowed({ nodes: nodeCount, channels: channelCount }, steps.length);
    } catch (error) {
      // Whatever the thread holds, the newest graph can be loaded over it.
      held = undefined;
      throw error;
    }
    // A crash of the thread then costs the changes since this snapshot, and not those of days.
    const newest = steps.some(({ position }) => position.number === 0) ? await ports.newest() : undefined;
    if (newest) thread.remember({ ...newest, takenAt: newest.at });
  };
  const refresh = async () => {
    if (!held) return load();
    const steps = await ports.after(held);
    const bytes = steps.reduce((sum, { delta }) => sum + (delta?.length ?? 0), 0);
    if (!followOn(held, steps) || bytes > MAX_FOLLOWED_BYTES) return load();
    if (steps.length > 0) await follow(held, steps);
  };
  const loop = async () => {
    // Before the graph, whose worlds are then drawn from it at once; an answer without it says so.
    await learn().catch((error: unknown) => ports.events.failed("reading the evidence", error));
    await refresh().catch((error: unknown) => ports.events.failed("loading the graph", error));
    if (!signal.aborted) timer = setTimeout(() => void loop(), POLL_MS);
  };
  void loop();
  const assertLoaded = () => {
    if (!loadedOnce) throw new OracleError("GRAPH_NOT_READY", "the graph is being loaded; try again in a moment");
  };

  const assertProfiling = () => {
    assertLoaded();
    if (profiling >= MOST_PROFILES) throw new OracleError("OVERLOADED", "too many profiles are being made");
  };

  return {
    ready: () => loadedOnce,
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
    /** How a caller gets to nodes. @throws GRAPH_NOT_READY before the first graph is loaded; OVERLOADED; TIMED_OUT */
    async approach(request: ApproachRequest) {
      assertLoaded();
      return thread.approach(request);
    },
    /** Refuses what `profile` would refuse now. @throws GRAPH_NOT_READY, OVERLOADED */
    assertProfiling,
    /** @throws GRAPH_NOT_READY before the first graph is loaded; SUBJECT_UNKNOWN; OVERLOADED; TIMED_OUT */
    async profile(request: ProfileRequest) {
      assertProfiling();
      profiling++;
      return thread.profile(request).finally(() => {
        profiling--;
      });
    },
    /** The digest of the graph that answers come from, as hex. */
    graphDigest: () => (held ? toHex(held.digest) : undefined),
    async close() {
      clearTimeout(timer);
      await thread.close();
    },
  };
}

/** Whether each step follows the one before without a gap. */
export function followOn(held: GraphPosition, steps: readonly StoredVersion[]): boolean {
  let at: { snapshotId: bigint; number: number } = held;
  return steps.every(({ position, base }) => {
    const from = position.number === 0 ? base : { snapshotId: position.snapshotId, number: position.number - 1 };
    const follows = from?.snapshotId === at.snapshotId && from.number === at.number;
    at = position;
    return follows;
  });
}
