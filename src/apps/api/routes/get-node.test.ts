/** A profile that could not be made now is refused before anything is charged for it. */

import { expect, test } from "vitest";
import { OracleError } from "../../../core/errors.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { Caller } from "../caller.ts";
import { getNode, type NodePorts } from "./get-node.ts";

const question = { id: `02${"ab".repeat(32)}` };
const found = { keyHex: question.id } as Awaited<ReturnType<NodePorts["find"]>>;

test.each<{ name: string; refusesAt: number; code: string | undefined; lookups: number }>([
  { name: "with room for it the node is looked up", refusesAt: 9, code: undefined, lookups: 1 },
  { name: "too many profiles before the lookup", refusesAt: 1, code: "OVERLOADED", lookups: 0 },
  { name: "too many after it", refusesAt: 2, code: "OVERLOADED", lookups: 1 },
])("$name", async ({ refusesAt, code, lookups }) => {
  let [asked, looked] = [0, 0];
  const nothing = () => Promise.reject(new Error("preparing computes nothing"));
  const ports: NodePorts = {
    find: async () => {
      looked++;
      return found;
    },
    assertProfiling() {
      if (++asked === refusesAt) throw new OracleError("OVERLOADED", "too many profiles are being made");
    },
    operatorOf: nothing,
    profile: nothing,
    historyOf: nothing,
    watchedSince: nothing,
    becameOf: nothing,
    now: () => unixSeconds(1_770_000_000),
  };
  const prepared = getNode(ports, msat(1_000n)).prepare(question, new Caller());
  if (code === undefined) expect(await prepared).toBe(found);
  else await expect(prepared).rejects.toMatchObject({ code });
  expect(looked).toBe(lookups);
});
