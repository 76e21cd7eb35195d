/** `satrank token revoke` on a real database: the account opens nothing any more, in every process. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { toHex } from "../../core/bytes.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { holderOn, read } from "../../testing/holder.ts";
import { startTollApi, type Toll } from "../../testing/toll-api.ts";
import { tokenCommand } from "./commands/token.ts";
import { createOutput } from "./terminal.ts";

let database: TestDatabase;
let api: Toll;
beforeAll(async () => {
  database = await openTestDatabase(10);
  api = await startTollApi(database.pool);
  vi.stubEnv("DATABASE_URL", database.url);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api.close();
  await database.close();
});

async function revoke(text: string): Promise<{ tokenId: string; revokedAt: number; balanceMsat: string }> {
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((part) => {
    out += String(part);
    return true;
  });
  try {
    await tokenCommand(createOutput({ json: true, colour: false })).parseAsync(["revoke", text], { from: "user" });
  } finally {
    write.mockRestore();
  }
  return JSON.parse(out);
}

test.each([
  { name: "its token", of: (macaroon: string) => macaroon },
  { name: "its token id", of: (macaroon: string) => read(macaroon).tokenId },
])("an account is withdrawn by $name, once and for all", async ({ of }) => {
  const holder = holderOn(api);
  const owned = await holder.deposit(50);
  expect((await holder.call(owned)).status).toBe(200);
  const first = await revoke(of(owned.macaroon));
  expect(first).toMatchObject({ tokenId: read(owned.macaroon).tokenId, balanceMsat: "49000" });
  const refused = await holder.call(owned);
  expect([refused.status, refused.code]).toEqual([402, "TOKEN_REVOKED"]);
  expect(await revoke(of(owned.macaroon))).toEqual(first);
});

test("an account that there is not is said so", async () => {
  const tokenId = randomBytes(32);
  await expect(revoke(toHex(tokenId))).rejects.toMatchObject({ code: "SUBJECT_UNKNOWN" });
  expect(await tokenTable(database.pool).account(tokenId)).toBeUndefined();
});
