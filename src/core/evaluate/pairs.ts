/** Ordered pairs of nodes with an enabled arc between them: what LND remembers results by, and who may stand in for whom. */
import type { ChannelGraph } from "../graph/channel-graph.ts";

/** Pairs by number. */
export type PairTable = {
  readonly count: number;
  /** Pair of each slot. */
  readonly ofSlot: Int32Array;
  readonly tail: Int32Array;
  /** The pair the other way round, or -1. */
  readonly back: Int32Array;
  /** Arcs of each pair, one after the other. */
  readonly start: Int32Array;
  readonly arcs: Int32Array;
};

/** Numbers the pairs of a graph. */
export function tablePairs({ nodeCount, rows }: ChannelGraph): PairTable {
  const numbers = new Map<number, number>();
  const ofSlot = new Int32Array(rows.inArc.length);
  for (let head = 0; head < nodeCount; head++) {
    for (let slot = rows.inStart[head]!; slot < rows.inStart[head + 1]!; slot++) {
      const name = rows.inTail[slot]! * nodeCount + head;
      const number = numbers.get(name) ?? numbers.size;
      numbers.set(name, number);
      ofSlot[slot] = number;
    }
  }
  const count = numbers.size;
  const tail = new Int32Array(count);
  const back = new Int32Array(count);
  for (const [name, number] of numbers) {
    const head = name % nodeCount;
    tail[number] = (name - head) / nodeCount;
    back[number] = numbers.get(head * nodeCount + tail[number]!) ?? -1;
  }
  return { count, ofSlot, tail, back, ...groupArcs(count, ofSlot, rows.inArc) };
}

function groupArcs(count: number, ofSlot: Int32Array, inArc: Uint32Array) {
  const start = new Int32Array(count + 1);
  for (const pair of ofSlot) start[pair + 1]!++;
  for (let pair = 0; pair < count; pair++) start[pair + 1]! += start[pair]!;
  const next = start.slice();
  const arcs = new Int32Array(ofSlot.length);
  ofSlot.forEach((pair, slot) => {
    arcs[next[pair]!++] = inArc[slot]!;
  });
  return { start, arcs };
}
