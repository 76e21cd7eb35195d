/** Bench: what an update costs where decisions are made, worlds, masks and paths included. */
import { readChannelGraph } from "../../adapters/lnd/decode-channel-graph.ts";
import { createVerdictGraph } from "../../apps/verdict-graph.ts";
import { encodeEvidence } from "../../core/evidence/canonical.ts";
import { CHAIN_START, type ChainHead, type Link, linkHash } from "../../core/evidence/chain.ts";
import type { Evidence } from "../../core/evidence/observation.ts";
import { arcHead, arcTail, type ChannelGraph, channelId, nodeKeyHex } from "../../core/graph/channel-graph.ts";
import { digestAfter, encodeDelta } from "../../core/graph/delta.ts";
import { encodeSnapshot } from "../../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../../core/graph/worlds.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { seededRandom } from "../synthetic-graph.ts";
import { loadBenchGraph } from "./graph-file.ts";
import { someChanges } from "./graph-updates.ts";
import { at, ms, ratio, report, spread, time } from "./report.ts";

type VerdictGraph = ReturnType<typeof createVerdictGraph>;

const NOW = unixSeconds(1_790_000_000);
/** By turns of a policy and of who is enabled; the first ones warm the compiler up. */
const CHANGES = 100;
const WARM_UP = 20;
/** Evidence that is held before one more is told: half of what is believed at most. */
const LOG_LENGTH = 10_000;
const OBSERVATIONS = 40;
const DAY_SEC = 86_400;

/** Prints the figures: on the graph of SATRANK_GRAPH, or on a made-up one of the same size as mainnet's. */
export async function benchVerdictUpdates(): Promise<void> {
  const { graph } = readChannelGraph(loadBenchGraph().bytes);
  const held = createVerdictGraph();
  const body = encodeSnapshot(graph);
  let from = performance.now();
  const { digest } = await held.load({ body, deltas: [], takenAt: NOW });
  const loadMs = performance.now() - from;
  let named: Uint8Array = Buffer.from(digest, "hex");
  const times: [number[], number[]] = [[], []];
  for (const [i, changes] of someChanges(graph, CHANGES).entries()) {
    const delta = encodeDelta(changes);
    named = digestAfter(named, delta);
    from = performance.now();
    await held.follow([{ delta, digest: named, takenAt: NOW }]);
    if (i >= WARM_UP) times[i % 2]!.push(performance.now() - from);
  }
  const worldsMs = time(() => sampleWorlds(graph, WORLD_SEED));
  const evidence = await timeEvidence(held, graph);
  report("one update in the verdict thread, worlds and masks of eight amounts included; aim at most 50 ms", [
    { name: "loaded and drawn anew (baseline)", value: ms(loadMs), note: `of it ${ms(worldsMs)} for the worlds` },
    { name: "a policy, in place", value: spread(times[0]), note: `${ratio(at(times[0], 0.5), loadMs)} of baseline` },
    {
      name: "a direction turned off or on, in steps beside the graph in use",
      value: spread(times[1]),
      note: `${ratio(at(times[1], 0.5), loadMs)} of baseline`,
    },
    {
      name: `an observation of a channel, after ${LOG_LENGTH.toLocaleString("en")} others, likewise`,
      value: spread(evidence.times),
      note: `${ratio(at(evidence.times, 0.5), loadMs)} of baseline; longest step ${spread(evidence.steps)}`,
    },
  ]);
}

/** How long the thread takes to work in one entry of the evidence log, and how long it answers nobody meanwhile. */
async function timeEvidence(held: VerdictGraph, graph: ChannelGraph): Promise<{ times: number[]; steps: number[] }> {
  const random = seededRandom(12);
  let head: ChainHead = CHAIN_START;
  const observe = (at: number): Link => {
    const text = encodeEvidence(someEvidence(graph, random, at));
    head = { position: head.position + 1n, hash: linkHash(head.hash, text) };
    return { ...head, text };
  };
  const learn = async (after: ChainHead, entries: Link[], begins: boolean) => {
    const from = performance.now();
    await held.learn({ begins, after, entries, at: NOW, more: false });
    return performance.now() - from;
  };
  const log = Array.from({ length: LOG_LENGTH }, () => observe(NOW - Math.floor(random() * DAY_SEC)));
  await learn(CHAIN_START, log, true);
  const [times, steps]: [number[], number[]] = [[], []];
  for (let i = 0; i < OBSERVATIONS; i++) {
    const after = head;
    const steady = watchSteps();
    times.push(await learn(after, [observe(NOW)], false));
    steps.push(steady());
  }
  return { times: times.slice(OBSERVATIONS / 4), steps: steps.slice(OBSERVATIONS / 4) };
}

/** @returns what ends the watch and says how long the loop was held up at most, in ms */
function watchSteps(): () => number {
  let [last, longest, watching] = [performance.now(), 0, true];
  const look = () => {
    const at = performance.now();
    longest = Math.max(longest, at - last);
    last = at;
    if (watching) setImmediate(look);
  };
  setImmediate(look);
  return () => {
    watching = false;
    return longest;
  };
}

/** That some end of a channel holds at least, or less than, an amount. */
function someEvidence(graph: ChannelGraph, random: () => number, at: number): Evidence {
  const arc = graph.rows.inArc[Math.floor(random() * graph.rows.inArc.length)]!;
  const [from, to] = [nodeKeyHex(graph, arcTail(graph, arc)), nodeKeyHex(graph, arcHead(graph, arc))];
  const kind = random() < 0.6 ? "holds-at-least" : "holds-below";
  const amount = msat(BigInt(Math.floor(10 ** (6 + 3 * random()))));
  return {
    observedAt: unixSeconds(at),
    source: "probe",
    attempt: "00".repeat(32),
    vantage: from,
    observation: { kind, channelId: channelId(graph, arc >>> 1), from, to, amount },
  };
}
