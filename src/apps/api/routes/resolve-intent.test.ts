/** A call that could not be answered now is refused before anything is charged for it. */

import { expect, test } from "vitest";
import { OracleError } from "../../../core/errors.ts";
import { graphFromRecords } from "../../../core/graph/records.ts";
import { sampleWorlds } from "../../../core/graph/worlds.ts";
import { createIntentWorld, resolveIntent as resolve } from "../../../core/intent/resolve-intent.ts";
import type { Prediction } from "../../../core/prediction/prediction.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import type { PreparedIntent } from "../../../oracle/intent/answer-intent.ts";
import { syntheticGraph } from "../../../testing/synthetic-graph.ts";
import { Caller } from "../caller.ts";
import type { Admitted } from "../l402-gate.ts";
import { type IntentPorts, resolveIntent, resolveIntentContract } from "./resolve-intent.ts";

const question = { target: `02${"ab".repeat(32)}`, caller: `03${"cd".repeat(32)}` };
const caller = new Caller();
/** A question about a payment asks nothing of the catalogue. */
const NO_SERVICES = {} as IntentPorts["services"];

test("preparing looks both nodes up while decisions are taken", async () => {
  const { operation, lookups } = intent(() => undefined);
  expect(await operation.prepare(question, caller)).toMatchObject({ amount: 100_000_000n });
  expect(lookups()).toBe(2);
});

