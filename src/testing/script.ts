/** Scripts for the follower, made up by fast-check. */
import fc from "fast-check";
import type { Scene } from "./followed.ts";

const small = fc.nat({ max: 40 });
const open = fc.record({
  kind: fc.constant("open" as const),
  ends: fc.record({ node: small, other: small }),
  announced: fc.boolean(),
  policies: fc.nat({ max: 2 }),
});
const policy = fc.record({
  kind: fc.constant("policy" as const),
  pick: small,
  first: fc.boolean(),
  feePpm: fc.nat({ max: 5 }),
  enabled: fc.boolean(),
});
const scene: fc.Arbitrary<Scene> = fc.oneof(
  { weight: 5, arbitrary: open },
  { weight: 8, arbitrary: policy },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("close" as const), pick: small, silent: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("announce" as const), pick: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename" as const), node: small, alias: small }) },
  { weight: 1, arbitrary: fc.constant({ kind: "prune-nodes" as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom("swap" as const, "double" as const, "deliver" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), sec: fc.constantFrom(1, 20, 400) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "break" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("database-away" as const), committed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

/** Up to some hundred scenes. */
export const anyScript: fc.Arbitrary<Scene[]> = fc.array(scene, { minLength: 5, maxLength: 120 });
