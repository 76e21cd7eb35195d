/** Shares of draws in the tails and the middle, against what each family is defined to have. */
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { graphFromRecords } from "../graph/records.ts";
import { drawShare, type Family } from "./families.ts";
import { randomStream } from "./random.ts";
import { degreesOf, drawTruth, driftTruth } from "./truth.ts";

const { nodes, channels } = syntheticGraph({ nodes: 900, channels: 6_000, seed: 5 });
const { graph } = graphFromRecords(nodes, channels);
const degrees = degreesOf(graph);

test.each<[Family, number, number]>([
  ["ldk", 0.178, 0.1],
  ["softu", 0.21, 0.12],
  ["bimodal", 0.316, 0],
  ["uniform", 0.05, 0.2],
  ["hubdrain", 0.316, 0],
])("%s: %f of the ends hold less than a twentieth, %f about half", (family, tail, middle) => {
  const random = randomStream(1, family);
  const shares = Array.from({ length: graph.channelCount }, (_, channel) =>
    drawShare(family, graph, channel, degrees, random),
  );
  const ratio = (keeps: (share: number) => boolean) => shares.filter(keeps).length / shares.length;
  const ends = (ratio((share) => share < 0.05) + ratio((share) => share > 0.95)) / 2;
  expect(Math.abs(ends - tail)).toBeLessThan(0.03);
  expect(Math.abs(ratio((share) => share > 0.4 && share < 0.6) - middle)).toBeLessThan(0.025);
});

test("hubdrain drains the end that faces the larger node", () => {
  const { balanceMsat } = drawTruth(graph, "hubdrain", 1);
  let [facing, all] = [0, 0];
  for (let channel = 0; channel < graph.channelCount; channel++) {
    const [a, b] = [degrees[graph.nodeA[channel]!]!, degrees[graph.nodeB[channel]!]!];
    if (a === b) continue;
    const drainedA = balanceMsat[2 * channel]! < balanceMsat[2 * channel + 1]!;
    all++;
    if (drainedA === b > a) facing++;
  }
  expect(facing / all).toBeGreaterThan(0.82);
  expect(facing / all).toBeLessThan(0.88);
});

test("drift draws a part anew and leaves the rest", () => {
  const before = drawTruth(graph, "ldk", 1);
  const after = driftTruth(before, { balances: 0.6, online: 0.18 }, 1);
  const moved = [...before.balanceMsat].filter((balance, arc) => balance !== after.balanceMsat[arc]).length;
  expect(moved / before.balanceMsat.length).toBeGreaterThan(0.57);
  expect(moved / before.balanceMsat.length).toBeLessThan(0.63);
  expect(after.online).not.toEqual(before.online);
});

test("a seed gives one truth, and another seed another", () => {
  expect(drawTruth(graph, "softu", 4)).toEqual(drawTruth(graph, "softu", 4));
  expect(drawTruth(graph, "softu", 4).balanceMsat).not.toEqual(drawTruth(graph, "softu", 5).balanceMsat);
});
