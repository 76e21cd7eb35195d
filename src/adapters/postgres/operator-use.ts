/** Table `operator_use`: the audit of calls served under an operator's token. */
import type { UnixSeconds } from "../../core/units.ts";
import { type Queryable, translated } from "./connect.ts";

export function operatorUseTable(database: Queryable) {
  return {
    /** Written before the call runs, so that nothing is served free without a row. */
    async append(use: { operation: string; requestId: string; address: string; at: UnixSeconds }): Promise<void> {
      const text = "INSERT INTO operator_use (operation, request_id, address, used_at) VALUES ($1, $2, $3, $4)";
      await translated(
        database.query({ name: "operator-use", text, values: [use.operation, use.requestId, use.address, use.at] }),
      );
    },
  };
}
