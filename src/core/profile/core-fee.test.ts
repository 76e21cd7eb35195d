import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOSED, type Drawn, drawGraph } from "../../testing/small-graph.ts";
import { arcHead, arcTail, type ChannelGraph } from "../graph/channel-graph.ts";
import { costToCore, feeOf, type Heading } from "./core-fee.ts";

const AMOUNT_MSAT = 1e8;
const search = (graph: ChannelGraph, heading: Heading, blocked: ReadonlySet<number> = new Set()) => ({
  graph,
  amountMsat: AMOUNT_MSAT,
  blocked,
  heading,
});
const asks = (feeBaseMsat: number, cltvDelta = 40) => ({ feeBaseMsat, cltvDelta });

test("who sends pays nothing for its own channel, whichever way it goes", () => {
  // Seed 1 – 2 – 3 is the node; each asks its own fee for what it passes on.
  const { graph, at } = drawGraph([
    { a: 1, b: 2, there: asks(100, 10), back: asks(200, 20) },
    { a: 2, b: 3, there: asks(3_000, 30), back: asks(4_000, 40) },
  ]);
  const from = costToCore(search(graph, "from-core"), [at(1)], at(3));
  expect(from).toEqual({ cheapest: { feeMsat: 3_000, cltvDelta: 30 }, median: { feeMsat: 3_000, cltvDelta: 30 } });
  const to = costToCore(search(graph, "to-core"), [at(1)], at(3));
  expect(to).toEqual({ cheapest: { feeMsat: 200, cltvDelta: 20 }, median: { feeMsat: 200, cltvDelta: 20 } });
});

test("nothing is said where there is no way, no seed, or only the node itself", () => {
  const { graph, at } = drawGraph([{ a: 1, b: 2, there: CLOSED }]);
  const nothing = { cheapest: null, median: null };
  expect(costToCore(search(graph, "from-core"), [at(1)], at(2))).toEqual(nothing);
  expect(costToCore(search(graph, "to-core"), [at(1)], at(2)).cheapest).toEqual({ feeMsat: 0, cltvDelta: 0 });
  expect(costToCore(search(graph, "to-core", new Set([0, 1])), [at(1)], at(2))).toEqual(nothing);
  expect(costToCore(search(graph, "from-core"), [], at(2))).toEqual(nothing);
  expect(costToCore(search(graph, "from-core"), [at(2)], at(2))).toEqual(nothing);
});

const fee = fc.nat({ max: 9 });
const channel = fc
  .record({ a: fc.nat({ max: 5 }), b: fc.nat({ max: 5 }), there: fee, back: fee })
  .filter(({ a, b }) => a !== b);

test("the cheapest and the median seed are those of all ways tried one after the other", () => {
  fc.assert(
    fc.property(fc.array(channel, { minLength: 1, maxLength: 10 }), (list) => {
      const drawn = list.map(({ a, b, there, back }): Drawn => ({ a, b, there: asks(there), back: asks(back) }));
      const { graph, at } = drawGraph([...drawn, { a: 0, b: 9 }]);
      const seeds = [1, 2, 3].map(at).filter((seed) => seed >= 0);
      for (const heading of ["from-core", "to-core"] as const) {
        const { cheapest, median } = costToCore(search(graph, heading), seeds, at(9));
        const fees = seeds
          .map((seed) => (heading === "from-core" ? feeBetween(graph, seed, at(9)) : feeBetween(graph, at(9), seed)))
          .sort((a, b) => a - b);
        const told = (feeMsat: number | undefined) => (feeMsat !== undefined && feeMsat < 1e9 ? feeMsat : undefined);
        expect(cheapest?.feeMsat).toBe(told(fees[0]));
        expect(median?.feeMsat).toBe(told(fees[Math.ceil(fees.length / 2) - 1]));
      }
    }),
    { numRuns: 150 },
  );
});

/** Bellman and Ford's way, over what a sender pays: its own channel is free. */
function feeBetween(graph: ChannelGraph, sender: number, target: number): number {
  const least = new Float64Array(graph.nodeCount).fill(1e9);
  least[target] = 0;
  const step = (arc: number, own: number) =>
    least[arcHead(graph, arc)]! + (own ? 0 : feeOf({ graph, amountMsat: AMOUNT_MSAT }, arc));
  for (let round = 0; round < graph.nodeCount; round++) {
    for (const arc of graph.rows.inArc) {
      const tail = arcTail(graph, arc);
      least[tail] = Math.min(least[tail]!, step(arc, 0));
    }
  }
  const first = [...graph.rows.inArc].filter((arc) => arcTail(graph, arc) === sender).map((arc) => step(arc, 1));
  return Math.min(1e9, ...first);
}
