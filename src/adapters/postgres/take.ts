/** The one statement by which a till beats, closes charges and takes prices; and the names of charges. */
import type { Charge, Reservation } from "../../core/l402/account.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";

/** Numbers of one till; a charge's id is its till's times this, plus its number. */
export const NUMBERS = 2 ** 40;

/**
 * Beats, closes and takes, all or nothing; no row at all when the till was ended, or when a later batch came first: one whose
 * outcome was in doubt can do nothing any more once another is committed. An account is charged for all of its
 * calls in the batch or for none. Rows are taken in the order of their ids, which keeps processes from waiting for each
 * other in circles.
 */
const TAKE = `
  WITH alive AS (
    UPDATE till SET stated_below = $2, still_open = $3::bigint[], batch = $4, beat_at = extract(epoch FROM now())::bigint
    WHERE till_id = $1 AND ended_at IS NULL AND batch < $4 RETURNING till_id
  ), taken AS (
    UPDATE token SET balance_msat = balance_msat - asked.total_msat
    FROM (
      SELECT * FROM unnest($5::bytea[], $6::bigint[]) WITH ORDINALITY AS each(token_id, total_msat, slot) ORDER BY token_id
    ) asked, alive
    WHERE token.token_id = asked.token_id AND revoked_at IS NULL AND balance_msat >= asked.total_msat
    RETURNING slot, account_id, balance_msat
  ), charged AS (
    INSERT INTO charge (charge_id, account_id, operation, amount_msat, reserved_at)
    SELECT charge_id, account_id, operation, amount_msat, $11
    FROM unnest($7::bigint[], $8::bigint[], $9::text[], $10::bigint[]) AS call(charge_id, slot, operation, amount_msat)
      JOIN taken USING (slot)
    RETURNING amount_msat
  ), posted AS (
    INSERT INTO journal (kind, debit_account, credit_account, amount_msat, items, made_at)
    SELECT 'charge', 'token', 'revenue', sum(amount_msat), count(*), $11 FROM charged HAVING count(*) > 0
  )
  SELECT slot, balance_msat FROM alive LEFT JOIN taken ON true`;

export type Taken = { slot: bigint | null; balance_msat: bigint };

/** What one commit did. `instead` is the answer to a call that was stopped before its price was taken. */
type Committed = { rows: Taken[]; instead?: Reservation };

/** The charges of the account in the row `token` that running calls hold, as a sub-select. */
export const OPEN_CHARGES = `(
  SELECT held.amount_msat FROM till CROSS JOIN LATERAL (
    SELECT charge_id, account_id, amount_msat FROM charge
    WHERE charge_id >= till_id * ${NUMBERS} + stated_below AND charge_id < (till_id + 1) * ${NUMBERS}
    UNION ALL
    SELECT charge_id, account_id, amount_msat FROM unnest(still_open) AS number JOIN charge ON charge_id = till_id * ${NUMBERS} + number
  ) held
  WHERE ended_at IS NULL AND held.account_id = token.account_id
    AND NOT EXISTS (SELECT 1 FROM refund WHERE refund.charge_id = held.charge_id))`;

/** Calls on one account. */
type Group = { tokenIdHex: string; total: bigint; chargeIds: bigint[]; asks: readonly { charge: Charge }[] };

/** What the till's row is to say. */
type Statement = { tillId: bigint; below: number; open: readonly number[]; batch: number };

/** Steps around taking one price, in its transaction. What `before` returns is the answer, and nothing is taken. */
export type Steps = {
  before(client: Queryable, charge: Charge, chargeId: bigint): Promise<Reservation | undefined>;
  after(client: Queryable, charge: Charge, chargeId: bigint): Promise<void>;
};

/** The till that holds a charge. */
export function tillOf(chargeId: bigint): bigint {
  return chargeId / BigInt(NUMBERS);
}

/** The id of a till's charge. */
export function chargeIdOf(tillId: bigint, number: bigint): bigint {
  return tillId * BigInt(NUMBERS) + number;
}

/** No rows when the till was ended; one without a slot when nothing was taken. */
export async function take(
  client: Queryable,
  { tillId, below, open, batch }: Statement,
  groups: Group[],
): Promise<Taken[]> {
  const chargeIds: bigint[] = [];
  const slots: number[] = [];
  const operations: string[] = [];
  const amounts: bigint[] = [];
  for (const [index, group] of groups.entries()) {
    for (const [each, { charge }] of group.asks.entries()) {
      chargeIds.push(group.chargeIds[each]!);
      slots.push(index + 1);
      operations.push(charge.operation);
      amounts.push(charge.amount);
    }
  }
  const at = groups[0]?.asks[0]?.charge.at ?? 0;
  const tokenIds = arrayText(groups.map(({ tokenIdHex }) => `"\\\\x${tokenIdHex}"`));
  const totals = arrayText(groups.map(({ total }) => total));
  const ids = [tillId, below, arrayText(open), batch, tokenIds, totals, arrayText(chargeIds), arrayText(slots)];
  const values = [...ids, operations, arrayText(amounts), at];
  const { rows } = await translated(client.query<Taken>({ name: "till-take", text: TAKE, values }));
  return rows;
}

/** An array as Postgres writes it. The driver would look through each number for quotes, which costs more than the rest. */
function arrayText(items: readonly (bigint | number | string)[]): string {
  return `{${items.join(",")}}`;
}

/**
 * The same for one price, between the steps of its transaction. What refuses it is undone to the point where the till
 * has beaten and closed. The till's row is locked first, as everywhere.
 */
export function takeCarefully(
  database: Database,
  steps: Steps,
  stated: Statement,
  group: Group | undefined,
): Promise<Committed> {
  return inTransaction(database, async (client) => {
    const alive = await take(client, stated, []);
    const [charge, chargeId] = [group?.asks[0]?.charge, group?.chargeIds[0]];
    if (alive.length === 0 || !group || !charge || chargeId === undefined) return { rows: alive };
    await client.query("SAVEPOINT untaken");
    const instead = await steps.before(client, charge, chargeId);
    const rows = instead ? alive : await take(client, { ...stated, batch: stated.batch + 1 }, [group]);
    if (rows.some(({ slot }) => slot !== null)) {
      await steps.after(client, charge, chargeId);
      return { rows };
    }
    await client.query("ROLLBACK TO SAVEPOINT untaken");
    return instead ? { rows, instead } : { rows };
  });
}
