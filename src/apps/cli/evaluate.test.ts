/** `satrank evaluate` from a file to tables, JSON and plots, on a network small enough for a test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test, vi } from "vitest";
import { describeGraphMessage } from "../../testing/describe-graph.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { evaluateCommand } from "./commands/evaluate.ts";
import { createOutput } from "./terminal.ts";

const home = mkdtempSync(join(tmpdir(), "satrank-evaluate-"));
afterAll(() => rmSync(home, { recursive: true }));

const { nodes, channels } = syntheticGraph({ nodes: 80, channels: 260, seed: 6 });
const graphFile = join(home, "graph.json.gz");
writeFileSync(graphFile, gzipSync(JSON.stringify(describeGraphMessage(nodes, channels))));
const labelFile = join(home, "labels.csv");
const labelled = nodes.map(({ key }, i) => `${key},${i % 3}`);
writeFileSync(labelFile, ["pub_key,inbound_enabled_2026", ...labelled, ""].join("\n"));
const small = ["--graph", graphFile, "--worlds", "softu,drift", "--pairs", "8", "--reports", "16", "--probes", "6"];

/** What the command printed on both streams. */
async function evaluate(json: boolean, ...words: string[]): Promise<{ out: string; err: string }> {
  const printed = { out: "", err: "" };
  const catchAll = (into: "out" | "err") => (text: string | Uint8Array) => {
    printed[into] += String(text);
    return true;
  };
  const streams = [
    vi.spyOn(process.stdout, "write").mockImplementation(catchAll("out")),
    vi.spyOn(process.stderr, "write").mockImplementation(catchAll("err")),
  ];
  try {
    const command = evaluateCommand(createOutput({ json, colour: false })).exitOverride();
    await command.parseAsync(words, { from: "user" });
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  return printed;
}

test("tables, progress and plots; the same numbers as JSON, and again", async () => {
  const plots = join(home, "plots");
  const text = await evaluate(false, ...small, "--plots", plots, "--labels", labelFile, "--no-sybil");
  expect(text.out).toContain("World softu, seed 1: 32 payments");
  expect(text.out).toContain("SatRank + chosen probes");
  expect(text.out).toMatch(/fitted: weight at the ends \d\.\d\d, offline ×\d\.\d\d, fee -?\d\.\d\d/);
  expect(text.out).toContain("Means over the standard worlds");
  expect(text.out).toContain("Receivable later");
  expect(text.out).not.toContain("An attacker's rank");
  expect(text.err).toContain("world 2 of 2, drift: LND bimodal");
  expect(readFileSync(join(plots, "reliability-drift.svg"), "utf8")).toContain("Reliability in world drift");

  const { out, err } = await evaluate(true, ...small, "--no-sybil");
  expect(err).toBe("");
  const { worlds, labels } = JSON.parse(out);
  expect(labels).toBeUndefined();
  const brier = worlds[0].predictors.find(({ name }: { name: string }) => name === "SatRank, no probes").all.brier;
  expect(text.out).toMatch(new RegExp(`^SatRank, no probes +${brier.toFixed(4)} `, "m"));
  expect(Object.keys(worlds[0].predictors[0].byAmountSat)).toEqual(["1000", "10000", "100000", "1000000"]);
  expect(worlds[0].probes.chosen.sent).toBe(6);
});

test("the same command prints the same bytes, another seed draws another truth, and attacks are part of it", async () => {
  const quick = [...small, "--probes", "0", "--worlds", "ldk"];
  const one = await evaluate(true, ...quick);
  expect((await evaluate(true, ...quick)).out).toBe(one.out);
  const two = await evaluate(true, ...quick, "--seed", "2", "--no-sybil");
  const [first, other] = [JSON.parse(one.out), JSON.parse(two.out)];
  expect(first.worlds[0].predictors).not.toEqual(other.worlds[0].predictors);
  expect(first.attacks).toHaveLength(8);
  expect(other.attacks).toBeUndefined();
});

test("a world may have a seed of its own; means and comparisons are over all standard worlds", async () => {
  const few = [...small, "--no-sybil", "--probes", "0", "--worlds", "ldk,ldk:2,hubdrain"];
  const { worlds, means, comparisons } = JSON.parse((await evaluate(true, ...few)).out);
  expect(worlds.map(({ world, seed }: { world: string; seed: number }) => [world, seed])).toEqual([
    ["ldk", 1],
    ["ldk", 2],
    ["hubdrain", 1],
  ]);
  const other = JSON.parse((await evaluate(true, ...few, "--worlds", "ldk", "--seed", "2")).out);
  expect(worlds[1]).toEqual(other.worlds[0]);
  type Named = { name: string; brier: number; all: { brier: number } };
  const brier = (rows: Named[], name: string) => rows.find((row) => row.name === name)!;
  const [one, two] = [worlds[0], worlds[1]].map(({ predictors }) => brier(predictors, "SatRank, no probes").all.brier);
  expect(brier(means, "SatRank, no probes").brier).toBeCloseTo((one! + two!) / 2, 12);
  const { ours, other: rival, difference, gainRatio } = comparisons[0];
  expect(difference).toBeCloseTo(brier(means, ours).brier - brier(means, rival).brier, 12);
  expect(gainRatio).toBeCloseTo(-difference / brier(means, rival).brier, 12);
});

test.each([
  ["a world that is none", ["--worlds", "moon"]],
  ["a seed that is none", ["--worlds", "ldk:x"]],
  ["a world with two seeds", ["--worlds", "ldk:1:2"]],
  ["a probing that is none", ["--probing", "guessed"]],
  ["no payments", ["--pairs", "0"]],
  ["a number that is none", ["--seed", "x"]],
])("%s is wrong usage", async (_name, words) => {
  await expect(evaluate(false, ...small, ...words)).rejects.toMatchObject({ code: "commander.invalidArgument" });
});

test("a file that is no graph, or not there, is a failure with a name", async () => {
  await expect(evaluate(false, "--graph", labelFile)).rejects.toMatchObject({ code: "GRAPH_MALFORMED" });
  await expect(evaluate(false, "--graph", join(home, "none"))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});
