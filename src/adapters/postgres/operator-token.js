/** Table `operator_token`: what the operator's own programs may call without paying. The secrets are not in it. */
import { checkOperatorToken } from "../../core/operator-token.js";
import { unixSeconds } from "../../core/units.js";
import { translated } from "./connect.js";

/**
 * Counts a use and writes its audit row, both or neither. The conditions stand in the UPDATE, which reads the row again
 * once it has the lock: of many that race for the last use one gets it, and a revocation that is committed holds.
 */
const USE = `
  WITH used AS (
    UPDATE operator_token SET uses = uses + 1, last_used_at = greatest(last_used_at, $5::bigint)
    WHERE operator_token_id = $1::text AND revoked_at IS NULL AND expires_at > $5::bigint
      AND operations && ARRAY[$2::text, '*'] AND (max_uses IS NULL OR uses < max_uses)
    RETURNING operator_token_id, uses
  ), audited AS (
    INSERT INTO operator_use (operator_token_id, operation, request_id, address, used_at)
    SELECT operator_token_id, $2::text, $3::text, $4::text, $5::bigint FROM used
  )
  SELECT uses FROM used`;
export function operatorTokenTable(database) {
  const find = async (tokenId) => {
    const text = "SELECT * FROM operator_token WHERE operator_token_id = $1";
    const { rows } = await translated(database.query({ name: "operator-token-find", text, values: [tokenId] }));
    return rows[0] && readToken(rows[0]);
  };
  return {
    find,
    /** Keeps a new token. @throws when the id is taken: 48 random bits are not drawn twice by accident */
    async append(token) {
      await translated(
        database.query(
          `INSERT INTO operator_token (operator_token_id, secret_hash, label, operations, created_at, expires_at, max_uses)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
          [
            token.tokenId,
            Buffer.from(token.secretHash),
            token.label,
            token.operations,
            token.createdAt,
            token.expiresAt,
            token.maxUses ?? null,
          ],
        ),
      );
    },
    /** Uses a token once. Atomic, and committed with its audit row when it returns; not idempotent. */
    async use(use) {
      const values = [use.tokenId, use.operation, use.requestId, use.address, use.at];
      const { rows } = await translated(database.query({ name: "operator-token-use", text: USE, values }));
      if (rows[0]) return { used: true, uses: Number(rows[0].uses) };
      const token = await find(use.tokenId);
      const reason = token && checkOperatorToken(token, { operation: use.operation, now: use.at });
      return { used: false, reason: reason ?? "invalid" };
    },
    /** Ends a token for every process at once. Idempotent: the first instant stays. Undefined when there is no such token. */
    async revoke(tokenId, at) {
      const { rows } = await translated(
        database.query(
          "UPDATE operator_token SET revoked_at = coalesce(revoked_at, $2) WHERE operator_token_id = $1 RETURNING *",
          [tokenId, at],
        ),
      );
      return rows[0] && readToken(rows[0]);
    },
    /** The newest tokens, newest first. */
    async list(limit) {
      const text = "SELECT * FROM operator_token ORDER BY created_at DESC, operator_token_id LIMIT $1";
      const { rows } = await translated(database.query(text, [limit]));
      return rows.map(readToken);
    },
  };
}
function readToken(row) {
  const instant = (value) => (value === null ? undefined : unixSeconds(Number(value)));
  return {
    tokenId: row.operator_token_id,
    secretHash: row.secret_hash,
    label: row.label,
    operations: row.operations,
    createdAt: unixSeconds(Number(row.created_at)),
    expiresAt: unixSeconds(Number(row.expires_at)),
    maxUses: row.max_uses === null ? undefined : Number(row.max_uses),
    uses: Number(row.uses),
    lastUsedAt: instant(row.last_used_at),
    revokedAt: instant(row.revoked_at),
  };
}
//# sourceMappingURL=operator-token.js.map
