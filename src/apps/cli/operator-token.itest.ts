/** `satrank operator-token` as a process of its own, on a real database. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { operatorTokenTable } from "../../adapters/postgres/operator-token.ts";
import { operatorUseTable } from "../../adapters/postgres/operator-use.ts";
import { toHex } from "../../core/bytes.ts";
import { isOperatorSecret, parseOperatorToken } from "../../core/operator-token.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { satrank as runSatrank } from "../../testing/satrank.ts";
import { now } from "../clock.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(4);
});
afterAll(() => database.close());

const satrank = (words: string[], settings: Record<string, string> = { DATABASE_URL: database.url }) =>
  runSatrank(["operator-token", ...words], { NO_COLOR: "1", ...settings });

const create = (...more: string[]) =>
  satrank([
    "create",
    "--label",
    "uptime probe",
    "--operations",
    "resolveIntent, searchNodes",
    "--expires",
    "30d",
    ...more,
  ]);

test("create prints the token once, list and uses never, and revoke ends it", async () => {
  const created = await create("--max-uses", "7");
  const [text = ""] = created.out.split("\n", 1);
  const presented = parseOperatorToken(text);
  expect(created).toMatchObject({ code: 0, err: "" });
  expect(created.out).toMatch(/only time it is shown/);
  expect(created.out).toMatch(/opens resolveIntent, searchNodes until 20\d\d-.*Z, 7 times/);
  const tokenId = presented!.tokenId;
  const kept = await operatorTokenTable(database.pool).find(tokenId);
  expect(isOperatorSecret(presented!.secret, kept?.secretHash)).toBe(true);
  expect(kept).toMatchObject({
    label: "uptime probe",
    operations: ["resolveIntent", "searchNodes"],
    maxUses: 7,
    uses: 0,
  });
  expect(kept!.expiresAt - kept!.createdAt).toBe(30 * 86_400);

  const call = { operation: "resolveIntent", requestId: "probe-1", address: "192.0.2.7", at: unixSeconds(now()) };
  await operatorTokenTable(database.pool).use({ ...call, tokenId });
  const [listed, uses, json] = await Promise.all([
    satrank(["list"]),
    satrank(["uses", tokenId]),
    satrank(["list", "--json"]),
  ]);
  expect(listed.out).toMatch(new RegExp(`${tokenId}  active +1/7 .* resolveIntent,searchNodes  uptime probe`));
  expect(uses.out).toMatch(/resolveIntent +192\.0\.2\.7 +probe-1/);
  const shown = JSON.parse(json.out).find((token: { id: string }) => token.id === tokenId);
  expect(shown).toEqual({
    id: tokenId,
    state: "active",
    label: "uptime probe",
    operations: ["resolveIntent", "searchNodes"],
    createdAt: kept?.createdAt,
    expiresAt: kept?.expiresAt,
    maxUses: 7,
    uses: 1,
    lastUsedAt: call.at,
  });

  // A whole token is taken for its id, and not repeated.
  const revoked = await satrank(["revoke", text]);
  expect(revoked).toMatchObject({ code: 0, err: "" });
  expect(revoked.out).toMatch(new RegExp(`^${tokenId} \\(uptime probe\\) is revoked since 20`));
  expect((await operatorTokenTable(database.pool).find(tokenId))?.revokedAt).toBeDefined();
  const after = await satrank(["list"]);
  expect(after.out).toMatch(new RegExp(`${tokenId}  revoked`));

  const secret = text.slice(17);
  const hash = toHex(kept!.secretHash);
  for (const { out, err } of [listed, uses, json, revoked, after]) {
    expect(out + err).not.toContain(secret);
    expect(out + err).not.toContain(hash);
  }
});

test("--json gives the token to a script, and the plain secret has its own uses", async () => {
  const created = await satrank(["create", "--label", "x", "--operations", "*", "--expires", "12h", "--json"]);
  const made = JSON.parse(created.out);
  expect(parseOperatorToken(made.token)?.tokenId).toBe(made.id);
  expect(made).toMatchObject({ state: "active", operations: ["*"], uses: 0 });
  expect(made.expiresAt - made.createdAt).toBe(12 * 3_600);

  await operatorUseTable(database.pool).append({ operation: "toll", requestId: "r", address: "192.0.2.9", at: now() });
  const uses = await satrank(["uses", "secret", "--json"]);
  expect(JSON.parse(uses.out)).toMatchObject([{ operation: "toll", requestId: "r", address: "192.0.2.9" }]);
});

test("an unknown id, no database and an old schema each say what to do", async () => {
  const old = await openTestDatabase(1);
  await old.pool.query("DELETE FROM schema_migration WHERE version > 3");
  const [unknown, none, older, dead] = await Promise.all([
    satrank(["revoke", "ffffffffffff"]),
    satrank(["list"], {}),
    satrank(["list"], { DATABASE_URL: old.url }),
    satrank(["list"], { DATABASE_URL: "postgres://postgres@127.0.0.1:1/none" }),
  ]);
  await old.close();
  expect(unknown.err).toContain("no operator token has the id ffffffffffff");
  expect(none.err).toMatch(/DATABASE_URL is not set.*make run/);
  expect(older.err).toMatch(/satrank migrate/);
  expect([unknown.code, none.code, older.code, dead.code]).toEqual([1, 1, 1, 4]);
});
