import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { attackRanks } from "./sybil.ts";

test("own nodes behind one honest channel do not lift a rank; a second honest channel does", () => {
  const { channels } = syntheticGraph({ nodes: 300, channels: 1_200, seed: 12 });
  const steps: string[] = [];
  const [baseline, ...attacks] = attackRanks(channels, (attack) => steps.push(attack));
  expect(steps).toHaveLength(8);
  expect(baseline!.rank).toBeGreaterThan(30);
  for (const { rank } of attacks.slice(0, 4)) expect(rank).toBeLessThanOrEqual(baseline!.rank! + 1);
  expect(attacks[4]!.rank).toBeGreaterThan(baseline!.rank!);
  expect(attacks[6]!.rank).toBeLessThan(baseline!.rank!);
});