test("preparing refuses before a lookup when too many decisions wait", async () => {
  const { operation, lookups } = intent(() => "OVERLOADED");
  await expect(operation.prepare(question, caller)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect(lookups()).toBe(0);
});

test("preparing refuses when the queue filled up during the lookup", async () => {
  const { operation, lookups } = intent((found) => (found > 0 ? "OVERLOADED" : undefined));
  await expect(operation.prepare(question, caller)).rejects.toMatchObject({ code: "OVERLOADED" });
  expect(lookups()).toBe(2);
});

const peer = `02${"ef".repeat(32)}`;
const channel = { peer, spendableMsat: "70000000" };
test.each<[string, object, string | undefined]>([
  ["a caller", {}, undefined],
  ["a caller's channels and no caller", { caller: undefined, callerChannels: [channel] }, undefined],
  [
    "an empty channel, and its peer in capitals",
    { callerChannels: [{ peer: `02${"EF".repeat(32)}`, spendableMsat: 0 }] },
    undefined,
  ],
  ["all limits", { maxFeeMsat: "0", maxCltvDelta: 0, maxHops: 1 }, undefined],
  ["neither caller nor channels", { caller: undefined }, "caller"],
  ["no channels at all", { callerChannels: [] }, "callerChannels"],
  ["too many channels", { callerChannels: Array.from({ length: 301 }, () => channel) }, "callerChannels"],
  ["a peer by name", { callerChannels: [{ ...channel, peer: "alias@x" }] }, "callerChannels.0.peer"],
  ["a negative balance", { callerChannels: [{ ...channel, spendableMsat: -1 }] }, "callerChannels.0.spendableMsat"],
  [
    "a balance of no channel",
    { callerChannels: [{ ...channel, spendableMsat: "1000000000000001" }] },
    "callerChannels.0.spendableMsat",
  ],
  ["a fee limit of words", { maxFeeMsat: "5 %" }, "maxFeeMsat"],
  ["a fee limit above any payment", { maxFeeMsat: "1000000000001" }, "maxFeeMsat"],
  ["no hop", { maxHops: 0 }, "maxHops"],
  ["more hops than an onion holds", { maxHops: 21 }, "maxHops"],
  ["seventeen parts", { maxParts: 17 }, "maxParts"],
  ["a lock nobody accepts", { maxCltvDelta: 2017 }, "maxCltvDelta"],
  ["a target of no form", { target: 7 }, "target"],
])("%s: accepted, or refused by the field's name", (_, over, want) => {
  const asked = { ...question, ...over };
  const read = resolveIntentContract.formOf(asked).safeParse(asked);
  expect(read.error?.issues[0]?.path.join(".")).toBe(want);
});

test.each<[string, object, string | undefined]>([
  ["a category", { category: "data" }, undefined],
  ["a category in capitals, with spaces about it", { category: " Data " }, undefined],
  ["keywords alone, in any script", { keywords: ["погода", "7"] }, undefined],
  [
    "everything",
    {
      category: "ai/llm",
      keywords: ["chat"],
      budgetSat: 50,
      maxLatencyMs: 900,
      limit: 20,
      explore: false,
      includeUnknown: true,
      caller: "alias@x",
    },
    undefined,
  ],
  ["a category of another form", { category: "7days" }, "category"],
  ["eleven keywords", { keywords: Array.from({ length: 11 }, () => "x") }, "keywords"],
  ["a keyword of signs", { keywords: ["!?"] }, "keywords.0"],
  ["a keyword that is too long", { keywords: ["x".repeat(51)] }, "keywords.0"],
  ["no budget at all", { category: "data", budgetSat: 0 }, "budgetSat"],
  ["more than anybody pays for a call", { category: "data", budgetSat: 1_000_001 }, "budgetSat"],
  ["a latency of nothing", { category: "data", maxLatencyMs: 0 }, "maxLatencyMs"],
  ["twenty-one", { category: "data", limit: 21 }, "limit"],
  ["a yes in words", { category: "data", explore: "yes" }, "explore"],
  ["a field that does not exist", { category: "data", fresh: true }, ""],
  ["an empty list and no category", { keywords: [] }, "target"],
  ["nothing", {}, "target"],
])("a service by %s: accepted, or refused by the field's name", (_, asked, want) => {
  const read = resolveIntentContract.formOf(asked).safeParse(asked);
  expect(read.error?.issues[0]?.path.join(".")).toBe(want);
  expect(resolveIntentContract.body.safeParse(asked).success).toBe(want === undefined);
});

test("what a caller tells of its channels decides its answer, and is nowhere in the answer or in the log", async () => {
  const { nodes, channels } = syntheticGraph({ nodes: 60, channels: 240, seed: 3 });
  const world = createIntentWorld(
    sampleWorlds(graphFromRecords(nodes, channels).graph, 1),
    "ab".repeat(32),
    unixSeconds(1_770_000_000),
  );
  const recorded: Prediction[] = [];
  const ports: IntentPorts = {
    find: async (subject) => ({ keyHex: (subject as { keyHex: string }).keyHex }),
    decide: async (asked) => resolve(world, asked),
    record: (prediction) => recorded.push(prediction),
    now: () => unixSeconds(1_770_000_600),
    assertReady: () => undefined,
    services: NO_SERVICES,
  };
  const operation = resolveIntent(ports, msat(1_000n));
  const answer = async (prepared: PreparedIntent) => {
    const told = await operation.answer(prepared, {} as Admitted, caller);
    if (!("verdict" in told)) throw new Error("it was asked about a payment");
    return told;
  };
  const degree = (key: string) => channels.filter(({ node1, node2 }) => node1 === key || node2 === key).length;
  const [via, to, from] = nodes.map(({ key }) => key).sort((a, b) => degree(b) - degree(a)) as [string, string, string];
  const asked = {
    target: to,
    caller: from,
    amount: msat(20_000_000n),
    limits: {},
    maxParts: undefined,
    callerChannels: undefined,
  };

  const before = await answer(asked);
  const told = await answer({ ...asked, callerChannels: [{ peer: via, spendable: msat(76_543_219n) }] });
  const empty = await answer({ ...asked, callerChannels: [{ peer: via, spendable: msat(19_999_999n) }] });

  expect(told.probability).toBeGreaterThan(empty.probability);
  expect([told.predictionId, empty.predictionId, empty.probability]).toEqual([null, null, 0]);
  for (const each of [told, empty]) expect(JSON.stringify(each)).not.toMatch(/76543219|76,543|19999999|19,999/);
  // Whatever the engine remembers, the next caller's answer is the one it would have got before.
  expect({ ...(await answer(asked)), predictionId: before.predictionId }).toEqual(before);
  expect(recorded.map(({ predictionId }) => predictionId)).toEqual([before.predictionId, expect.any(String)]);
});

/** The operation over a graph that knows every node; `refusal` may depend on how many lookups were made. */
function intent(refusal: (lookups: number) => "OVERLOADED" | undefined) {
  let count = 0;
  const ports: IntentPorts = {
    find: async () => ({ keyHex: `key ${++count}` }),
    decide: () => Promise.reject(new Error("preparing decides nothing")),
    record: () => {
      throw new Error("preparing writes nothing");
    },
    now: () => unixSeconds(1_770_000_000),
    services: NO_SERVICES,
    assertReady() {
      const code = refusal(count);
      if (code) throw new OracleError(code, "too many calls are waiting");
    },
  };
  return { operation: resolveIntent(ports, msat(1_000n)), lookups: () => count };
}
