import fc from "fast-check";
import { expect, test } from "vitest";
import type { LndClient } from "../adapters/lnd/connect.ts";
import { OracleError } from "../core/errors.ts";
import { groupNodes } from "./lnd-group.ts";

/** What a node does when it is asked. */
type Behaviour = "answers" | "knows-nothing" | "away" | "refuses";

function openGroup(behaviours: Behaviour[], ranks: number[] = []) {
  const asked: number[] = [];
  const members = behaviours.map((_, index) => ({
    client: () => ({ host: String(index) }) as LndClient,
    rank: () => ranks[index] ?? 0,
  }));
  const call = async (client: LndClient): Promise<string | undefined> => {
    const index = Number(client.host);
    asked.push(index);
    if (behaviours[index] === "away") throw new OracleError("LND_UNAVAILABLE", `${index} is away`);
    if (behaviours[index] === "refuses") throw new OracleError("LND_REFUSED", `${index} refuses`);
    return behaviours[index] === "answers" ? `by ${index}` : undefined;
  };
  return { group: groupNodes("a test", members), call, asked };
}

const behaviours = fc.array(fc.constantFrom<Behaviour>("answers", "knows-nothing", "away", "refuses"), {
  minLength: 1,
  maxLength: 5,
});

test("an invoice is unknown only when every node has said so, and found wherever it is", () =>
  fc.assert(
    fc.asyncProperty(behaviours, async (nodes) => {
      const { group, call } = openGroup(nodes);
      const found = await group.search(call).catch((error: OracleError) => error.code);
      if (nodes.includes("answers")) expect(found).toMatch(/^by/);
      else if (nodes.includes("away")) expect(found).toBe("LND_UNAVAILABLE");
      else if (nodes.includes("refuses")) expect(found).toBe("LND_REFUSED");
      else expect(found).toBeUndefined();
    }),
  ));

test("the first node that gives an answer is the last one asked", () =>
  fc.assert(
    fc.asyncProperty(behaviours, async (nodes) => {
      const { group, call, asked } = openGroup(nodes);
      const answering = nodes.findIndex((each) => each === "answers" || each === "knows-nothing");
      const answer = await group.first(call).catch((error: OracleError) => error.code);
      expect(asked).toEqual(nodes.map((_, index) => index).slice(0, answering < 0 ? nodes.length : answering + 1));
      if (answering < 0) expect(answer).toBe(nodes.includes("away") ? "LND_UNAVAILABLE" : "LND_REFUSED");
    }),
  ));

test("nodes that are well come first, in the order they were set up", async () => {
  const { group, call, asked } = openGroup(["away", "away", "away", "answers"], [2, 0, 1, 0]);
  expect(await group.first(call)).toBe("by 3");
  expect(asked).toEqual([1, 3]);
  expect(await group.search(call)).toBe("by 3");
});

test("what is wrong with the call itself is not asked of another node", async () => {
  const { group, asked } = openGroup(["answers", "answers"]);
  const call = async (client: LndClient) => {
    asked.push(Number(client.host));
    throw new OracleError("AMOUNT_INVALID", "nothing");
  };
  await expect(group.first(call)).rejects.toMatchObject({ code: "AMOUNT_INVALID" });
  await expect(group.search(call)).rejects.toMatchObject({ code: "AMOUNT_INVALID" });
  expect(asked).toEqual([0, 0]);
});

test("a node without readable files is passed over, and is no proof that an invoice is unknown", async () => {
  const absent = { client: () => undefined, rank: () => 2 };
  const present = { client: () => ({ host: "0" }) as LndClient, rank: () => 0 };
  const both = groupNodes("a test", [absent, present]);
  expect(await both.first(async () => "found")).toBe("found");
  await expect(both.search(async () => undefined)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  await expect(groupNodes("a test", [absent]).first(async () => 1)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
});
