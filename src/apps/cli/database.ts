/** The database of a command: the one the api uses, for as long as the command runs. */
import { type Database, openDatabase } from "../../adapters/postgres/connect.ts";
import { readMigrations, schemaVersion } from "../../adapters/postgres/migrate.ts";
import { OracleError } from "../../core/errors.ts";
import { readConfig } from "../config.ts";

/** Runs `work` on DATABASE_URL, once it is known to have our tables. @throws CONFIG_INVALID, DATABASE_UNAVAILABLE */
export async function withDatabase(work: (database: Database, url: string) => Promise<void>): Promise<void> {
  const { DATABASE_URL: url } = readConfig();
  if (url === undefined) {
    throw new OracleError(
      "CONFIG_INVALID",
      "DATABASE_URL is not set: name the database the api uses (the embedded one of a running `make run` is " +
        "postgres://postgres@127.0.0.1:<port>, its port line 4 of DATA_DIR/postgres/cluster/postmaster.pid)",
    );
  }
  const database = openDatabase({ url, maxConnections: 1, onError: () => undefined });
  try {
    if ((await schemaVersion(database)) < readMigrations().length)
      throw new OracleError("CONFIG_INVALID", "the schema of DATABASE_URL is older than this program: satrank migrate");
    await work(database, url);
  } finally {
    await database.end();
  }
}
