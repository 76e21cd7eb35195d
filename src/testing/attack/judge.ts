/** The database's word against the driver's: every answer has its charge, every charge its answer or an excuse. */
import type pg from "pg";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import type { Loss, Model, Seen } from "./model.ts";
import type { Wallet } from "./wallet.ts";

const PAGE = 50_000;

export type Verdict = {
  charges: number;
  refunds: number;
  /** Earned, and the whole answer arrived. */
  answered: number;
  /** Earned, and the answer never came whole; by why the caller's connection ended, as far as one account tells. */
  unanswered: Record<Loss | "several", number>;
  depositedMsat: bigint;
  paidMsat: bigint;
  earnedMsat: bigint;
  balancesMsat: bigint;
  differenceMsat: bigint;
};

type ChargeRow = {
  charge_id: bigint;
  token_id: Buffer;
  operation: string;
  amount_msat: bigint;
  refunded: boolean;
  kept: boolean;
};

/** The books alone, and that nothing was given back for an answer that arrived: holds at any moment. */
export async function checkMeanwhile(pool: pg.Pool, model: Model): Promise<void> {
  const answered = [...model.seen.keys()];
  const { differenceMsat, findings } = await checkBooks(pool);
  if (differenceMsat !== 0n || findings.length > 0) model.violate(`the books differ by ${differenceMsat}: ${findings}`);
  const { rows } = await pool.query("SELECT charge_id FROM refund");
  const refunded = new Set(rows.map(({ charge_id }) => String(charge_id)));
  for (const chargeId of answered)
    if (refunded.has(chargeId)) model.violate(`charge ${chargeId} was answered, and given back`);
}

/** After everything has come to rest: no till is open, and every payment was shown. */
export async function judge(pool: pg.Pool, model: Model, wallet: Wallet): Promise<Verdict> {
  const books = await checkBooks(pool);
  for (const finding of books.findings) model.violate(finding);
  const charges = await compareCharges(pool, model);
  await compareBudgets(pool, model);
  const { depositedMsat, paidMsat } = await compareDeposits(pool, model, wallet);
  const { rows } = await pool.query(`SELECT
    (SELECT count(*) FROM till WHERE ended_at IS NULL) AS open_tills,
    (SELECT count(*) FROM kept_answer WHERE body IS NULL) AS stuck_keys,
    (SELECT count(*) FROM kept_answer JOIN refund USING (charge_id)) AS kept_for_nothing`);
  for (const [what, count] of Object.entries(rows[0])) if (count !== 0n) model.violate(`${count} ${what}`);
  const { tokensMsat: balancesMsat, revenueMsat: earnedMsat, unclaimedMsat, differenceMsat } = books;
  if (unclaimedMsat !== 0n) model.violate(`${unclaimedMsat} msat are unclaimed`);
  if (paidMsat !== balancesMsat + earnedMsat)
    model.violate(`${paidMsat} msat were paid, ${balancesMsat} are left and ${earnedMsat} were earned`);
  return { ...charges, depositedMsat, paidMsat, earnedMsat, balancesMsat, differenceMsat };
}

async function compareCharges(pool: pg.Pool, model: Model) {
  const missing = new Map(model.seen);
  const excuses = structuredClone(model.lost);
  const figures = {
    charges: 0,
    refunds: 0,
    answered: 0,
    unanswered: { broken: 0, impatient: 0, "hung-up": 0, several: 0 },
  };
  for (let after = 0n; ; ) {
    const { rows } = await pool.query<ChargeRow>(
      `SELECT charge.charge_id, token_id, operation, amount_msat, refund.charge_id IS NOT NULL AS refunded, kept_answer.charge_id IS NOT NULL AS kept
       FROM charge JOIN token USING (account_id) LEFT JOIN refund USING (charge_id) LEFT JOIN kept_answer USING (charge_id)
       WHERE charge.charge_id > $1 ORDER BY charge.charge_id LIMIT ${PAGE}`,
      [after],
    );
    for (const row of rows) {
      const id = String(row.charge_id);
      const seen = missing.get(id);
      missing.delete(id);
      figures.charges += 1;
      if (row.refunded) figures.refunds += 1;
      if (seen) {
        figures.answered += 1;
        compareCharge(model, row, seen);
      } else if (!row.refunded) figures.unanswered[excuse(model, excuses, row)] += 1;
    }
    if (rows.length < PAGE) break;
    after = rows.at(-1)!.charge_id;
  }
  for (const [id, { operation, cost }] of missing)
    model.violate(`charge ${id} (${operation}, ${cost} msat) was answered and is not there`);
  return figures;
}

function compareCharge(model: Model, row: ChargeRow, { account, operation, cost }: Seen): void {
  const same =
    row.token_id.toString("hex") === account.tokenIdHex && row.operation === operation && row.amount_msat === cost;
  if (!same) model.violate(`charge ${row.charge_id} is not the one that was answered (${operation}, ${cost} msat)`);
  if (row.refunded) model.violate(`charge ${row.charge_id} was answered, and given back`);
}

/** What was earned and not answered must be a call of this account, without a key, whose answer got lost on the way. */
function excuse(model: Model, excuses: Map<string, Record<Loss, number>>, row: ChargeRow): Loss | "several" {
  const losses = excuses.get(`${row.token_id.toString("hex")} ${row.operation}`);
  const kinds = (["broken", "impatient", "hung-up"] as const).filter((kind) => (losses?.[kind] ?? 0) > 0);
  const [kind] = kinds;
  if (!losses || !kind || row.kept) {
    const why = row.kept ? "although its answer is kept" : "and nobody lost an answer";
    model.violate(
      `charge ${row.charge_id} (${row.operation}, ${row.amount_msat} msat) was earned and not answered, ${why}`,
    );
    return "several";
  }
  losses[kind] -= 1;
  return kinds.length === 1 ? kind : "several";
}

async function compareBudgets(pool: pg.Pool, model: Model): Promise<void> {
  const { rows } = await pool.query("SELECT charge_id, encode(budget_id, 'hex') AS budget FROM budget_charge");
  const budgets = new Map(rows.map(({ charge_id, budget }) => [String(charge_id), budget]));
  for (const [id, { child }] of model.seen)
    if (budgets.get(id) !== child?.budgetIdHex)
      model.violate(`charge ${id} was not taken from the budget of its token`);
}

async function compareDeposits(pool: pg.Pool, model: Model, wallet: Wallet) {
  const { rows } = await pool.query("SELECT encode(payment_hash, 'hex') AS hash, amount_msat FROM deposit");
  const credited = new Map<string, bigint>(rows.map(({ hash, amount_msat }) => [hash, amount_msat]));
  let [depositedMsat, paidMsat] = [0n, 0n];
  for (const [hash, { amount, shown }] of wallet.payments) {
    const deposit = credited.get(hash);
    credited.delete(hash);
    paidMsat += amount;
    depositedMsat += deposit ?? 0n;
    if (deposit !== amount)
      model.violate(`${amount} msat were paid for ${hash} (shown: ${shown}), ${deposit} were credited`);
  }
  for (const [hash, amount] of credited) model.violate(`${amount} msat were credited for ${hash}, which nobody paid`);
  return { depositedMsat, paidMsat };
}
