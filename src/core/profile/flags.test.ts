/** Each rule on a graph in which it holds, and on the nearest one in which it does not. */
import { expect, test } from "vitest";
import { CLOSED, type Drawn, drawGraph } from "../../testing/small-graph.ts";
import type { UnixSeconds } from "../units.ts";
import { costToCore } from "./core-fee.ts";
import { raiseFlags } from "./flags.ts";
import { prepareProfiles } from "./ground.ts";
import { DAY_SEC, type DayOfChanges } from "./history.ts";

const AMOUNT_MSAT = 1e8;
const DAY = 20_000;
const NOW = (DAY * DAY_SEC) as UnixSeconds;
/** An old triangle, and node 1 in it with two ways out. */
const core: Drawn[] = [
  { a: 10, b: 11, block: 500_000 },
  { a: 11, b: 12, block: 510_000 },
  { a: 12, b: 10, block: 520_000 },
];
const node: Drawn[] = [
  { a: 10, b: 1, block: 800_000 },
  { a: 11, b: 1, block: 840_000 },
];

type More = { days?: DayOfChanges[]; watchedDays?: number; name?: number };

function flagsOf(channels: readonly Drawn[], { days = [], watchedDays, name = 1 }: More = {}) {
  const { graph, at } = drawGraph([...core, ...channels]);
  const ground = prepareProfiles(graph, []);
  const { cuts, ages, seeds } = ground;
  const search = { graph, amountMsat: AMOUNT_MSAT, blocked: new Set<number>(), heading: "from-core" as const };
  const { flags, unjudged } = raiseFlags({
    graph,
    cuts,
    ages,
    node: at(name),
    amountMsat: AMOUNT_MSAT,
    fromCore: seeds.length === 0 ? undefined : costToCore(search, seeds, at(name)),
    history: {
      watchedSince: watchedDays === undefined ? undefined : ((NOW - watchedDays * DAY_SEC) as UnixSeconds),
      days,
    },
    now: NOW,
  });
  return { codes: flags.map(({ code }) => code), unjudged };
}

test("a node in good standing has no flag, and what nothing is known about is not judged", () => {
  expect(flagsOf(node)).toEqual({ codes: [], unjudged: ["fading"] });
  const ageless = [...core, ...node].map((channel) => ({ ...channel, block: 0 }));
  const { graph, at } = drawGraph(ageless);
  const { cuts, ages } = prepareProfiles(graph, []);
  const asked = { graph, cuts, ages, node: at(1), amountMsat: AMOUNT_MSAT, fromCore: undefined, now: NOW };
  const { unjudged } = raiseFlags({ ...asked, history: { watchedSince: undefined, days: [] } });
  expect(unjudged).toEqual(["new", "fading", "fee-trap"]);
});

test("new: no live channel is thirty days older than the network's newest", () => {
  const at = (block: number): Drawn[] => [
    { a: 10, b: 1, block },
    { a: 11, b: 1, block: 840_000 },
  ];
  expect(flagsOf(at(840_000 - 4_319)).codes).toEqual(["new"]);
  expect(flagsOf(at(840_000 - 4_320)).codes).toEqual([]);
});

test("fading: a quarter of the channels of thirty days ago are gone, on balance", () => {
  const began = { day: DAY - 40, opened: 8, closed: 0 };
  const lately = (opened: number, closed: number) => [began, { day: DAY - 3, opened, closed }];
  expect(flagsOf(node, { days: lately(0, 2), watchedDays: 40 }).codes).toEqual(["fading"]);
  expect(flagsOf(node, { days: lately(0, 1), watchedDays: 40 }).codes).toEqual([]);
  expect(flagsOf(node, { days: lately(1, 2), watchedDays: 40 }).codes).toEqual([]);
  expect(flagsOf(node, { days: lately(0, 2), watchedDays: 29 }).unjudged).toEqual(["fading"]);
});

test("dead-end: it can be paid, and nothing leads from it back to the network", () => {
  const oneWay = node.map((channel): Drawn => ({ ...channel, back: CLOSED }));
  const puppet: Drawn = { a: 1, b: 30, block: 840_000 };
  expect(flagsOf(oneWay).codes).toEqual(["dead-end"]);
  expect(flagsOf([...oneWay, puppet]).codes).toEqual(["dead-end"]);
  expect(flagsOf([oneWay[0]!, node[1]!]).codes).toEqual([]);
  const otherWay = node.map((channel): Drawn => ({ ...channel, there: CLOSED }));
  expect(flagsOf(otherWay).codes).not.toContain("dead-end");
});

test("fee-trap: passing 100k sat on, or coming in from the core, costs more than LND's limit", () => {
  const asking = (there: number, back: number) =>
    flagsOf([
      { a: 20, b: 1, there: { feeBaseMsat: there }, back: { feeBaseMsat: back }, block: 800_000 },
      { a: 10, b: 20, block: 840_000 },
    ]).codes;
  expect(asking(0, 5_000_001)).toEqual(["fee-trap"]);
  expect(asking(5_000_001, 0)).toEqual(["fee-trap"]);
  expect(asking(5_000_000, 5_000_000)).toEqual([]);
});

test("suspected-self-cluster: at least three peers hang on it for each one that does not; and those that hang on such a node", () => {
  const puppets = (count: number) =>
    Array.from({ length: count }, (_, i): Drawn => ({ a: 1, b: 30 + i, block: 800_000 }));
  const mesh: Drawn[] = [{ a: 30, b: 31, block: 800_000 }];
  expect(flagsOf([...node, ...puppets(6)]).codes).toEqual(["suspected-self-cluster"]);
  expect(flagsOf([...node, ...puppets(5)]).codes).toEqual([]);
  expect(flagsOf([...node, ...puppets(6), ...mesh], { name: 31 }).codes).toEqual(["suspected-self-cluster"]);
  // With a way in of its own a puppet is a peer like others.
  const independent: Drawn = { a: 30, b: 12, block: 800_000 };
  expect(flagsOf([...node, ...puppets(6), independent]).codes).toEqual([]);
});
