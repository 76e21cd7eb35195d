/**
 * What a probe is worth: by how much it is expected to lower the Brier score of the questions people ask.
 *
 * A probe tells the worlds apart by where it ends: at a hop whose next node is offline, at a hop that holds too little, or
 * at the target. For a question with probability p, and p_c in the worlds of outcome c (of share q_c), the expected Brier
 * score is p(1−p) before the probe and Σ q_c·p_c(1−p_c) after it. Both come from samples of worlds, and splitting a sample
 * always lowers its spread a little; the factor n/(n−1) takes that out, so that a probe that tells nothing is worth nothing.
 */
import { countBits, WORDS, WORLDS, type WorldSet, worldsAt } from "../graph/bits.ts";
import { arcHead } from "../graph/channel-graph.ts";
import type { Masks, Worlds } from "../graph/worlds.ts";

/** A question, and the worlds in which its answer is yes. */
export type AskedQuestion = { readonly weight: number; readonly yes: WorldSet };

/**
 * The worlds by how a probe along `arcs` would end in them; empty outcomes are left out. What our own first channel holds
 * is known, so only its far end may fail.
 */
export function outcomesOf(worlds: Worlds, masks: Masks, arcs: readonly number[]): WorldSet[] {
  const { graph, online } = worlds;
  const outcomes: WorldSet[] = [];
  let alive: WorldSet = new Int32Array(WORDS).fill(-1);
  arcs.forEach((arc, i) => {
    const awake = worldsAt(online, arcHead(graph, arc));
    const carries = i === 0 ? awake : worldsAt(masks.words, graph.rows.slotOfArc[arc]!);
    outcomes.push(
      alive.map((word, g) => word & ~awake[g]!),
      alive.map((word, g) => word & awake[g]! & ~carries[g]!),
    );
    alive = alive.map((word, g) => word & carries[g]!);
  });
  outcomes.push(alive);
  return outcomes.filter((outcome) => outcome.some((word) => word !== 0));
}

/** Expected reduction of the weighted sum of Brier scores by learning the outcome. */
export function brierReduction(questions: readonly AskedQuestion[], outcomes: readonly WorldSet[]): number {
  const sizes = outcomes.map(size);
  let reduction = 0;
  for (const { weight, yes } of questions) {
    let after = 0;
    let total = 0;
    outcomes.forEach((outcome, c) => {
      const n = sizes[c]!;
      let hits = 0;
      for (let g = 0; g < WORDS; g++) hits += countBits(outcome[g]! & yes[g]!);
      total += hits;
      after += (n / WORLDS) * spread(hits, n);
    });
    reduction += weight * (spread(total, WORLDS) - after);
  }
  return reduction;
}

/** The weighted Brier score that a question is expected to have without any probe. */
export function brierOf({ weight, yes }: AskedQuestion): number {
  return weight * spread(size(yes), WORLDS);
}

/** p(1−p) of a sample without the bias of its size. One world alone tells nothing of its spread: the worst is taken. */
function spread(hits: number, n: number): number {
  return n < 2 ? 0.25 : (hits * (n - hits)) / (n * (n - 1));
}

function size(worlds: WorldSet): number {
  return worlds.reduce((sum, word) => sum + countBits(word), 0);
}
