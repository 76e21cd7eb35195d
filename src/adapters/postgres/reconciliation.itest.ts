/** The books, wrong in each way they can be. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { chargeTable } from "./charge.ts";
import { checkBooks, reconciliationTable } from "./reconciliation.ts";
import { tokenTable } from "./token.ts";

let database: TestDatabase;
let accountId: bigint;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

/** Statements behind the back of the constraints that keep the program from making such books. */
async function tamper(...statements: string[]): Promise<void> {
  const client = await database.pool.connect();
  await client.query("SET session_replication_role = replica");
  for (const statement of statements) await client.query(statement.replaceAll("$account", String(accountId)));
  await client.query("RESET session_replication_role");
  client.release();
}

const HASH = `'\\x${"11".repeat(32)}'`;
const BUDGET = `'\\x${"22".repeat(32)}'`;

/** 10,000 msat received, 8,000 claimed, calls for 3,000 of which 1,000 were given back, and a budget that spent 2,000. */
beforeEach(async () => {
  await tamper(
    "DELETE FROM account_move",
    "DELETE FROM rotation",
    "DELETE FROM kept_answer",
    "DELETE FROM budget_charge",
    "DELETE FROM budget",
    "DELETE FROM refund",
    "DELETE FROM charge",
    "DELETE FROM deposit",
    "DELETE FROM receipt",
    "DELETE FROM journal",
    "DELETE FROM token",
  );
  const { rows } = await database.pool.query(
    "INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 6000, 1) RETURNING account_id",
    [randomBytes(32)],
  );
  accountId = rows[0].account_id;
  await tamper(
    `INSERT INTO receipt (payment_hash, amount_msat, settled_at, received_at) VALUES (${HASH}, 8000, 1, 1), ('\\x${"33".repeat(32)}', 2000, 1, 1)`,
    `INSERT INTO deposit (payment_hash, account_id, amount_msat, credited_at) VALUES (${HASH}, $account, 8000, 1)`,
    "INSERT INTO charge (charge_id, account_id, operation, amount_msat, reserved_at) VALUES (1, $account, 'intent', 2000, 1), (2, $account, 'intent', 1000, 1)",
    "INSERT INTO refund (charge_id, refunded_at) VALUES (2, 1)",
    `INSERT INTO budget (budget_id, account_id, limit_msat, spent_msat) VALUES (${BUDGET}, $account, 5000, 2000)`,
    `INSERT INTO budget_charge (charge_id, budget_id) VALUES (1, ${BUDGET}), (2, ${BUDGET})`,
    `INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at) VALUES
       ('receipt', 'lightning', 'unclaimed', 10000, 2, 1), ('deposit', 'unclaimed', 'token', 8000, 1, 1),
       ('charge', 'token', 'revenue', 3000, 2, 1), ('refund', 'revenue', 'token', 1000, 1, 1)`,
  );
});

test("books that hold say where the money is", async () => {
  const stages: string[] = [];
  const books = await checkBooks(database.pool, (stage) => stages.push(stage));
  expect(books.findings).toEqual([]);
  expect(books).toMatchObject({
    lightningMsat: 10_000n,
    unclaimedMsat: 2_000n,
    tokensMsat: 6_000n,
    revenueMsat: 2_000n,
    differenceMsat: 0n,
    accounts: 1n,
    accountDifferences: [],
  });
  expect(stages).toEqual(["receipts and deposits", "charges and balances", "budgets", "payments", "journal"]);
});

test("what each node was paid is told, and it makes no difference to the books", async () => {
  const node = `02${"44".repeat(32)}`;
  await tamper(`UPDATE receipt SET node_pubkey = '\\x${node}' WHERE payment_hash = ${HASH}`);
  expect(await checkBooks(database.pool)).toMatchObject({
    differenceMsat: 0n,
    lightningMsat: 10_000n,
    received: [
      { nodePubkey: node, receivedMsat: 8_000n, receipts: 1n },
      { nodePubkey: undefined, receivedMsat: 2_000n, receipts: 1n },
    ],
  });
});

test("empty books hold", async () => {
  await tamper("DELETE FROM budget_charge", "DELETE FROM budget", "DELETE FROM refund", "DELETE FROM charge");
  await tamper("DELETE FROM deposit", "DELETE FROM receipt", "DELETE FROM journal", "DELETE FROM token");
  expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [], lightningMsat: 0n });
});

