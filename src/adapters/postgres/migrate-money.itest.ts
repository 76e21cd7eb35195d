/** Balances survive every change of the ledger's form: an account of the first schema is as rich after the last migration. */
import { randomBytes, randomUUID } from "node:crypto";
import { expect, inject, test } from "vitest";
import { unixSeconds } from "../../core/units.ts";
import { chargeTable } from "./charge.ts";
import { openDatabase } from "./connect.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { checkBooks } from "./reconciliation.ts";
import { tokenTable } from "./token.ts";

test("accounts, deposits and charges of the first schema become those of the last, to the msat", async () => {
  const url = new URL(inject("postgresUrl"));
  const admin = openDatabase({ url: url.href, maxConnections: 1, onError: () => undefined });
  const name = `old_${randomBytes(6).toString("hex")}`;
  await admin.query(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  const pool = openDatabase({ url: url.href, maxConnections: 5, onError: () => undefined });
  try {
    await migrate(pool, readMigrations().slice(0, 3));
    const [rich, poor] = [randomBytes(32), randomBytes(32)];
    // 10,000 came in; 1,000 is earned, 2,000 is held by a call of a process that is gone, 3,000 was given back.
    await oldDeposit(rich, 10_000n);
    await oldCharge(rich, 1_000n, "settled");
    await oldCharge(rich, 2_000n, "reserved");
    await oldCharge(rich, 3_000n, "refunded");
    await oldDeposit(poor, 500n);
    await pool.query("UPDATE token SET revoked_at = 7 WHERE token_id = $1", [poor]);

    await migrate(pool);
    const tokens = tokenTable(pool);
    expect(await tokens.account(rich)).toMatchObject({ balance: 9_000n, held: 0n, deposited: 10_000n, spent: 1_000n });
    expect(await tokens.account(poor)).toMatchObject({ balance: 500n, revokedAt: 7 });
    const statement = await tokens.statement(rich, { before: undefined, limit: 10 });
    expect(statement.map(({ amount, refundedAt }) => [amount, refundedAt !== undefined])).toEqual(
      expect.arrayContaining([
        [10_000n, false],
        [1_000n, false],
        [2_000n, true],
        [3_000n, true],
      ]),
    );
    const charges = chargeTable(pool);
    const at = unixSeconds(2_000_000_000);
    const held = await charges.reserve({ tokenId: rich, operation: "x", amount: 9_000n as never, at, budgets: [] });
    expect(held).toMatchObject({ held: true, left: 0n });
    await charges.end(at);
    expect(await checkBooks(pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  } finally {
    await pool.end();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }

  async function oldDeposit(tokenId: Uint8Array, amount: bigint): Promise<void> {
    const hash = randomBytes(32);
    await pool.query("INSERT INTO token (token_id, balance_msat, opened_at) VALUES ($1, $2, 1)", [tokenId, amount]);
    await pool.query("INSERT INTO deposit VALUES ($1, $2, $3, 1, 2)", [hash, tokenId, amount]);
    await pool.query(
      `INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, payment_hash, made_at)
       VALUES ('deposit', 'lightning', 'token', $1, $2, $3, 2)`,
      [amount, tokenId, hash],
    );
  }

  async function oldCharge(tokenId: Uint8Array, amount: bigint, state: string): Promise<void> {
    const id = randomUUID();
    const closedAt = state === "reserved" ? null : 4;
    await pool.query("INSERT INTO charge VALUES ($1, $2, 'resolveIntent', $3, $4, 3, $5)", [
      id,
      tokenId,
      amount,
      state,
      closedAt,
    ]);
    const lines = { reserved: [], settled: [["settle", "held", "revenue"]], refunded: [["refund", "held", "token"]] }[
      state
    ]!;
    for (const [kind, debit, credit] of [["reserve", "token", "held"], ...lines]) {
      await pool.query(
        `INSERT INTO transfer (kind, debit_account, credit_account, amount_msat, token_id, charge_id, made_at) VALUES ($1, $2, $3, $4, $5, $6, 3)`,
        [kind, debit, credit, amount, tokenId, id],
      );
    }
    if (state !== "refunded")
      await pool.query("UPDATE token SET balance_msat = balance_msat - $2 WHERE token_id = $1", [tokenId, amount]);
  }
});
