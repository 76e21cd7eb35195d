/**
 * The books checked against themselves, and table `reconciliation`, which keeps what the checks found.
 *
 * The journal says how much moved; the tables under it say what moved; the balances say where it is. One snapshot reads
 * all three, so that running traffic never looks like a difference.
 */
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { PAYMENT_KINDS, PAYMENT_TOTALS, type PaymentKind } from "./payment-totals.ts";

/** What happened to money, as the journal calls it. */
export type Kind = "receipt" | "deposit" | "charge" | "refund" | PaymentKind;

/** One kind of posting: what the journal says of it, and what its own table does. */
export type KindTotal = { kind: Kind; journalMsat: bigint; journalItems: bigint; rowsMsat: bigint; rows: bigint };

/** What one node was paid; `nodePubkey` is undefined for receipts that nobody noted a node for. */
export type NodeTotal = { nodePubkey: string | undefined; receivedMsat: bigint; receipts: bigint };

/** An account whose balance is not what was paid or moved in, less what was taken or moved away. */
export type AccountDifference = { accountId: bigint; balanceMsat: bigint; expectedMsat: bigint };

/**
 * The books at one instant. Amounts may be negative where the books are wrong; `lightningMsat`, what was received less what is in flight,
 * spent and kept for routing, is also where the operator's own funds were spent.
 */
export type Books = {
  lightningMsat: bigint;
  inFlightMsat: bigint;
  spentMsat: bigint;
  routingFeeMsat: bigint;
  unclaimedMsat: bigint;
  tokensMsat: bigint;
  revenueMsat: bigint;
  kinds: KindTotal[];
  /** What was received, node by node. */
  received: NodeTotal[];
  accounts: bigint;
  /** The first {@link MAX_LISTED} of each. */
  accountDifferences: AccountDifference[];
  orphanAccounts: { accountId: bigint; charges: bigint; amountMsat: bigint }[];
  budgetDifferences: { budgetIdHex: string; accountId: bigint; spentMsat: bigint; expectedMsat: bigint }[];
  /** All differences found, without their signs. */
  differenceMsat: bigint;
  /** Sentences, one for each difference; empty when the books hold. */
  findings: string[];
};

/** How many wrong accounts or budgets are named; all are counted. */
const MAX_LISTED = 20;

/** Sums over every charge there is take their time, and nobody waits for them. */
const TIMEOUT_MS = 600_000;

const JOURNAL = `
  SELECT kind, coalesce(sum(amount_msat), 0) AS msat, coalesce(sum(items), 0) AS items FROM journal GROUP BY kind`;

const RECEIVED = `
  SELECT encode(node_pubkey, 'hex') AS node_pubkey, sum(amount_msat) AS msat, count(*) AS receipts
  FROM receipt GROUP BY 1 ORDER BY 2 DESC, 1`;

const CLAIMED = "SELECT coalesce(sum(amount_msat), 0) AS msat, count(*) AS deposits FROM deposit";

/** One pass over the charges: their totals, and each account beside what it should hold. */
const ACCOUNTS = `
  WITH charged AS MATERIALIZED (
    SELECT account_id, sum(amount_msat) AS msat, count(*) AS charges,
           coalesce(sum(amount_msat) FILTER (WHERE refund.charge_id IS NOT NULL), 0) AS back_msat, count(refund.charge_id) AS refunds
    FROM charge LEFT JOIN refund USING (charge_id) GROUP BY account_id
  ), paid AS (
    SELECT account_id, sum(amount_msat) AS msat FROM deposit GROUP BY account_id
  ), moved AS (
    SELECT account_id, sum(msat) AS msat FROM (
      SELECT to_account_id AS account_id, amount_msat AS msat FROM account_move
      UNION ALL SELECT from_account_id, -amount_msat FROM account_move) way GROUP BY account_id
  ), orphan AS (
    SELECT account_id, charges, msat FROM charged WHERE NOT EXISTS (SELECT 1 FROM token WHERE token.account_id = charged.account_id)
  ), account AS MATERIALIZED (
    SELECT account_id, balance_msat, coalesce(paid.msat, 0) - coalesce(charged.msat, 0) + coalesce(back_msat, 0) + coalesce(moved.msat, 0) AS expected_msat
    FROM token LEFT JOIN paid USING (account_id) LEFT JOIN charged USING (account_id) LEFT JOIN moved USING (account_id)
  ), wrong AS MATERIALIZED (
    SELECT * FROM account WHERE balance_msat <> expected_msat
  )
  SELECT
    (SELECT coalesce(sum(msat), 0) FROM charged) AS charge_msat, (SELECT coalesce(sum(charges), 0) FROM charged) AS charges,
    (SELECT coalesce(sum(back_msat), 0) FROM charged) AS refund_msat, (SELECT coalesce(sum(refunds), 0) FROM charged) AS refunds,
    (SELECT count(*) FROM account) AS accounts, (SELECT coalesce(sum(balance_msat), 0) FROM account) AS tokens_msat,
    (SELECT count(*) FROM wrong) AS wrong_count, (SELECT coalesce(sum(abs(balance_msat - expected_msat)), 0) FROM wrong) AS wrong_msat,
    (SELECT json_agg(json_build_array(account_id::text, balance_msat::text, expected_msat::text))
       FROM (SELECT * FROM wrong ORDER BY account_id LIMIT ${MAX_LISTED}) named) AS wrong,
    (SELECT count(*) FROM orphan) AS orphan_count, (SELECT coalesce(sum(msat), 0) FROM orphan) AS orphan_msat,
    (SELECT json_agg(json_build_array(account_id::text, charges::text, msat::text))
       FROM (SELECT * FROM orphan ORDER BY account_id LIMIT ${MAX_LISTED}) named) AS orphans`;

