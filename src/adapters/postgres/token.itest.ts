/** What a large account costs to look at. What is in it is asked for nothing, as often as somebody likes. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import type { Database } from "./connect.ts";
import { tokenTable } from "./token.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const at = 1_790_000_000;
const CHARGES = 20_000;

/** A till of long ago, all of whose charges are one account's: five in each second, every tenth given back. */
async function openLargeAccount(): Promise<Uint8Array> {
  const tokenId = new Uint8Array(randomBytes(32));
  const instant = unixSeconds(at);
  const deposit = { tokenId, paymentHash: randomBytes(32), amount: msat(1_000_000n), settledAt: instant, at: instant };
  await tokenTable(database.pool).credit(deposit);
  await database.pool.query(
    `WITH till AS (INSERT INTO till (opened_at, beat_at, ended_at, stated_below) VALUES (0, 0, 1, ${CHARGES + 1}) RETURNING till_id)
     INSERT INTO charge (charge_id, account_id, operation, amount_msat, reserved_at)
     SELECT till_id * 1099511627776 + number, account_id, 'resolveIntent', 1, ${at} + number / 5
     FROM till, token, generate_series(1, ${CHARGES}) AS number WHERE token_id = $1`,
    [tokenId],
  );
  await database.pool.query("INSERT INTO refund SELECT charge_id, 1 FROM charge WHERE charge_id % 10 = 0");
  await database.pool.query("ANALYZE");
  return tokenId;
}

type Plan = { "Actual Rows": number; "Actual Loops": number; Plans?: Plan[] };

/** The most rows that any step of a plan has handled. */
function mostRows(plan: Plan): number {
  return Math.max(plan["Actual Rows"] * plan["Actual Loops"], ...(plan.Plans ?? []).map(mostRows));
}

test("a page of a statement reads a page, however much an account has done, and wherever the page begins", async () => {
  const tokenId = await openLargeAccount();
  const asked: { text: string; values: unknown[] }[] = [];
  const listening = { query: async (query: (typeof asked)[number]) => ({ rows: asked.push(query) && [] }) };
  const table = tokenTable(listening as unknown as Database);
  await table.statement(tokenId, { before: undefined, limit: 100 });
  await table.statement(tokenId, { before: { at: at + CHARGES / 10, reference: `c${"9".repeat(19)}` }, limit: 100 });

  const client = await database.pool.connect();
  try {
    for (const mode of ["force_custom_plan", "force_generic_plan"]) {
      await client.query(`SET plan_cache_mode = ${mode}`);
      for (const { text, values } of asked) {
        const { rows } = await client.query({ text: `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values });
        const { Plan: plan } = rows[0]["QUERY PLAN"][0] as { Plan: Plan };
        expect(plan["Actual Rows"]).toBe(100);
        expect(mostRows(plan)).toBeLessThan(250);
      }
    }
  } finally {
    client.release(true);
  }
});
