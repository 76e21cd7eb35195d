/** Ranking over ten thousand endpoints: what the indexes give is what looking at all of them gives. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { endpointChoiceTable } from "../../adapters/postgres/endpoint-choice.ts";
import { expectedCost, hopedCost, paymentLowOf } from "../../core/choice/cost.ts";
import type { Wanted } from "../../core/choice/question.ts";
import type { Approached, ApproachRequest } from "../../core/intent/approach.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { type SyntheticBelief, storeSyntheticBeliefs } from "../../testing/synthetic-beliefs.ts";
import { seededRandom } from "../../testing/synthetic-graph.ts";
import { type ChoosePorts, chooseEndpoints as choose, sizesOf } from "./choose-endpoints.ts";

const COUNT = 10_000;
const PAYEES = Array.from({ length: 300 }, (_, i) => `02${i.toString(16).padStart(64, "0")}`);
let database: TestDatabase;
let all: SyntheticBelief[];
let ports: ChoosePorts;
let table: ReturnType<typeof endpointChoiceTable>;
let reads = 0;
beforeAll(async () => {
  database = await openTestDatabase(4);
  all = await storeSyntheticBeliefs(database.pool, { count: COUNT, seed: 3, payees: PAYEES });
  await database.pool.query("ANALYZE endpoint_belief");
  table = endpointChoiceTable(database.pool, database.pool);
  const page: ChoosePorts["page"] = async (...asked) => {
    const rows = await table.page(...asked);
    reads += rows.length;
    return rows;
  };
  ports = { ...table, page, approach, random: () => 0 };
});
afterAll(() => database.close());

/** Another caller reaches other payees: some surely, some hardly, some at a price. */
const approachOf = (caller: string, payee: string): Approached | null => {
  const random = seededRandom(Number.parseInt(payee.slice(-4), 16) * 31 + caller.charCodeAt(3));
  const probability = random() ** 2;
  if (random() < 0.1) return null;
  return {
    probability,
    interval: { low: probability * 0.8, high: Math.min(1, probability + 0.1) },
    feeMsat: random() * 5_000,
  };
};
const approach = async ({ caller, payees }: ApproachRequest) => payees.map(({ payee }) => approachOf(caller, payee));

type Asked = { wanted: Wanted; caller: string | undefined; limit: number; explore: boolean };
/** As an answer does it: a first look, and then as many pages as it takes. */
async function chooseEndpoints(from: ChoosePorts, { explore, ...asked }: Asked) {
  const look = await table.look(asked.wanted, sizesOf({ ...asked, explore }));
  reads += look.page.length;
  return choose(from, { ...asked, look });
}

const nothing: Wanted = {
  category: undefined,
  keywords: [],
  mostMsat: undefined,
  mostLatencyMs: undefined,
  includeUnknown: false,
};

/** The same by looking at every one of them. */
function bruteForce(wanted: Wanted, caller: string | undefined, limit: number): bigint[] {
  const { category, keywords, mostMsat, mostLatencyMs, includeUnknown } = wanted;
  const fits = all.filter(
    (each) =>
      each.verdict !== "avoid" &&
      (category === undefined || each.category === category) &&
      keywords.every((word) => each.words.includes(word) || each.category.split("-").includes(word)) &&
      each.priceMsat !== undefined &&
      (mostMsat === undefined || BigInt(each.priceMsat) <= mostMsat) &&
      (mostLatencyMs === undefined ||
        (each.latencyMs === undefined ? includeUnknown : each.latencyMs <= mostLatencyMs)),
  );
  const priced = fits.map((each) => {
    const found = caller && each.payee ? approachOf(caller, each.payee) : null;
    const paymentLow = found ? paymentLowOf(found, each.paymentSeen) : each.paymentLow;
    return { each, cost: expectedCost(each, { paymentLow, feeMsat: found?.feeMsat ?? 0 })! };
  });
  priced.sort((a, b) => a.cost - b.cost || (a.each.id < b.each.id ? -1 : 1));
  const counts = new Map<string, number>();
  const chosen: bigint[] = [];
  for (const { each } of priced) {
    const groups = [`o${each.operatorGroup}`, `h${each.host}`, ...(each.payee ? [`p${each.payee}`] : [])];
    if (chosen.length === limit || groups.some((group) => counts.get(group) === 2)) continue;
    for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
    chosen.push(each.id);
  }
  return chosen;
}

const questions: { name: string; wanted: Partial<Wanted>; caller?: string; limit?: number }[] = [
  { name: "the largest category", wanted: { category: "category-0" } },
  { name: "a small category", wanted: { category: "category-19" }, limit: 20 },
  { name: "a category for a caller", wanted: { category: "category-0" }, caller: "02aa" },
  {
    name: "all that a keyword names, for another caller",
    wanted: { keywords: ["weather"] },
    caller: "02bb",
    limit: 20,
  },
  { name: "two words", wanted: { keywords: ["weather", "word3"] } },
  { name: "a category with a word", wanted: { category: "category-2", keywords: ["price"] }, caller: "02cc" },
  { name: "a budget", wanted: { category: "category-1", mostMsat: 3_000n }, caller: "02dd" },
  { name: "a bound on latency", wanted: { category: "category-1", mostLatencyMs: 60 }, limit: 10 },
  {
    name: "a bound on latency that unknown ones pass",
    wanted: { category: "category-1", mostLatencyMs: 60, includeUnknown: true },
    limit: 20,
  },
  {
    name: "everything at once",
    wanted: { category: "category-0", keywords: ["image"], mostMsat: 200_000n, mostLatencyMs: 900 },
    caller: "02ee",
  },
  { name: "whatever there is", wanted: { keywords: ["category"] }, limit: 20 },
];
test.each(questions)("$name: equal to brute force over all endpoints", async ({ wanted, caller, limit = 5 }) => {
  const asked = { ...nothing, ...wanted };
  const { chosen } = await chooseEndpoints(ports, { wanted: asked, caller, limit, explore: false });
  const priced = chosen.filter(({ costMsat }) => costMsat !== undefined);
  expect(priced.map(({ row }) => row.id)).toEqual(bruteForce(asked, caller, limit));
  expect(priced.length).toBeGreaterThan(0);
});

