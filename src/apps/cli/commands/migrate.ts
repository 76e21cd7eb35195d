/** `satrank migrate`: brings the schema of DATABASE_URL to this version. */
import { Command } from "commander";
import { openDatabase } from "../../../adapters/postgres/connect.ts";
import { migrate, schemaVersion } from "../../../adapters/postgres/migrate.ts";
import { OracleError } from "../../../core/errors.ts";
import { readConfig } from "../../config.ts";
import type { Output } from "../terminal.ts";

export function migrateCommand(output: Output): Command {
  return new Command("migrate")
    .description("apply the migrations of sql/ that DATABASE_URL does not have yet")
    .action(async () => {
      const { DATABASE_URL: url } = readConfig();
      if (url === undefined)
        throw new OracleError(
          "CONFIG_INVALID",
          "DATABASE_URL is not set; the embedded database migrates itself at start",
        );
      const database = openDatabase({ url, maxConnections: 1, onError: () => undefined });
      try {
        output.progress("migrating ...");
        const applied = await migrate(database);
        const version = await schemaVersion(database);
        output.progress("");
        output.result({ applied, version }, [...applied.map((name) => `applied ${name}`), `schema version ${version}`]);
      } finally {
        await database.end();
      }
    });
}
