import { expect, test } from "vitest";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { graphFromRecords } from "../graph/records.ts";
import { judgeLabels, parseLabels } from "./longitudinal.ts";

test("labels are read by column name; names in quotes may hold commas", () => {
  const keys = ["a", "b"].map((digit) => `02${digit.repeat(64)}`);
  const text = `pub_key,alias,inbound_enabled_2024,inbound_enabled_2026\n${keys[0]},"x, ""y""",9,0\n${keys[1]},,0,4\n`;
  expect(parseLabels(text)).toEqual([
    { nodeKey: keys[0], receivable: 0 },
    { nodeKey: keys[1], receivable: 1 },
  ]);
});

test.each(["", "pub_key\n", "pub_key,inbound_enabled_2026\nnobody,1\n"])("%j is no table of labels", (text) => {
  expect(() => parseLabels(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

test("a label that follows the number of live channels is told best by that number", () => {
  const { nodes, channels } = syntheticGraph({ nodes: 200, channels: 700, seed: 2 });
  const { graph } = graphFromRecords(nodes, channels);
  const live = new Map<string, number>();
  for (const { node1, node2, policy1, policy2 } of channels) {
    if (!policy1?.enabled && !policy2?.enabled) continue;
    for (const each of [node1, node2]) live.set(each, (live.get(each) ?? 0) + 1);
  }
  const labels = nodes.map(({ key }) => ({
    nodeKey: key,
    receivable: (live.get(key) ?? 0) >= 4 ? (1 as const) : (0 as const),
  }));
  const { nodes: judged, rows, forecast } = judgeLabels(graph, labels, 499);
  const auc = Object.fromEntries(rows.map(({ feature, auc }) => [feature, auc]));
  expect(judged).toBe(live.size);
  expect(auc["live channels"]).toBe(1);
  expect(auc["rank"]).toBeGreaterThan(0.7);
  expect(forecast.auc).toBe(auc["forecast of the profile"]);
  expect(forecast.auc).toBeGreaterThan(0.7);
  expect(forecast).toMatchObject({ count: judged, days: 499 });
});
