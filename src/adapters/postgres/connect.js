/** One pool of connections to Postgres, and the translation of its failures. */
import pg from "pg";
import { OracleError } from "../../core/errors.js";

/** int8 arrives as a bigint: amounts in msat do not fit a double. */
const types = {
  getTypeParser(oid, format) {
    return oid === pg.types.builtins.INT8 ? BigInt : pg.types.getTypeParser(oid, format);
  },
};
const STATEMENT_TIMEOUT_MS = 8_000;
const IDLE_IN_TRANSACTION_MS = 3_000;
/** Opens a pool. Connections are made on first use; `onError` hears of idle ones that the server dropped. */
export function openDatabase(options) {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // A process that stops in the middle of a transaction must not hold the rows of the others.
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    // The server's own limit does not help when the server is stopped or the network is gone.
    query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    keepAlive: true,
    types: types,
  });
  pool.on("error", (error) => options.onError(translate(error)));
  return pool;
}
/** Runs `work` in one transaction: all of it, or nothing. What `work` throws of its own passes as it is. */
export async function inTransaction(database, work) {
  const client = await translated(database.connect());
  let broken;
  // A connection that the server ends while it is ours reports it here; unheard, it would end the process.
  const lost = (error) => {
    broken = error;
  };
  client.on("error", lost);
  const query = (text, values) => translated(client.query(text, values));
  try {
    await query("BEGIN");
    const result = await work({ query });
    await query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(lost);
    throw error;
  } finally {
    client.off("error", lost);
    client.release(broken);
  }
}
/** Awaits a statement and names its failure. */
export async function translated(statement) {
  try {
    return await statement;
  } catch (error) {
    throw translate(error);
  }
}
/** SQLSTATE classes of a server that is not there: connection (08), resources (53), operator intervention (57), system (58). */
const UNAVAILABLE_CLASSES = new Set(["08", "53", "57", "58"]);
function translate(error) {
  return isAway(error)
    ? new OracleError("DATABASE_UNAVAILABLE", "the database does not answer", { cause: error })
    : error;
}
/** Whether a failure means that the server is not there now, and not that the statement is wrong. */
export function isAway(error) {
  // The driver reports a lost connection as a plain Error; a TypeError and its like are faults of ours.
  if (
    error instanceof OracleError ||
    !(error instanceof Error) ||
    error instanceof TypeError ||
    error instanceof RangeError
  )
    return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const fromServer = code !== undefined && /^[0-9A-Z]{5}$/.test(code);
  return !fromServer || UNAVAILABLE_CLASSES.has(code.slice(0, 2));
}
//# sourceMappingURL=connect.js.map
