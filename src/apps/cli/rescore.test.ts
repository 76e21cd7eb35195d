/** A reader with the oracle's graph comes to its rank; with another one it is told what it comes to, and nothing is held against the event. */
import { expect, test } from "vitest";
import { parseDescribeGraph } from "../../core/graph/describe-graph.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { nodeAssertion } from "../../core/nip85/assertion.ts";
import { unixSeconds } from "../../core/units.ts";
import { describeGraphMessage } from "../../testing/describe-graph.ts";
import { signAs } from "../../testing/some-dossier.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { rateGraph } from "../rate-graph.ts";
import { checkRescore } from "./rescore.ts";

const at = unixSeconds(1_770_000_000);
const textOf = (channels: number) => {
  const { nodes, channels: records } = syntheticGraph({ nodes: 60, channels });
  return JSON.stringify(describeGraphMessage(nodes, records));
};
const text = textOf(300);
const { nodes, channels } = parseDescribeGraph(text);
const rated = rateGraph(graphFromRecords(nodes, channels).graph, at).nodes.filter(({ score }) => score);
const { keyHex, score } = rated[3]!;
const context = { origin: "https://oracle.example", network: "mainnet", createdAt: at } as const;
const event = signAs(
  "node",
  nodeAssertion(
    { nodeKey: keyHex, ...score!, asOf: at },
    { ...context, pubkey: "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa" },
  ),
);

test("from the same graph it is the same rank, interval and counts", () => {
  const { findings, believed } = checkRescore(event, text, []);
  expect(findings).toMatchObject([{ name: "recomputed", holds: true }]);
  expect(findings[0]!.detail).toMatch(/^rank \d+, rank_low \d+, rank_high \d+, reach_pct \d+, obs_cnt \d+;/);
  expect(believed.join()).toContain("your graph");
});

test("from another graph the difference is told, and open", () => {
  const { findings } = checkRescore(event, textOf(90), []);
  expect(findings[0]!.holds).toBeUndefined();
});
