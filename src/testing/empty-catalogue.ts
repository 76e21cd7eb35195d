/** A catalogue as it was before anything was listed. The tables themselves forbid it, so the rules are off for the moment. */
import type pg from "pg";
import { inTransaction } from "../adapters/postgres/connect.ts";

const TABLES = [
  "endpoint_dispute",
  "endpoint_reply",
  "operator_claim",
  "signed_request",
  "endpoint_change",
  "endpoint_listing",
  "feed",
  "endpoint",
];

export async function emptyCatalogue(database: pg.Pool): Promise<void> {
  await inTransaction(database, async (client) => {
    await client.query("SET LOCAL session_replication_role = 'replica'");
    for (const table of TABLES) await client.query(`DELETE FROM ${table}`);
  });
}
