/** Brings the schema to the version this program expects: numbered files of `sql/`, forward only, each applied once. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { OracleError } from "../../core/errors.js";
import { translated } from "./connect.js";

/** Any number, as long as nothing else on this server locks the same one. */
const LOCK_KEY = 7_402_402;
const SQL_DIRECTORY = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../sql");
/** The files of `sql/` in order. @throws CONFIG_INVALID when a number is missing or doubled */
export function readMigrations(directory = SQL_DIRECTORY) {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .sort();
  return files.map((file, index) => {
    const [, digits = ""] = /^(\d{4})-[a-z0-9-]+\.sql$/.exec(file) ?? [];
    if (Number(digits) !== index + 1)
      throw new OracleError("CONFIG_INVALID", `sql/${file}: expected number ${index + 1}`);
    const text = readFileSync(path.join(directory, file), "utf8");
    return { version: index + 1, name: file, checksum: createHash("sha256").update(text).digest("hex"), text };
  });
}
/**
 * Applies what is missing, each file in its own transaction. Safe to call from several processes at once: an advisory
 * lock lets one work and the others find nothing left to do.
 *
 * @returns the names applied. @throws CONFIG_INVALID when an applied file was edited, or the schema is newer than the program
 */
export async function migrate(database, migrations = readMigrations()) {
  const client = await translated(database.connect());
  // A lost connection fails the statement under way; unheard, it would end the process as well.
  client.on("error", () => undefined);
  try {
    await client.query("SELECT pg_advisory_lock($1)", [LOCK_KEY]);
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migration (
      version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await appliedVersions(client);
    checkHistory(applied, migrations);
    const missing = migrations.filter(({ version }) => !applied.has(version));
    for (const migration of missing) await apply(client, migration);
    return missing.map(({ name }) => name);
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [LOCK_KEY]).catch(() => undefined);
    client.release(true);
  }
}
/** The highest version applied; 0 on an empty database. */
export async function schemaVersion(database) {
  const exists = await translated(database.query("SELECT to_regclass('schema_migration') IS NOT NULL AS found"));
  if (!exists.rows[0]?.found) return 0;
  const { rows } = await translated(
    database.query("SELECT coalesce(max(version), 0) AS version FROM schema_migration"),
  );
  return Number(rows[0].version);
}
async function appliedVersions(client) {
  const { rows } = await client.query("SELECT version, checksum FROM schema_migration");
  return new Map(rows.map((row) => [Number(row.version), String(row.checksum)]));
}
function checkHistory(applied, migrations) {
  for (const [version, checksum] of applied) {
    const file = migrations[version - 1];
    if (!file)
      throw new OracleError(
        "CONFIG_INVALID",
        `the database is at schema ${version}, newer than this program knows: update it`,
      );
    if (file.checksum !== checksum) {
      throw new OracleError(
        "CONFIG_INVALID",
        `sql/${file.name} was edited after it was applied: restore it and add a new file`,
      );
    }
  }
}
async function apply(client, migration) {
  await client.query("BEGIN");
  try {
    await client.query(migration.text);
    await client.query("INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)", [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    await client.query("COMMIT");
  } catch (cause) {
    await client.query("ROLLBACK");
    throw new OracleError("CONFIG_INVALID", `sql/${migration.name} failed and was rolled back: ${String(cause)}`, {
      cause,
    });
  }
}
//# sourceMappingURL=migrate.js.map
