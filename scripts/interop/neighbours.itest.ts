/** A client of another payment scheme at our door: it must see that the offer is not for it, and pay nothing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestDatabase, type TestDatabase } from "../../src/testing/database.ts";
import { startTollApi, type Toll } from "../../src/testing/toll-api.ts";
// The package's entry needs viem, for chains that this client is not used with.
import { from as paymentFetch } from "./node_modules/mppx/dist/client/internal/Fetch.js";
import { from as paymentMethod, toClient } from "./node_modules/mppx/dist/Method.js";
import { object, string } from "./node_modules/mppx/dist/zod.js";

let database: TestDatabase;
let toll: Toll;
beforeAll(async () => {
  database = await openTestDatabase();
  toll = await startTollApi(database.pool);
});
afterAll(async () => {
  await toll.close();
  await database.close();
});

test("mppx 0.11.0 with a Lightning method: our offer is not one of its own, so it pays nothing and says so", async () => {
  let credentials = 0;
  const charge = paymentMethod({
    name: "lightning",
    intent: "charge",
    schema: { credential: { payload: object({ preimage: string() }) }, request: object({ amount: string() }) },
  });
  const lightning = toClient(charge, {
    async createCredential() {
      credentials += 1;
      return "Payment none";
    },
  });
  const fetchWithPayment = paymentFetch({ methods: [lightning] });
  const asked = fetchWithPayment(`${toll.origin}/api/toll`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ word: "hello" }),
  });
  await expect(asked).rejects.toThrow(/payment/i);
  expect(credentials).toBe(0);
  expect(toll.handler.served).toBe(0);
});
