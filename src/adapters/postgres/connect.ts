/** One pool of connections to Postgres, and the translation of its failures. */
import pg from "pg";
import { OracleError } from "../../core/errors.ts";

/** What a table needs to run a statement: a pool, or one client inside a transaction. */
export type Queryable = Pick<pg.Pool, "query">;
export type Database = pg.Pool;

/** int8 arrives as a bigint: amounts in msat do not fit a double. */
const types = {
  getTypeParser(oid: number, format?: "text" | "binary") {
    return oid === pg.types.builtins.INT8 ? BigInt : pg.types.getTypeParser(oid, format as "text");
  },
};

const STATEMENT_TIMEOUT_MS = 8_000;
const IDLE_IN_TRANSACTION_MS = 3_000;

/** Opens a pool. Connections are made on first use; `onError` hears of idle ones that the server dropped. */
export function openDatabase(options: {
  url: string;
  maxConnections: number;
  onError: (error: Error) => void;
  /** For statements that an index serves whatever their values: each is planned once per connection, and not with every call. */
  plansOnce?: boolean;
  /** How long a statement may run. */
  statementTimeoutMs?: number;
}): Database {
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    ...(options.plansOnce && { options: "-c plan_cache_mode=force_generic_plan" }),
    statement_timeout: statementTimeoutMs,
    // A process that stops in the middle of a transaction must not hold the rows of the others.
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    // The server's own limit does not help when the server is stopped or the network is gone.
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
    types: types as pg.CustomTypesConfig,
  });
  pool.on("error", (error) => options.onError(translate(error) as Error));
  // A session may end in the breath in which it is handed over, when nobody listens yet; unheard, it would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Runs `work` in one transaction: all of it, or nothing. What `work` throws of its own passes as it is. */
export async function inTransaction<Result>(
  database: Database,
  work: (client: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await translated(database.connect());
  let broken: Error | undefined;
  // A connection that the server ends while it is ours reports it here; unheard, it would end the process.
  const lost = (error: Error) => {
    broken = error;
  };
  client.on("error", lost);
  const query = ((text: string, values?: unknown[]) => translated(client.query(text, values))) as Queryable["query"];
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
export async function translated<Result>(statement: Promise<Result>): Promise<Result> {
  try {
    return await statement;
  } catch (error) {
    throw translate(error);
  }
}

/** SQLSTATE classes of a server that is not there: connection (08), resources (53), operator intervention (57), system (58). */
const UNAVAILABLE_CLASSES = new Set(["08", "53", "57", "58"]);
/** A transaction that stood still too long and was ended, and those that lost to another: nothing happened, and it passes. */
const PASSING_CODES = new Set(["25P03", "40001", "40P01", "55P03"]);

function translate(error: unknown): unknown {
  return isAway(error)
    ? new OracleError("DATABASE_UNAVAILABLE", "the database does not answer", { cause: error })
    : error;
}

/** Whether a failure means that the server is not there, or not free, now, and not that the statement is wrong. */
export function isAway(error: unknown): boolean {
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
  return !fromServer || UNAVAILABLE_CLASSES.has(code.slice(0, 2)) || PASSING_CODES.has(code);
}

/** Deadlock and serialization failures: the server says that nothing happened. */
export function wasRolledBack(error: unknown): boolean {
  const cause = error instanceof OracleError ? error.cause : error;
  return cause instanceof Error && "code" in cause && (cause.code === "40P01" || cause.code === "40001");
}
