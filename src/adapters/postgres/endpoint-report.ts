/** Tables `endpoint_report` and `endpoint_asked`: what callers say of endpoints, and who was told of one. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import type { CallEvidence } from "../../core/evidence/call.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { appendCalls } from "./evidence.ts";

/** A payee that was seen at an endpoint counts as its own for so long after. */
const PAYEE_DAYS_SEC = 30 * 86_400;
/** How long somebody who was told of an endpoint may say what became of it. */
const ASKED_SEC = 86_400;
const PER_DAY = 50;

/** A node that takes payments for more operators than this is a custodian's: a payment to it does not show for whom it was. */
const MOST_OPERATORS = 3;

const SEEN = `
  WITH payee AS (
    SELECT DISTINCT p.payee AS key FROM endpoint_probe p JOIN endpoint e USING (endpoint_id)
    WHERE e.url_hash = $1 AND e.method = $2 AND p.payee IS NOT NULL AND p.started_at >= $3
  ), served AS (
    SELECT key, (SELECT count(DISTINCT coalesce(e.operator, e.host)) FROM endpoint_probe p JOIN endpoint e USING (endpoint_id)
      WHERE p.payee = key AND p.started_at >= $3) AS operators FROM payee
  )
  SELECT endpoint_id, operator,
    ARRAY(SELECT key FROM served WHERE operators <= ${MOST_OPERATORS}) AS payees,
    ARRAY(SELECT key FROM served WHERE operators > ${MOST_OPERATORS}) AS shared
  FROM endpoint WHERE url_hash = $1 AND method = $2`;

export function endpointReportTable(database: Database) {
  return {
    /**
     * The endpoint, its operator's key, and whom its invoices have paid when we called it: nodes of its own, and those that take
     * payments for many.
     */
    async findSeen(endpoint: string, method: Method, now: UnixSeconds) {
      const values = [endpoint, method, now - PAYEE_DAYS_SEC];
      const { rows } = await translated(database.query({ name: "endpoint-seen", text: SEEN, values }));
      const [row] = rows;
      return (
        row && {
          endpointId: row.endpoint_id as bigint,
          payees: row.payees as string[],
          shared: row.shared as string[],
          ...(row.operator !== null && { operator: row.operator as string }),
        }
      );
    },

    /** Whether somebody was told of an endpoint not long ago. */
    async hasAsked(witness: string, endpointId: bigint, now: UnixSeconds): Promise<boolean> {
      const text = "SELECT 1 FROM endpoint_asked WHERE witness = $1 AND endpoint_id = $2 AND asked_at > $3";
      const { rowCount } = await translated(database.query(text, [witness, endpointId, now - ASKED_SEC]));
      return rowCount === 1;
    },

    /** Books the report with its evidence: both, or neither. */
    async book(report: {
      evidence: CallEvidence;
      witness: string;
      endpointId: bigint;
      paymentHash?: Uint8Array;
      now: UnixSeconds;
    }): Promise<"booked" | "used" | "repeated" | "limited"> {
      const { evidence, witness, endpointId, paymentHash, now } = report;
      const { attempt, source } = evidence;
      return inTransaction(database, async (client) => {
        const values = [attempt, endpointId, source, witness, paymentHash ?? null, now, PER_DAY];
        const { rows } = await client.query(
          "SELECT book_endpoint_report($1, $2, $3, $4, $5, $6, $7) AS outcome",
          values,
        );
        if (rows[0].outcome === "booked") await appendCalls(client, [evidence]);
        return rows[0].outcome;
      });
    },
  };
}

/** Notes who was told of which endpoints, and forgets who was told longer ago than matters. */
export async function noteAsked(
  database: Queryable,
  { witness, endpointIds, now }: { witness: string; endpointIds: readonly bigint[]; now: UnixSeconds },
): Promise<void> {
  const text = `
    WITH old AS (DELETE FROM endpoint_asked WHERE ctid = ANY (ARRAY(SELECT ctid FROM endpoint_asked WHERE asked_at < $3::bigint - ${ASKED_SEC} LIMIT 100)))
    INSERT INTO endpoint_asked (witness, endpoint_id, asked_at) SELECT $1, id, $3::bigint FROM unnest($2::bigint[]) id
    ON CONFLICT (witness, endpoint_id) DO UPDATE SET asked_at = excluded.asked_at`;
  await translated(database.query({ name: "endpoint-asked", text, values: [witness, endpointIds, now] }));
}
