import fc from "fast-check";
import { expect, test } from "vitest";
import { type FlowNet, maxFlow } from "./flow.ts";

type Pair = { a: number; b: number; there: number; back: number };

const VERTICES = 7;
const vertex = fc.nat({ max: VERTICES - 1 });
const capacity = fc.nat({ max: 5 });
const pairs = fc.array(fc.record({ a: vertex, b: vertex, there: capacity, back: capacity }), { maxLength: 16 });
const sources = fc.uniqueArray(vertex, { minLength: 1, maxLength: 3 });

test("a flow is as large as the smallest cut, and names the one nearest to the sink", () => {
  fc.assert(
    fc.property(pairs, sources, vertex, (list, from, sink) => {
      fc.pre(!from.includes(sink));
      const { value, behind } = flowOf(list, from, sink);
      const cuts = everySide(from, sink).map((side) => ({ side, width: widthOf(list, side) }));
      const least = Math.min(...cuts.map(({ width }) => width));
      expect(value).toBe(least);
      const smallest = cuts.filter(({ width }) => width === least).map(({ side }) => side);
      const nearest = smallest.reduce((best, side) => best.filter((each) => side.includes(each)));
      expect([...behind].flatMap((each, i) => (each ? i : []))).toEqual(nearest);
    }),
    { numRuns: 500 },
  );
});

test("a million in series comes through whole", () => {
  const chain = Array.from({ length: VERTICES - 1 }, (_, i) => ({ a: i, b: i + 1, there: 1_000_000, back: 0 }));
  expect(flowOf(chain, [0], VERTICES - 1).value).toBe(1_000_000);
  expect(flowOf(chain, [VERTICES - 1], 0).value).toBe(0);
});

function flowOf(list: readonly Pair[], from: readonly number[], sink: number) {
  const isSource = new Uint8Array(VERTICES);
  for (const each of from) isSource[each] = 1;
  const left = Float64Array.from(list.flatMap(({ there, back }) => [there, back]));
  return maxFlow(netOf(list), left, isSource, sink);
}

function netOf(list: readonly Pair[]): FlowNet {
  const ends = list.flatMap(({ a, b }) => [
    { from: a, to: b },
    { from: b, to: a },
  ]);
  const leaving = Array.from({ length: VERTICES }, (_, v) =>
    ends.flatMap(({ from }, edge) => (from === v ? edge : [])),
  );
  const start = [0];
  for (const each of leaving) start.push(start.at(-1)! + each.length);
  return {
    vertexCount: VERTICES,
    start: Uint32Array.from(start),
    edges: Uint32Array.from(leaving.flat()),
    to: Uint32Array.from(ends, ({ to }) => to),
  };
}

/** Every set of vertices that holds the sink and no source. */
function everySide(from: readonly number[], sink: number): number[][] {
  const free = Array.from({ length: VERTICES }, (_, v) => v).filter((v) => v !== sink && !from.includes(v));
  return Array.from({ length: 2 ** free.length }, (_, bits) =>
    [sink, ...free.filter((_, i) => (bits >> i) & 1)].sort((a, b) => a - b),
  );
}

function widthOf(list: readonly Pair[], side: readonly number[]): number {
  return list.reduce((sum, { a, b, there, back }) => {
    const [inA, inB] = [side.includes(a), side.includes(b)];
    return sum + (inB && !inA ? there : 0) + (inA && !inB ? back : 0);
  }, 0);
}
