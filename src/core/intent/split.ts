/**
 * The probability that an amount arrives in up to so many equal parts. A flow takes milliseconds a world, so it is sought in a sample of
 * the worlds in which one part does not arrive, in steps between which other callers have their turn.
 */
import { countBits, GROUP, WORDS, WORLDS, type WorldSet } from "../graph/bits.ts";
import { arrivesInParts, drawCapacity, isEverLargeEnough, listAdjacent, type Split } from "../graph/parts.ts";
import { chanceOf, groupRatios, wilson } from "../score/interval.ts";
import type { IntentCase } from "./case.ts";
import type { InParts } from "./decision.ts";
import { isKnown } from "./payer.ts";

/** Worlds that flows are sought in. Their number bounds the time. */
const SAMPLE = 32;

/** Tries a case in parts; null for a caller of which nothing is known. */
export function* tryPartsInSteps(question: IntentCase, maxParts: number): Generator<void, InParts | null> {
  if (!isKnown(question)) return null;
  const { engine, leaves, chance } = question;
  const failing = worldsOutside(leaves);
  const sample =
    failing.length <= SAMPLE
      ? failing
      : Array.from({ length: SAMPLE }, (_, i) => failing[Math.floor((i * failing.length) / SAMPLE)]!);
  const split = splitOf(question, maxParts);
  if (sample.length === 0 || !isEverLargeEnough(engine.graph, split)) return { maxParts, ...chance, worldsTried: 0 };
  const capacity = yield* drawCapacity(engine.worlds, split);
  const adjacent = listAdjacent(engine.graph);
  const arrived: number[] = [];
  for (const world of sample) {
    if (arrivesInParts(engine.worlds, split, capacity, adjacent, world)) arrived.push(world);
    yield;
  }
  const said =
    sample.length === failing.length ? countAll(leaves, arrived) : extrapolate(leaves, arrived.length, sample.length);
  return { maxParts, ...said, worldsTried: sample.length };
}

function splitOf({ engine, caller, own, target, amountMsat, limits }: IntentCase, parts: number): Split {
  const partMsat = Math.ceil(amountMsat / parts);
  // Each part has its share of the fee limit.
  const shared = { ...limits, maxFeeMsat: Math.floor((limits.maxFeeMsat * partMsat) / (partMsat * parts)) };
  const cheap = engine.cheapArcs({ target, amountMsat: partMsat, limits: shared });
  return { caller, own, target, partMsat, parts, cheap };
}

function worldsOutside(set: WorldSet): number[] {
  return Array.from({ length: WORLDS }, (_, world) => world).filter(
    (world) => ((set[world >>> 5]! >>> (world & 31)) & 1) === 0,
  );
}

function countAll(leaves: WorldSet, arrived: readonly number[]) {
  const worlds = leaves.slice();
  for (const world of arrived) worlds[world >>> 5]! |= 1 << (world & 31);
  return chanceOf(groupRatios(worlds));
}

/** What holds of the sample holds of the other worlds, within Wilson's interval of it. */
function extrapolate(leaves: WorldSet, arrived: number, tried: number) {
  const ratio = arrived / tried;
  const { low, high } = wilson(ratio, tried);
  const at = (mended: number) => {
    const groups = new Float64Array(WORDS).map((_, g) => {
      const alone = countBits(leaves[g]!) / GROUP;
      return alone + (1 - alone) * mended;
    });
    return chanceOf(groups);
  };
  return { probability: at(ratio).probability, interval: { low: at(low).interval.low, high: at(high).interval.high } };
}
