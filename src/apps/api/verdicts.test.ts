import { expect, test } from "vitest";
import type { StoredVersion } from "../../adapters/postgres/graph-version.ts";
import { unixSeconds } from "../../core/units.ts";
import { followOn } from "./verdicts.ts";

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
