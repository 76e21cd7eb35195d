/**
 * The gate for changes of the model: a small network, every family, fixed seeds. A change that raises a Brier score here in
 * any family does not land; one that lowers them moves the figures. What a full run gives is in docs/evaluation.md.
 */
import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { graphFromRecords } from "../graph/records.ts";
import { averageWorlds, reportWorld, type WorldReport } from "./report.ts";
import { BLIND_LND, evaluateWorld, LND_FED, OURS, RECALIBRATED, TOLD, WORLD_NAMES, type WorldName } from "./world.ts";

/** Brier scores of the model as it is, without probes and with. */
const BRIER: Record<WorldName, { prior: number; probed: number }> = {
  ldk: { prior: 0.0979, probed: 0.0574 },
  softu: { prior: 0.1011, probed: 0.0603 },
  bimodal: { prior: 0.0907, probed: 0.071 },
  uniform: { prior: 0.0957, probed: 0.0562 },
  hubdrain: { prior: 0.1216, probed: 0.0829 },
  drift: { prior: 0.1003, probed: 0.0974 },
};
/** Half a payment of the 400: what another build's rounding may move, and no change of the model should hide in. */
const TOLERANCE = 0.001;
const MOST_ECE = 0.06;

const { nodes, channels } = syntheticGraph({ nodes: 700, channels: 2_000, seed: 4 });
const { graph } = graphFromRecords(nodes, channels);
const plan = { seed: 1, pairs: 100, reports: 400, probes: 200, kinds: ["drawn" as const] };
const reports = new Map<WorldName, WorldReport>(
  WORLD_NAMES.map((world) => [world, reportWorld(evaluateWorld(graph, world, plan, () => {}))]),
);
const scores = (world: WorldName, name: string) =>
  reports.get(world)!.predictors.find((each) => each.name === name)!.all;

test.each(WORLD_NAMES)("%s: as good as it was, calibrated, and better for the probes", (world) => {
  const [prior, probed] = [scores(world, OURS.prior), scores(world, OURS.drawn)];
  expect(Math.abs(prior.brier - BRIER[world].prior)).toBeLessThan(TOLERANCE);
  expect(Math.abs(probed.brier - BRIER[world].probed)).toBeLessThan(TOLERANCE);
  expect(prior.ece).toBeLessThan(MOST_ECE);
  expect(probed.ece).toBeLessThan(MOST_ECE);
  expect(probed.brier).toBeLessThan(prior.brier);
  expect(probed.brier).toBeLessThan(scores(world, "degree and amount").brier);
});

test("below LND with the same evidence and the same knowledge, which is recalibrated and we are not", () => {
  const means = new Map(averageWorlds([...reports.values()]).map(({ name, brier }) => [name, brier]));
  const fed = LND_FED.drawn + RECALIBRATED;
  expect(means.get(OURS.prior)!).toBeLessThan(0.9 * means.get(BLIND_LND + RECALIBRATED)!);
  expect(means.get(TOLD.drawn)!).toBeLessThan(0.65 * means.get(fed)!);
  expect(scores("hubdrain", TOLD.drawn).brier).toBeLessThan(0.7 * scores("hubdrain", fed).brier);
  // Even where LND alone knows what the caller's own channels hold.
  expect(means.get(OURS.drawn)!).toBeLessThan(0.85 * means.get(fed)!);
});

test("what decides is hidden, not the rule: who knows every balance is nearly always right", () => {
  for (const world of WORLD_NAMES) expect(scores(world, "reach in the truth").brier).toBeLessThan(0.02);
});

test("the same plan gives the same numbers", () => {
  const again = reportWorld(evaluateWorld(graph, "softu", { ...plan, pairs: 10, reports: 40, probes: 20 }, () => {}));
  expect(reportWorld(evaluateWorld(graph, "softu", { ...plan, pairs: 10, reports: 40, probes: 20 }, () => {}))).toEqual(
    again,
  );
});
