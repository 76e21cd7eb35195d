import { expect, test, vi } from "vitest";
import type { StoredVersion } from "../../adapters/postgres/graph-version.ts";
import { CHAIN_START } from "../../core/evidence/chain.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { recordSurvival } from "../../core/profile/survival.ts";
import { unixSeconds } from "../../core/units.ts";
import { syntheticGraph } from "../../testing/synthetic-graph.ts";
import { rateGraph } from "../rate-graph.ts";
import { followOn, watchVerdicts } from "./verdicts.ts";

const at = (snapshotId: bigint, number: number) => ({ snapshotId, number, digest: new Uint8Array(32) });
const delta = (snapshotId: bigint, number: number): StoredVersion => ({
  position: at(snapshotId, number),
  at: unixSeconds(0),
  delta: new Uint8Array(1),
  base: undefined,
});
const snapshot = (snapshotId: bigint, base?: StoredVersion["base"]): StoredVersion => ({
  position: at(snapshotId, 0),
  at: unixSeconds(0),
  delta: undefined,
  base,
});

test.each<[string, StoredVersion[], boolean]>([
  ["nothing new", [], true],
  ["the next changes", [delta(4n, 3), delta(4n, 4)], true],
  ["the same graph written out whole", [delta(4n, 3), snapshot(5n, at(4n, 3)), delta(5n, 1)], true],
  ["a change that is missing", [delta(4n, 4)], false],
  ["a change that is missing further on", [delta(4n, 3), delta(4n, 5)], false],
  ["another graph", [snapshot(5n)], false],
  ["a snapshot of a version that is not held", [snapshot(5n, at(4n, 3))], false],
  ["changes after a snapshot that was removed", [delta(7n, 1)], false],
])("held is 4.2 and there comes %s", (_, steps, follows) => {
  expect(followOn(at(4n, 2), steps)).toBe(follows);
});

test("sixteen profiles may be in the making; the next is refused at once, and there is room again when they are done", async () => {
  const takenAt = unixSeconds(1_770_000_000);
  const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 150, seed: 3 });
  const { body, digest } = rateGraph(graphFromRecords(nodes, channels).graph, takenAt);
  const stop = new AbortController();
  const ports = {
    newest: async () => ({ position: { snapshotId: 1n, number: 0, digest }, at: takenAt, body, deltas: [] }),
    after: async () => [],
    evidence: { placeBefore: async () => CHAIN_START, networkPage: async () => [] },
    now: () => takenAt,
    events: { failed: vi.fn(), graphLoaded: vi.fn(), graphFollowed: vi.fn() },
  };
  const verdicts = watchVerdicts(ports, stop.signal);
  expect(() => verdicts.assertProfiling()).toThrow(expect.objectContaining({ code: "GRAPH_NOT_READY" }));
  await vi.waitFor(() => expect(verdicts.ready()).toBe(true), { timeout: 30_000 });

  const history = { watchedSince: undefined, days: [] };
  const request = { nodeKey: nodes[0]!.key, now: takenAt, history, record: recordSurvival([]) };
  const made = Array.from({ length: 16 }, () => verdicts.profile(request));
  expect(() => verdicts.assertProfiling()).toThrow(expect.objectContaining({ code: "OVERLOADED" }));
  await expect(verdicts.profile(request)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect((await Promise.all(made)).map(({ profile }) => profile.nodeKey)).toEqual(made.map(() => request.nodeKey));
  expect(() => verdicts.assertProfiling()).not.toThrow();
  stop.abort();
  await verdicts.close();
});