/** A budget has spent the charges taken from it that were not given back, and all of them are its account's. */
const BUDGETS = `
  WITH spent AS (
    SELECT budget_id, coalesce(sum(charge.amount_msat) FILTER (WHERE refund.charge_id IS NULL), 0) AS msat,
           coalesce(bool_and(charge.account_id = budget.account_id), true) AS own
    FROM budget LEFT JOIN budget_charge USING (budget_id) LEFT JOIN charge USING (charge_id) LEFT JOIN refund USING (charge_id)
    GROUP BY budget_id
  ), wrong AS MATERIALIZED (
    SELECT budget_id, account_id, spent_msat, msat FROM budget JOIN spent USING (budget_id) WHERE spent_msat <> msat OR NOT own
  )
  SELECT count(*) AS wrong_count, coalesce(sum(abs(spent_msat - msat)), 0) AS wrong_msat,
    (SELECT json_agg(json_build_array(encode(budget_id, 'hex'), account_id::text, spent_msat::text, msat::text))
       FROM (SELECT * FROM wrong ORDER BY budget_id LIMIT ${MAX_LISTED}) named) AS wrong
  FROM wrong`;

/** Checks every total and every account, in one snapshot. `onStage` hears of each part before it is read. */
export function checkBooks(database: Database, onStage: (stage: string) => void = () => undefined): Promise<Books> {
  return inTransaction(database, async (client) => {
    await client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await client.query(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`);
    onStage("receipts and deposits");
    const { rows: received } = await client.query(slow(RECEIVED));
    const claimed = await readRow(client, CLAIMED);
    onStage("charges and balances");
    const accounts = await readRow(client, ACCOUNTS);
    onStage("budgets");
    const budgets = await readRow(client, BUDGETS);
    onStage("payments");
    const payments = await readRow(client, PAYMENT_TOTALS);
    onStage("journal");
    const { rows: journal } = await client.query(slow(JOURNAL));
    return judge({ received, claimed, accounts, budgets, payments, journal });
  });
}

/** Table `reconciliation`: one row per check. */
export function reconciliationTable(database: Database) {
  return {
    /** Keeps a report. */
    async append(report: { at: UnixSeconds; ok: boolean; facts: Record<string, unknown> }): Promise<void> {
      const text = "INSERT INTO reconciliation (checked_at, ok, facts) VALUES ($1, $2, $3)";
      const facts = JSON.stringify(report.facts, (_key, value) => (typeof value === "bigint" ? String(value) : value));
      await translated(database.query({ name: "reconciliation-append", text, values: [report.at, report.ok, facts] }));
    },

    /** The newest report; undefined before the first. */
    async latest(): Promise<{ at: UnixSeconds; ok: boolean; facts: Record<string, unknown> } | undefined> {
      const text = "SELECT checked_at, ok, facts FROM reconciliation ORDER BY reconciliation_id DESC LIMIT 1";
      const { rows } = await translated(database.query({ name: "reconciliation-latest", text }));
      return rows[0] && { at: Number(rows[0].checked_at) as UnixSeconds, ok: rows[0].ok, facts: rows[0].facts };
    },
  };
}

type Row = Record<string, string | bigint | null> & { wrong?: unknown; orphans?: unknown };

/** The driver gives up on a statement sooner than the server does, unless told otherwise. */
function slow(text: string) {
  return { text, query_timeout: TIMEOUT_MS };
}

async function readRow(client: Queryable, text: string): Promise<Row> {
  const { rows } = await client.query(slow(text));
  return rows[0];
}

function judge(read: {
  received: Row[];
  claimed: Row;
  accounts: Row;
  budgets: Row;
  payments: Row;
  journal: Row[];
}): Books {
  const { claimed, accounts, budgets, payments, journal } = read;
  const received = read.received.map((row): NodeTotal => {
    const nodePubkey = (row["node_pubkey"] ?? undefined) as string | undefined;
    return { nodePubkey, receivedMsat: whole(row["msat"]), receipts: whole(row["receipts"]) };
  });
  const total = (kind: Kind, rowsMsat: unknown, rows: unknown): KindTotal => {
    const said = journal.find((row) => row["kind"] === kind);
    return {
      kind,
      journalMsat: whole(said?.["msat"]),
      journalItems: whole(said?.["items"]),
      rowsMsat: whole(rowsMsat),
      rows: whole(rows),
    };
  };
  const sum = (part: "receivedMsat" | "receipts") => received.reduce((all, node) => all + node[part], 0n);
  const receipt = total("receipt", sum("receivedMsat"), sum("receipts"));
  const deposit = total("deposit", claimed["msat"], claimed["deposits"]);
  const charge = total("charge", accounts["charge_msat"], accounts["charges"]);
  const refund = total("refund", accounts["refund_msat"], accounts["refunds"]);
  const [hold, release, payment, routingFee] = PAYMENT_KINDS.map((kind) => {
    const column = kind.replace("-", "_");
    return total(kind, payments[`${column}_msat`], payments[`${column}_rows`]);
  }) as [KindTotal, KindTotal, KindTotal, KindTotal];
  const kinds = [receipt, deposit, charge, refund, hold, release, payment, routingFee];
  const [spentMsat, routingFeeMsat] = [payment.journalMsat, routingFee.journalMsat];
  const inFlightMsat = hold.journalMsat - release.journalMsat - spentMsat - routingFeeMsat;
  const lightningMsat = receipt.journalMsat - inFlightMsat - spentMsat - routingFeeMsat;
  const unclaimedMsat = receipt.journalMsat - deposit.journalMsat;
  const revenueMsat = charge.journalMsat - refund.journalMsat;
  const tokensMsat = whole(accounts["tokens_msat"]);
  const adrift = receipt.journalMsat - (unclaimedMsat + tokensMsat + revenueMsat);
  const listed = (value: unknown) => (value ?? []) as string[][];

  const findings = [
    ...kinds.flatMap((each) => sayKind(each)),
    ...(adrift === 0n ? [] : [`${adrift} msat were received that are neither unclaimed, nor balances, nor revenue`]),
    ...(inFlightMsat < 0n ? [`${-inFlightMsat} msat were paid that were never held`] : []),
    ...(unclaimedMsat < 0n ? [`${-unclaimedMsat} msat were claimed that were never received`] : []),
    ...sayCount(accounts["wrong_count"], "accounts hold another amount than came in less what was taken"),
    ...sayCount(accounts["orphan_count"], "accounts were charged that do not exist"),
    ...sayCount(budgets["wrong_count"], "budgets have spent another amount than their charges"),
  ];
  const differenceMsat =
    kinds.reduce((sum, { journalMsat, rowsMsat }) => sum + size(journalMsat - rowsMsat), 0n) +
    size(adrift) +
    whole(accounts["wrong_msat"]) +
    whole(accounts["orphan_msat"]) +
    whole(budgets["wrong_msat"]);
  return {
    lightningMsat,
    inFlightMsat,
    spentMsat,
    routingFeeMsat,
    unclaimedMsat,
    tokensMsat,
    revenueMsat,
    kinds,
    received,
    accounts: whole(accounts["accounts"]),
    accountDifferences: listed(accounts.wrong).map(([id, balance, expected]) => ({
      accountId: whole(id),
      balanceMsat: whole(balance),
      expectedMsat: whole(expected),
    })),
    orphanAccounts: listed(accounts.orphans).map(([id, charges, amount]) => ({
      accountId: whole(id),
      charges: whole(charges),
      amountMsat: whole(amount),
    })),
    budgetDifferences: listed(budgets.wrong).map(([budgetIdHex = "", id, spent, expected]) => ({
      budgetIdHex,
      accountId: whole(id),
      spentMsat: whole(spent),
      expectedMsat: whole(expected),
    })),
    differenceMsat,
    findings,
  };
}

function sayKind({ kind, journalMsat, journalItems, rowsMsat, rows }: KindTotal): string[] {
  if (journalMsat === rowsMsat && journalItems === rows) return [];
  return [
    `the journal says ${journalMsat} msat in ${journalItems} of kind ${kind}, the rows say ${rowsMsat} msat in ${rows}`,
  ];
}

function sayCount(count: unknown, what: string): string[] {
  return whole(count) === 0n ? [] : [`${count} ${what}`];
}

/** Counts arrive as bigint, sums as the text of a numeric. */
function whole(value: unknown): bigint {
  return BigInt((value ?? 0) as string | bigint | number);
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value;
}
