/** Tables `endpoint_reply` and `endpoint_dispute`: what operators say to what is measured of their endpoints. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

type Addressed = { id: string; method: Method; operator: string };
export type Statement = { operator: string; text: string; at: UnixSeconds };
/** `count` is of all; `disputes` the newest of them. */
export type Statements = { reply: Statement | undefined; count: number; disputes: (Statement & { attempt: string })[] };

const MOST_SHOWN = 100;
const ENDPOINT = "SELECT endpoint_id FROM endpoint WHERE url_hash = $1 AND method = $2";

export function replyTable(database: Queryable) {
  const ask = async (text: string, values: unknown[]) => (await translated(database.query(text, values))).rows;
  return {
    async operatorOf(id: string, method: Method): Promise<string | undefined | "unknown"> {
      const rows = await ask("SELECT operator FROM endpoint WHERE url_hash = $1 AND method = $2", [id, method]);
      return rows[0] ? (rows[0].operator ?? undefined) : "unknown";
    },

    async saveReply({ id, method, operator }: Addressed, text: string | undefined, now: UnixSeconds): Promise<void> {
      const insert = `INSERT INTO endpoint_reply (endpoint_id, operator, text, written_at) SELECT endpoint_id, $3, $4, $5 FROM (${ENDPOINT}) e`;
      await ask(insert, [id, method, operator, text ?? null, now]);
    },

    async saveDispute({ id, method, operator }: Addressed, attempt: string, text: string, now: UnixSeconds) {
      const known = `SELECT 1 FROM evidence WHERE attempt = $3 AND kind = 'call' AND entry::jsonb ->> 6 = $1 AND entry::jsonb ->> 7 = $2 LIMIT 1`;
      if ((await ask(known, [id, method, attempt])).length === 0) return "unknown" as const;
      const insert = `INSERT INTO endpoint_dispute (attempt, endpoint_id, operator, text, disputed_at)
        SELECT $3, endpoint_id, $4, $5, $6 FROM (${ENDPOINT}) e ON CONFLICT DO NOTHING RETURNING attempt`;
      const saved = await ask(insert, [id, method, attempt, operator, text, now]);
      return saved.length > 0 ? ("saved" as const) : ("repeated" as const);
    },

    /** What the operator says now: words of one whom the host does not name any more are not shown. Undefined without the endpoint. */
    async statements(id: string, method: Method): Promise<Statements | undefined> {
      const [endpoint] = await ask("SELECT endpoint_id, operator FROM endpoint WHERE url_hash = $1 AND method = $2", [
        id,
        method,
      ]);
      if (!endpoint) return undefined;
      const values = [endpoint.endpoint_id, endpoint.operator];
      const [newest] = await ask(
        "SELECT operator, text, written_at AS at FROM endpoint_reply WHERE endpoint_id = $1 AND operator = $2 ORDER BY endpoint_reply_id DESC LIMIT 1",
        values,
      );
      const disputes = await ask(
        `SELECT attempt, operator, text, disputed_at AS at, count(*) OVER ()::int AS count FROM endpoint_dispute
         WHERE endpoint_id = $1 AND operator = $2 ORDER BY disputed_at DESC, attempt LIMIT ${MOST_SHOWN}`,
        values,
      );
      return {
        reply: newest && newest.text !== null ? statementOf(newest) : undefined,
        count: disputes[0]?.count ?? 0,
        disputes: disputes.map((row) => ({ ...statementOf(row), attempt: row.attempt })),
      };
    },
  };
}

function statementOf(row: { operator: string; text: string; at: bigint }): Statement {
  return { operator: row.operator, text: row.text, at: unixSeconds(Number(row.at)) };
}
