import { expect, test } from "vitest";
import { type Drawn, drawGraph, keyOf } from "../../testing/small-graph.ts";
import type { Evidence, Observation } from "../evidence/observation.ts";
import { msat, unixSeconds } from "../units.ts";
import { prepareProfiles } from "./ground.ts";
import { MOST_SEEDS } from "./seeds.ts";

/** A ring, so that nobody stands between anybody: node i has a channel to i + 1, funded in block 500,000 + i. */
const ring = (nodes: number, from = 0): Drawn[] =>
  Array.from({ length: nodes }, (_, i) => ({ a: from + i, b: from + ((i + 1) % nodes), block: 500_000 + i }));

const observe = (observation: Observation, source: Evidence["source"] = "probe"): Evidence => ({
  observedAt: unixSeconds(1_770_000_000),
  source,
  attempt: "00".repeat(32),
  vantage: keyOf(99),
  observation,
});
const passed = (from: number, to: number, source?: Evidence["source"]) =>
  observe({ kind: "pair-holds-at-least", from: keyOf(from), to: keyOf(to), amount: msat(1_000n) }, source);

test("the oldest come first, and none whose channels are all of the younger half of channel age", () => {
  const { graph, at } = drawGraph(ring(10));
  // Ages are 9, 8, 7, … blocks: half of 45 lies within the first three channels, and those join nodes 0 to 3.
  expect(prepareProfiles(graph, []).seeds).toEqual([0, 1, 2, 3].map(at));
});

test("who was seen forwarding comes before who is older, but not a young one", () => {
  const { graph, at } = drawGraph(ring(10));
  const seen = [passed(3, 2), passed(3, 4), passed(2, 3), passed(2, 3), passed(8, 7), passed(99, 1)];
  expect(prepareProfiles(graph, seen).seeds).toEqual([3, 2, 0, 1].map(at));
});

test("what a node says of itself is not evidence of its forwarding", () => {
  const { graph, at } = drawGraph(ring(10));
  const { seeds } = prepareProfiles(graph, [passed(4, 5, "report")]);
  expect(seeds[0]).toBe(at(0));
});

test("money is no seed: neither size nor number of channels, nor a past behind somebody else", () => {
  const old = [5, 10, 15, 20].map((b): Drawn => ({ a: 0, b, block: 500_000 }));
  const rich = Array.from({ length: 30 }, (_, i): Drawn => ({ a: 50, b: i, capacitySat: 1e9, block: 900_000 }));
  const behind: Drawn[] = [
    { a: 3, b: 60, block: 500_000 },
    { a: 60, b: 61, block: 500_000 },
    { a: 61, b: 62, block: 500_000 },
    { a: 62, b: 60, block: 500_000 },
  ];
  const { graph, at } = drawGraph([...ring(40), ...old, ...rich, ...behind]);
  const seen = [passed(60, 61), passed(60, 62), passed(61, 62), passed(50, 1), passed(50, 2)];
  const { seeds } = prepareProfiles(graph, seen);
  for (const name of [50, 60, 61, 62]) expect(seeds).not.toContain(at(name));
  expect(seeds.length).toBeGreaterThan(15);
});

test("there are no more than some", () => {
  expect(prepareProfiles(drawGraph(ring(400)).graph, []).seeds).toHaveLength(MOST_SEEDS);
});

test("where channels tell no age only those count that were seen forwarding, and nobody behind somebody else", () => {
  const behind: Drawn[] = [
    { a: 3, b: 60 },
    { a: 60, b: 61 },
    { a: 61, b: 62 },
    { a: 62, b: 60 },
  ];
  const { graph, at } = drawGraph([...ring(10), ...behind].map((channel) => ({ ...channel, block: 0 })));
  expect(prepareProfiles(graph, []).seeds).toEqual([]);
  const seen = [passed(4, 5), passed(7, 8), passed(7, 6), passed(61, 62)];
  expect(prepareProfiles(graph, seen).seeds).toEqual([7, 4].map(at));
});
