/** What is quoted for a deposit is what it gets, through HTTP, at every edge of every tier. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { MAX_BALANCE_SAT, MAX_DEPOSIT_SAT, TIERS } from "../../../core/l402/tier.ts";
import { msat } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { holderOn } from "../../../testing/holder.ts";
import { startTollApi, type Toll } from "../../../testing/toll-api.ts";
import { listTiersContract } from "./list-tiers.ts";

/** One operation for each tier, at a price of which its smallest deposit pays for seven calls and a bit. */
const sells = TIERS.map(({ tier, depositSat, ratePermille }) => ({
  operation: `toll${tier}`,
  method: "get" as const,
  path: `/api/toll/${tier}`,
  summary: "Nothing",
  price: msat((depositSat * 1_000_000n) / (7n * ratePermille)),
  response: z.object({}),
}));

let database: TestDatabase;
let api: Toll;
let holder: ReturnType<typeof holderOn>;
beforeAll(async () => {
  database = await openTestDatabase(10);
  api = await startTollApi(database.pool, { sells });
  holder = holderOn(api);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

test("the tiers and the policy are those of the constants, in the shape of the contract", async () => {
  const { status, data } = await holder.ask("/api/deposit/tiers");
  expect(status).toBe(200);
  expect(listTiersContract.response.parse(data)).toEqual(data);
  expect(data.tiers.map(({ tier, depositSat }: { tier: number; depositSat: number }) => [tier, depositSat])).toEqual(
    TIERS.map(({ tier, depositSat }) => [tier, Number(depositSat)]),
  );
  expect(data.policy).toMatchObject({
    minDepositSat: 21,
    maxDepositSat: Number(MAX_DEPOSIT_SAT),
    maxBalanceSat: Number(MAX_BALANCE_SAT),
    balanceExpires: false,
    withdrawable: false,
  });
});

const edges = TIERS.flatMap(({ tier, depositSat }) =>
  [-1n, 0n, 1n].map((away) => ({ tier, sats: depositSat + away })),
).filter(({ sats }) => sats >= 21n && sats <= MAX_DEPOSIT_SAT);
test.each(edges)(
  "$sats sat get the calls of toll$tier that they were quoted, and not one more",
  async ({ tier, sats }) => {
    const { data } = await holder.ask("/api/deposit/tiers");
    const bought = data.tiers.findLast(({ depositSat }: { depositSat: number }) => sats >= BigInt(depositSat));
    const quote = bought.prices.find(({ operation }: { operation: string }) => operation === `toll${tier}`);
    const quoted = (sats * 1_000n) / BigInt(quote.priceMsat);
    if (sats === BigInt(bought.depositSat)) expect(BigInt(quote.callsPerDeposit)).toBe(quoted);

    const owned = await holder.deposit(Number(sats));
    let [granted, charged] = [0n, 0n];
    for (;;) {
      const answer = await holder.ask(`/api/toll/${tier}`, owned);
      if (answer.status !== 200) {
        expect([answer.status, answer.code]).toEqual([402, "BALANCE_EXHAUSTED"]);
        break;
      }
      granted += 1n;
      charged += BigInt(answer.headers.get("x-satrank-cost-msat")!);
    }
    expect(granted).toBe(quoted);
    expect(charged).toBe(quoted * BigInt(quote.priceMsat));
    const { account } = (await holder.ask("/api/balance", owned)).data;
    expect(account).toMatchObject({
      spentMsat: String(charged),
      balanceMsat: String(sats * 1_000n - charged),
      heldMsat: "0",
    });
  },
);
