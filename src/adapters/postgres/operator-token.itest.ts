/** Operator tokens on a real Postgres: what must hold in races, what the constraints refuse, and what is never edited. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  checkOperatorToken,
  newOperatorToken,
  OPERATOR_TOKEN_RANDOM_BYTES,
  type OperatorGrant,
  type OperatorToken,
} from "../../core/operator-token.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { openDatabase } from "./connect.ts";
import { operatorGuesses } from "./operator-guess.ts";
import { operatorTokenTable } from "./operator-token.ts";
import { operatorUseTable } from "./operator-use.ts";

let database: TestDatabase;
let second: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  database = await openTestDatabase(10);
  second = openDatabase({ url: database.url, maxConnections: 10, onError: () => undefined });
});
afterAll(async () => {
  await second.end();
  await database.close();
});

const now = unixSeconds(1_790_000_000);
const grant: OperatorGrant = { label: "probe", operations: ["resolveIntent"], lifeSec: 3_600, maxUses: undefined };

async function create(changes: Partial<OperatorGrant> = {}): Promise<OperatorToken> {
  const { token } = newOperatorToken(randomBytes(OPERATOR_TOKEN_RANDOM_BYTES), { ...grant, ...changes }, now);
  await operatorTokenTable(database.pool).append(token);
  return token;
}

const use = (tokenId: string, changes: { operation?: string; at?: number } = {}) => ({
  tokenId,
  operation: changes.operation ?? "resolveIntent",
  requestId: randomBytes(4).toString("hex"),
  address: "192.0.2.7",
  at: unixSeconds(changes.at ?? now),
});

async function auditRows(tokenId: string): Promise<number> {
  const { rows } = await database.pool.query("SELECT count(*) AS n FROM operator_use WHERE operator_token_id = $1", [
    tokenId,
  ]);
  return Number(rows[0].n);
}

test("five uses, fifty calls at once over two pools: five are served, and five rows say so", async () => {
  const { tokenId } = await create({ maxUses: 5 });
  const tables = [operatorTokenTable(database.pool), operatorTokenTable(second)];
  const results = await Promise.all(Array.from({ length: 50 }, (_, index) => tables[index % 2]!.use(use(tokenId))));
  const counts = results.flatMap((result) => (result.used ? [result.uses] : []));
  expect(counts.sort()).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(results.map((result) => (result.used ? "served" : result.reason)))).toEqual(
    new Set(["served", "used-up"]),
  );
  expect(await auditRows(tokenId)).toBe(5);
  expect(await tables[0]!.find(tokenId)).toMatchObject({ uses: 5, maxUses: 5, lastUsedAt: now });
});

test("a revocation holds for every call that begins after it, from any pool, and no use is without its row", async () => {
  const { tokenId } = await create();
  const tables = [operatorTokenTable(database.pool), operatorTokenTable(second)];
  let revoked = false;
  let served = 0;
  const caller = async (index: number) => {
    for (let call = 0; call < 40; call++) {
      const begunAfter = revoked;
      const result = await tables[index % 2]!.use(use(tokenId));
      if (result.used) served += 1;
      else expect(result.reason).toBe("revoked");
      expect(begunAfter && result.used).toBe(false);
    }
  };
  const revoke = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await tables[1]!.revoke(tokenId, now);
    revoked = true;
  };
  await Promise.all([...Array.from({ length: 8 }, (_, index) => caller(index)), revoke()]);
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(320);
  expect(await auditRows(tokenId)).toBe(served);
  expect((await tables[0]!.find(tokenId))?.uses).toBe(served);
});

test("revoking is idempotent: the first instant stays, and an unknown id is none", async () => {
  const { tokenId } = await create();
  const tokens = operatorTokenTable(database.pool);
  expect((await tokens.revoke(tokenId, now))?.revokedAt).toBe(now);
  expect((await tokens.revoke(tokenId, unixSeconds(now + 50)))?.revokedAt).toBe(now);
  expect(await tokens.revoke("ffffffffffff", now)).toBeUndefined();
});

test("a clock that is behind can revoke", async () => {
  const { tokenId } = await create();
  const early = unixSeconds(now - 86_400);
  expect((await operatorTokenTable(database.pool).revoke(tokenId, early))?.revokedAt).toBe(early);
});

test("the statement and the rule of the core say the same, and a refusal writes nothing", async () => {
  const tokens = operatorTokenTable(database.pool);
  const uses = fc.record({
    operations: fc.subarray(["resolveIntent", "searchNodes", "*"]),
    operation: fc.constantFrom("resolveIntent", "searchNodes", "resolve"),
    maxUses: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
    usedBefore: fc.integer({ min: 0, max: 2 }),
    ends: fc.integer({ min: -1, max: 1 }),
    revoked: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(uses, async ({ operations, operation, maxUses, usedBefore, ends, revoked }) => {
      const { tokenId, expiresAt } = await create({ operations, maxUses });
      const used = Math.min(usedBefore, maxUses ?? 2);
      await database.pool.query("UPDATE operator_token SET uses = $2, last_used_at = $3 WHERE operator_token_id = $1", [
        tokenId,
        used,
        used > 0 ? now : null,
      ]);
      if (revoked) await tokens.revoke(tokenId, now);
      const at = unixSeconds(expiresAt + ends);
      const before = (await tokens.find(tokenId))!;
      const want = checkOperatorToken(before, { operation, now: at });
      const got = await tokens.use(use(tokenId, { operation, at }));
      expect(got).toEqual(want === undefined ? { used: true, uses: used + 1 } : { used: false, reason: want });
      expect(await auditRows(tokenId)).toBe(want === undefined ? 1 : 0);
      if (want !== undefined) expect(await tokens.find(tokenId)).toEqual(before);
    }),
    { numRuns: 150 },
  );
});

test("an unknown id is invalid, and leaves no row", async () => {
  expect(await operatorTokenTable(database.pool).use(use("000000000000"))).toEqual({ used: false, reason: "invalid" });
  expect(await auditRows("000000000000")).toBe(0);
});

test("when the audit row cannot be written, the use is not counted either", async () => {
  const { tokenId } = await create();
  const tokens = operatorTokenTable(database.pool);
  await expect(tokens.use({ ...use(tokenId), address: "\u0000" })).rejects.toThrow();
  await expect(tokens.use({ ...use(tokenId), requestId: null as unknown as string })).rejects.toThrow(/null value/);
  expect((await tokens.find(tokenId))?.uses).toBe(0);
});

test("last_used_at never goes back", async () => {
  const { tokenId } = await create();
  const tokens = operatorTokenTable(database.pool);
  await tokens.use(use(tokenId, { at: now + 10 }));
  await tokens.use(use(tokenId, { at: now }));
  expect(await tokens.find(tokenId)).toMatchObject({ uses: 2, lastUsedAt: now + 10 });
});

test("audit rows are only ever added, and the token of one cannot vanish", async () => {
  const { tokenId } = await create();
  await operatorTokenTable(database.pool).use(use(tokenId));
  for (const statement of ["UPDATE operator_use SET address = ''", "DELETE FROM operator_use", "TRUNCATE operator_use"])
    await expect(database.pool.query(statement)).rejects.toThrow("only added to");
  await expect(
    database.pool.query("DELETE FROM operator_token WHERE operator_token_id = $1", [tokenId]),
  ).rejects.toThrow(/foreign key/);
});

const columns = {
  operator_token_id: "00000000000a",
  secret_hash: Buffer.alloc(32),
  label: "probe",
  operations: ["resolveIntent"],
  created_at: now,
  expires_at: now + 1,
  max_uses: null,
  uses: 0,
  last_used_at: null,
};

test.each([
  { name: "an id in another form", changes: { operator_token_id: "00000000000G" } },
  { name: "a hash of another length", changes: { secret_hash: Buffer.alloc(31) } },
  { name: "an empty label", changes: { label: "" } },
  { name: "a long label", changes: { label: "a".repeat(65) } },
  { name: "a label with a control character", changes: { label: "a\u001b" } },
  { name: "an operation with a space", changes: { operations: ["a b"] } },
  { name: "an operation with a comma", changes: { operations: ["a,b"] } },
  { name: "a star among names", changes: { operations: ["*", "a"] } },
  { name: "a list of lists", changes: { operations: [["a"], ["b"]] } },
  { name: "an operation that is null", changes: { operations: [null] } },
  { name: "more operations than 32", changes: { operations: Array(33).fill("a") } },
  { name: "no end", changes: { expires_at: null } },
  { name: "an end at its beginning", changes: { expires_at: now } },
  { name: "a life of more than 366 days", changes: { expires_at: now + 366 * 86_400 + 1 } },
  { name: "no use at all", changes: { max_uses: 0 } },
  { name: "more uses than allowed", changes: { max_uses: 1, uses: 2, last_used_at: now } },
  { name: "uses that were never made", changes: { uses: 1 } },
])("the table refuses $name", async ({ changes }) => {
  const row = { ...columns, ...changes };
  const names = Object.keys(row);
  const text = `INSERT INTO operator_token (${names.join()}) VALUES (${names.map((_, index) => `$${index + 1}`).join()})`;
  await expect(database.pool.query(text, Object.values(row))).rejects.toThrow(/constraint/);
});

test("the row the others differ from is taken", async () => {
  const names = Object.keys(columns);
  const text = `INSERT INTO operator_token (${names.join()}) VALUES (${names.map((_, index) => `$${index + 1}`).join()})`;
  expect((await database.pool.query(text, Object.values(columns))).rowCount).toBe(1);
});

test("what is kept reads back as it was made, newest first, and holds no secret", async () => {
  const { text, token } = newOperatorToken(
    randomBytes(OPERATOR_TOKEN_RANDOM_BYTES),
    { label: "⚡ probe", operations: ["a", "b-c"], lifeSec: 366 * 86_400, maxUses: 7 },
    unixSeconds(now + 100_000),
  );
  const tokens = operatorTokenTable(database.pool);
  await tokens.append(token);
  const [first] = await tokens.list(1);
  expect({ ...first, secretHash: [...first!.secretHash] }).toEqual({ ...token, secretHash: [...token.secretHash] });
  const { rows } = await database.pool.query("SELECT operator_token::text AS row FROM operator_token");
  expect(rows.map((row) => row.row).join()).not.toContain(text.slice(17));
});

test("the last uses of a token and of the plain secret are apart, newest first", async () => {
  const { tokenId } = await create();
  const uses = operatorUseTable(database.pool);
  const plain = { operation: "resolveIntent", requestId: "plain", address: "192.0.2.8", at: now };
  await uses.append(plain);
  const calls = [use(tokenId, { at: now + 1 }), use(tokenId, { at: now + 2 }), use(tokenId, { at: now + 3 })];
  for (const call of calls) await operatorTokenTable(database.pool).use(call);
  const [, middle, last] = calls.map(({ tokenId: _, ...rest }) => rest);
  expect(await uses.last(tokenId, 2)).toEqual([last, middle]);
  expect(await uses.last(null, 10)).toEqual([plain]);
});

test("wrong credentials are counted for all processes together, and a spent range costs no query", async () => {
  const range = "198.51.100.0/24";
  const first = operatorGuesses(database.pool, { perRange: 3 });
  const other = operatorGuesses(second, { perRange: 3 });
  const waits = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? first : other).take(range, now)));
  expect(waits.filter((wait) => wait === 0)).toHaveLength(3);
  expect(waits.every((wait) => wait >= 0 && wait <= 60)).toBe(true);
  for (const each of [first, other]) expect(each.waitSec(range, now)).toBeGreaterThan(0);
  expect(first.waitSec("203.0.113.0/24", now)).toBe(0);
  expect(first.waitSec(range, unixSeconds(now + 61))).toBe(0);
});