test.each([
  { name: "a balance too high", sql: "UPDATE token SET balance_msat = 6001", want: /accounts hold/, difference: 2n },
  { name: "a balance too low", sql: "UPDATE token SET balance_msat = 5999", want: /accounts hold/, difference: 2n },
  {
    name: "a charge without its posting",
    sql: "INSERT INTO charge VALUES (3, $account, 'intent', 500, 1)",
    want: /kind charge/,
    difference: 1_000n,
  },
  {
    name: "a posting without its rows",
    sql: "INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at) VALUES ('deposit', 'unclaimed', 'token', 1, 1, 1)",
    want: /kind deposit/,
    difference: 2n,
  },
  {
    name: "two rows under one posting of the same sum",
    sql: "UPDATE journal SET items = 3 WHERE kind = 'charge'",
    want: /kind charge/,
    difference: 0n,
  },
  {
    name: "a receipt that was lost",
    sql: `DELETE FROM receipt WHERE payment_hash <> ${HASH}`,
    want: /kind receipt/,
    difference: 2_000n,
  },
  { name: "a refund that was lost", sql: "DELETE FROM refund", want: /kind refund/, difference: 3_000n },
  {
    name: "a charge without account",
    sql: "UPDATE charge SET account_id = 999999 WHERE charge_id = 1",
    want: /do not exist/,
    difference: 4_000n,
  },
  {
    name: "a claim beyond what was received",
    sql: "UPDATE journal SET amount_msat = 7000 WHERE kind = 'receipt'",
    want: /never received/,
    difference: 3_000n,
  },
  { name: "a budget that spent nothing", sql: "UPDATE budget SET spent_msat = 0", want: /budgets/, difference: 2_000n },
])("$name is found", async ({ sql, want, difference }) => {
  await tamper(sql);
  const books = await checkBooks(database.pool);
  expect(books.findings.join("\n")).toMatch(want);
  expect(books.differenceMsat).toBe(difference);
});

test("a budget charged by another account is found", async () => {
  await database.pool.query("INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 0, 1)", [
    randomBytes(32),
  ]);
  await tamper("UPDATE budget SET account_id = (SELECT max(account_id) FROM token)");
  expect((await checkBooks(database.pool)).findings.join()).toMatch(/budgets/);
});

test("what was moved to another account is missed at neither", async () => {
  const { rows } = await database.pool.query(
    "INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, 6000, 1) RETURNING account_id",
    [randomBytes(32)],
  );
  await tamper(
    "UPDATE token SET balance_msat = 0 WHERE account_id = $account",
    `INSERT INTO account_move (from_account_id, to_account_id, amount_msat, moved_at) VALUES ($account, ${rows[0].account_id}, 6000, 1)`,
  );
  expect((await checkBooks(database.pool)).findings).toEqual([]);
  await tamper("UPDATE account_move SET amount_msat = 5999");
  expect((await checkBooks(database.pool)).accountDifferences).toHaveLength(2);
});

test("running traffic never looks like a difference", async () => {
  const at = unixSeconds(1_800_000_000);
  const charges = chargeTable(database.pool);
  const tokenIds = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const [tokenId, paymentHash] = [randomBytes(32), randomBytes(32)];
      await tokenTable(database.pool).credit({ tokenId, paymentHash, amount: msat(900_000n), settledAt: at, at });
      return tokenId;
    }),
  );
  let calls = 0;
  let running = true;
  const call = async (n: number) => {
    const tokenId = tokenIds[n % tokenIds.length]!;
    const budgets = n % 5 === 0 ? [{ budgetId: tokenId, limit: msat(500_000n) }] : [];
    const held = await charges.reserve({ tokenId, operation: "intent", amount: msat(1_000n), at, budgets });
    if (!held.held) return;
    await (n % 3 === 0 ? charges.refund(held.chargeId, at) : charges.settle(held.chargeId));
    calls += 1;
  };
  const traffic = Array.from({ length: 24 }, async (_, lane) => {
    for (let n = lane; running; n += 24) {
      await call(n);
      if (n % 50 === 0) {
        const deposit = {
          tokenId: tokenIds[0]!,
          paymentHash: randomBytes(32),
          amount: msat(3_000n),
          settledAt: at,
          at,
        };
        await tokenTable(database.pool).credit(deposit);
      }
    }
  });
  for (let check = 0; check < 40; check++) expect((await checkBooks(database.pool)).findings).toEqual([]);
  running = false;
  await Promise.all(traffic);
  await charges.end(at);
  expect(calls).toBeGreaterThan(100);
  expect((await checkBooks(database.pool)).findings).toEqual([]);
});

test("wrong accounts are counted, and the first twenty named", async () => {
  await database.pool.query(
    "INSERT INTO token (token_id, balance_msat, opened_at) SELECT sha256(n::text::bytea), 7, 1 FROM generate_series(1, 30) n",
  );
  const books = await checkBooks(database.pool);
  expect(books.findings.join("\n")).toContain("30 accounts hold another amount");
  expect(books.accountDifferences).toHaveLength(20);
  expect(books.accountDifferences[0]).toEqual({ accountId: accountId + 1n, balanceMsat: 7n, expectedMsat: 0n });
  expect(books.differenceMsat).toBe(30n * 7n * 2n);
});

test("reports are kept, amounts as text", async () => {
  const table = reconciliationTable(database.pool);
  await table.append({ at: unixSeconds(5), ok: true, facts: { differenceMsat: 0n } });
  await table.append({ at: unixSeconds(6), ok: false, facts: { differenceMsat: 2n ** 60n, findings: ["x"] } });
  expect(await table.latest()).toEqual({
    at: 6,
    ok: false,
    facts: { differenceMsat: "1152921504606846976", findings: ["x"] },
  });
});