test("a question without a caller reads some dozens of ten thousand", async () => {
  reads = 0;
  await chooseEndpoints(ports, {
    wanted: { ...nothing, category: "category-0" },
    caller: undefined,
    limit: 5,
    explore: true,
  });
  expect(reads).toBeLessThan(200);
});

test("a caller that reaches nobody still gets the cheapest, after reading all", async () => {
  const cut: ChoosePorts = {
    ...ports,
    approach: async ({ payees }) => payees.map(() => ({ probability: 0, interval: { low: 0, high: 0 }, feeMsat: 0 })),
  };
  const { chosen } = await chooseEndpoints(cut, {
    wanted: { ...nothing, category: "category-3" },
    caller: "02ff",
    limit: 5,
    explore: false,
  });
  expect(chosen).toHaveLength(5);
});

test("no answer has three of an operator, a host or a payee; who was passed over is counted", async () => {
  const { chosen, repeats } = await chooseEndpoints(ports, {
    wanted: { ...nothing, keywords: ["category"] },
    caller: undefined,
    limit: 20,
    explore: false,
  });
  for (const of of [(row: { host: string }) => row.host, (row: { payee?: string | undefined }) => row.payee]) {
    const counts = new Map<string, number>();
    for (const { row } of chosen) {
      const group = of(row as never);
      if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(2);
  }
  expect(repeats).toBeGreaterThan(0);
});

test("one place is for an endpoint of which little is known and which might be the best; others come by chance, and nobody has to look", async () => {
  const wanted = { ...nothing, category: "category-0" };
  const at = (random: number) =>
    chooseEndpoints({ ...ports, random: () => random }, { wanted, caller: undefined, limit: 5, explore: true });
  const [first, last] = [await at(0), await at(0.999)];
  expect([first.chosen[0]!.explore, first.chosen[4]!.explore]).toEqual([false, true]);
  const best = first.chosen[0]!.costMsat!;
  for (const { row, explore } of first.chosen.slice(1)) expect(explore).toBe(hopedCost(row)! < best);
  expect(first.chosen[4]!.row.id).not.toBe(last.chosen[4]!.row.id);
  const without = await chooseEndpoints(ports, { wanted, caller: undefined, limit: 5, explore: false });
  expect(without.chosen.slice(0, 4)).toEqual(first.chosen.slice(0, 4));
});

test("what nobody knows the price of comes last, and only when it is wanted", async () => {
  // Next to nothing is so cheap.
  const wanted = { ...nothing, category: "category-0", mostMsat: 1_050n };
  const ask = (includeUnknown: boolean) =>
    chooseEndpoints(ports, { wanted: { ...wanted, includeUnknown }, caller: undefined, limit: 20, explore: false });
  const [with_, without] = [await ask(true), await ask(false)];
  expect(without.chosen.every(({ costMsat }) => costMsat !== undefined)).toBe(true);
  const prices = with_.chosen.map(({ costMsat }) => costMsat === undefined);
  expect(prices).toContain(true);
  expect(prices).toEqual([...prices].sort());
});

test("counts say how many there are and why some are not offered", async () => {
  const wanted = { ...nothing, category: "category-19", mostMsat: 50_000n, mostLatencyMs: 300 };
  const inside = all.filter(({ category }) => category === "category-19");
  const { matched, isMore, dropped } = (await table.look(wanted, { rows: 1, hopeful: 0 })).counts;
  expect([matched, isMore]).toEqual([inside.length, false]);
  const rest = inside.filter(({ verdict }) => verdict !== "avoid");
  expect(dropped.avoid).toBe(inside.length - rest.length);
  expect(dropped.priceUnknown).toBe(rest.filter(({ priceMsat }) => priceMsat === undefined).length);
  expect(dropped.overBudget).toBe(rest.filter(({ priceMsat }) => (priceMsat ?? 0) > 50_000).length);
  const affordable = rest.filter(({ priceMsat }) => priceMsat !== undefined && priceMsat <= 50_000);
  expect(dropped.latencyUnknown).toBe(affordable.filter(({ latencyMs }) => latencyMs === undefined).length);
  expect(dropped.tooSlow).toBe(affordable.filter(({ latencyMs }) => (latencyMs ?? 0) > 300).length);
  expect((await table.look(nothing, { rows: 1, hopeful: 0 })).counts).toMatchObject({ matched: 300, isMore: true });
});

test("the answer to a category goes by the index of its order", async () => {
  const text = `EXPLAIN SELECT * FROM endpoint_belief WHERE listed AND verdict <> 'avoid' AND floor_cost IS NOT NULL AND category = 'category-0'
    ORDER BY floor_cost, endpoint_id LIMIT 24`;
  const plan = (await database.pool.query(text)).rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("Index Scan using endpoint_belief_rank");
  expect(plan).not.toContain("Sort");
});
