/** A process that stands still in the middle of a transaction, for longer than the database waits, and then goes on. */
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chargeTable } from "../../adapters/postgres/charge.ts";
import { checkBooks } from "../../adapters/postgres/reconciliation.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { errorCode } from "../../core/errors.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase(10);
});
afterAll(() => database.close());

const at = unixSeconds(1_790_000_000);
/** Longer than a session may idle in a transaction (connect.ts). */
const STALL_MS = 3_300;

/** Before the first statement that `isIt` knows, nothing in this process runs for a while, as after SIGSTOP and SIGCONT. */
function stallingPool(isIt: (text: string) => boolean): pg.Pool {
  let stalled = false;
  const stallingClient = (client: pg.PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (name !== "query") return typeof value === "function" ? value.bind(target) : value;
        return (...parameters: [string]) => {
          if (!stalled && isIt(String(parameters[0]))) {
            stalled = true;
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
          }
          return target.query(...parameters);
        };
      },
    });
  return new Proxy(database.pool, {
    get(target, name) {
      if (name === "connect") return async () => stallingClient(await target.connect());
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test.each(["SELECT account_id", "INSERT INTO kept_answer", "COMMIT"])(
  "a stall before %s is a database that does not answer, not a fault of ours, and nothing is charged for it",
  async (statement) => {
    const tokenId = randomBytes(32);
    const tokens = tokenTable(database.pool);
    await tokens.credit({ tokenId, paymentHash: randomBytes(32), amount: msat(5_000n), settledAt: at, at });
    const charges = chargeTable(stallingPool((text) => text.startsWith(statement)));
    const retryKey = { key: "k", fingerprint: Buffer.alloc(32) };
    const charge = { tokenId, operation: "toll", amount: msat(1_000n), at, budgets: [], retryKey };
    const failure = await charges.reserve(charge).then(
      () => "held",
      (error: unknown) => errorCode(error) ?? String(error),
    );
    expect.soft(failure).toBe("DATABASE_UNAVAILABLE");
    await charges.beat(at);
    expect(await charges.reserve(charge)).toMatchObject({ held: true, left: 4_000n });
    await charges.end(at);
    expect((await tokens.account(tokenId))?.balance).toBe(5_000n);
    expect(await checkBooks(database.pool)).toMatchObject({ differenceMsat: 0n, findings: [] });
  },
  30_000,
);
