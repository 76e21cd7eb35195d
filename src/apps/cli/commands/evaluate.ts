/** `satrank evaluate`: how right the oracle is on a graph with hidden balances, beside everybody else on the same payments. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { judgeLabels, parseLabels } from "../../../core/evaluate/longitudinal.ts";
import { plotReliability } from "../../../core/evaluate/plot.ts";
import { averageComparisons, averageWorlds, reportWorld } from "../../../core/evaluate/report.ts";
import { attackRanks } from "../../../core/evaluate/sybil.ts";
import {
  evaluateWorld,
  OURS,
  PROBE_KINDS,
  type ProbeKind,
  RECALIBRATED,
  WORLD_NAMES,
  type WorldName,
  type WorldOutcome,
} from "../../../core/evaluate/world.ts";
import { parseDescribeGraph } from "../../../core/graph/describe-graph.ts";
import { graphFromRecords } from "../../../core/graph/records.ts";
import { attackLines, labelLines, meanLines, worldLines } from "../evaluation-text.ts";
import { readText } from "../read-text.ts";
import type { Output } from "../terminal.ts";

/** What a reliability plot compares. */
const PLOTTED = [`LND a-priori${RECALIBRATED}`, OURS.prior, OURS.drawn, OURS.chosen];

const EVERY_WORLD = WORLD_NAMES.map((world) => ({ world, seed: undefined }));

type Options = {
  graph: string;
  seed: number;
  worlds: { world: WorldName; seed: number | undefined }[];
  pairs: number;
  reports: number;
  probes: number;
  probing: ProbeKind[];
  labels?: string;
  labelDays: number;
  sybil: boolean;
  plots?: string;
};

export function evaluateCommand(output: Output): Command {
  return new Command("evaluate")
    .description("measure predictions on a graph with hidden balances, against LND and others (docs/evaluation.md)")
    .requiredOption("--graph <file>", "a describegraph file, .json or .json.gz")
    .option("--seed <n>", "draws another truth, other probes and other payments", whole(0), 1)
    .option("--worlds <names>", `of ${WORLD_NAMES.join(", ")}; ldk:2 is ldk with seed 2`, worldList, EVERY_WORLD)
    .option("--pairs <n>", "payments to be judged at each of four amounts", whole(1), 400)
    .option("--reports <n>", "other callers' payments, used to recalibrate only", whole(4), 600)
    .option("--probes <n>", "probes of each kind before the payments; 0 sends none", whole(0), 3000)
    .option("--probing <kinds>", `of ${PROBE_KINDS.join(", ")}`, listOf(PROBE_KINDS), [...PROBE_KINDS])
    .option("--labels <csv>", "what became of the graph's nodes, .csv or .csv.gz")
    .option("--label-days <n>", "days from the graph to what became of its nodes", whole(1), 499)
    .option("--no-sybil", "leave out what an attacker's own nodes buy")
    .option("--plots <dir>", "write reliability diagrams there, one SVG file per world")
    .action((options: Options) => {
      const { nodes, channels } = parseDescribeGraph(readText(options.graph));
      const { graph } = graphFromRecords(nodes, channels);
      const plan = { ...options, kinds: options.probes > 0 ? options.probing : [] };
      const worlds = options.worlds.map(({ world, seed = options.seed }, i) => {
        const place = `world ${i + 1} of ${options.worlds.length}, ${world}`;
        const run = { ...plan, seed };
        const outcome = evaluateWorld(graph, world, run, (step) => output.progress(`${place}: ${step}`));
        if (options.plots !== undefined) writePlot(options.plots, outcome, seed === options.seed ? "" : `-${seed}`);
        return reportWorld(outcome);
      });
      if (options.labels !== undefined) output.progress("labels");
      const labels =
        options.labels === undefined
          ? undefined
          : judgeLabels(graph, parseLabels(readText(options.labels)), options.labelDays);
      const attacks = options.sybil
        ? attackRanks(channels, (attack) => output.progress(`attack: ${attack}`))
        : undefined;
      output.progress("");
      const [means, comparisons] = [averageWorlds(worlds), averageComparisons(worlds)];
      const { seed, pairs, reports, probes } = options;
      output.result({ seed, pairs, reports, probes, worlds, means, comparisons, labels, attacks }, [
        ...worlds.flatMap(worldLines),
        ...meanLines(means, comparisons),
        ...(labels ? labelLines(labels) : []),
        ...(attacks ? attackLines(attacks) : []),
      ]);
    });
}

function writePlot(directory: string, { world, predictions, happened }: WorldOutcome, suffix: string): void {
  const curves = predictions
    .filter(({ name }) => PLOTTED.includes(name))
    .map(({ name, probability }) => ({ name, probability, happened }));
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `reliability-${world}${suffix}.svg`);
  writeFileSync(file, plotReliability(`Reliability in world ${world}`, curves));
}

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,7}$/.test(text) || value < least) throw new InvalidArgumentError(`a whole number from ${least} on`);
    return value;
  };
}

/** Names, each perhaps with a seed of its own. */
function worldList(text: string): Options["worlds"] {
  const words = [...new Set(text.split(","))].map((word) => word.split(":"));
  const names = listOf(WORLD_NAMES)(words.map(([name]) => name).join(","));
  return words.map(([name, seed, ...rest]) => {
    if (rest.length > 0) throw new InvalidArgumentError("a name, or a name and a seed");
    return { world: names.find((each) => each === name)!, seed: seed === undefined ? undefined : whole(0)(seed) };
  });
}

function listOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const names = text.split(",") as Name[];
    if (!names.every((name) => known.includes(name))) throw new InvalidArgumentError(`of ${known.join(", ")}`);
    return [...new Set(names)];
  };
}
