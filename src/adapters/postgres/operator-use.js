/** Table `operator_use`: the audit of calls served without payment. Rows are only ever added. */
import { unixSeconds } from "../../core/units.js";
import { translated } from "./connect.js";
export function operatorUseTable(database) {
  return {
    /** A call under the plain secret. Written before it runs, so that nothing is served free without a row. */
    async append(use) {
      const text = "INSERT INTO operator_use (operation, request_id, address, used_at) VALUES ($1, $2, $3, $4)";
      await translated(
        database.query({ name: "operator-use", text, values: [use.operation, use.requestId, use.address, use.at] }),
      );
    },
    /** The last calls under one token, or with null under the plain secret; newest first. */
    async last(tokenId, limit) {
      const { rows } = await translated(
        database.query(
          `SELECT operation, request_id, address, used_at FROM operator_use
           WHERE operator_token_id IS NOT DISTINCT FROM $1 ORDER BY operator_use_id DESC LIMIT $2`,
          [tokenId, limit],
        ),
      );
      return rows.map((row) => ({
        operation: row.operation,
        requestId: row.request_id,
        address: row.address,
        at: unixSeconds(Number(row.used_at)),
      }));
    },
  };
}
//# sourceMappingURL=operator-use.js.map
