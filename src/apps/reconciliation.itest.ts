/** Payments on the simulated network, through LND's gRPC: followed by the api, reconciled by the crawler. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addInvoice } from "../adapters/lnd/add-invoice.ts";
import { cancelInvoice } from "../adapters/lnd/cancel-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "../adapters/lnd/connect.ts";
import { sendPayment } from "../adapters/lnd/send-payment.ts";
import { receiptTable } from "../adapters/postgres/receipt.ts";
import { msat } from "../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../testing/database.ts";
import { followReceipts } from "./api/receipts.ts";
import { now } from "./clock.ts";
import { reconcileJob } from "./crawler/jobs/reconcile.ts";
import { type SimulatedLightning, startSimulatedLightning } from "./demo/lnd/start.ts";
import type { LndEndpoint } from "./demo/lnd/start-nodes.ts";
import { reconcileNow } from "./reconciliation.ts";

let database: TestDatabase;
let lightning: SimulatedLightning;
let dataDir: string;
let lnd: { invoice: LndClient; readonly: LndClient; payer: LndClient };
beforeAll(async () => {
  database = await openTestDatabase();
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-reconcile-"));
  lightning = await startSimulatedLightning({ dataDir, seed: "test", now });
  const dial = (endpoint: LndEndpoint, purpose: keyof LndEndpoint["macaroonPaths"]) =>
    connectLnd({
      host: endpoint.host,
      tlsCert: fs.readFileSync(endpoint.tlsCertPath),
      macaroonHex: fs.readFileSync(endpoint.macaroonPaths[purpose]).toString("hex"),
    });
  const { oracle, payer } = lightning;
  lnd = { invoice: dial(oracle, "invoice"), readonly: dial(oracle, "readonly"), payer: dial(payer, "pay") };
});
afterAll(async () => {
  for (const client of Object.values(lnd)) closeLnd(client);
  await lightning.stop();
  await database.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

async function payOne(memo = "SatRank intent"): Promise<Uint8Array> {
  const { paymentHash, invoice } = await addInvoice(lnd.invoice, { amount: msat(1_000n), memo, expirySec: 600 });
  const paid = await sendPayment(lnd.payer, { invoice, feeLimit: msat(10_000n), timeoutSec: 10 });
  expect(paid.status).toBe("succeeded");
  return paymentHash;
}

test("payments are booked as they come, and reconciled when nobody listened", async () => {
  const failures: unknown[] = [];
  const events = {
    receiptsBooked: () => undefined,
    receiptsStartedOver: () => undefined,
    failed: (_place: string, error: unknown) => void failures.push(error),
  };
  const booked = async (hashes: Uint8Array[]) => (await receiptTable(database.pool).amounts(hashes)).size;
  const before = await payOne();
  const following = followReceipts({
    database: database.pool,
    nodes: [{ connections: new Map(Object.entries({ invoice: lnd.invoice, readonly: lnd.readonly })) as never }],
    events,
  });
  await expect.poll(() => booked([before]), { timeout: 10_000 }).toBe(1);
  const during = await payOne();
  await expect.poll(() => booked([during]), { timeout: 10_000 }).toBe(1);
  const foreign = await payOne("coffee");
  await following.stop();
  expect(failures).toEqual([]);

  const unheard = await payOne();
  const { paymentHash: canceled } = await addInvoice(lnd.invoice, {
    amount: msat(1_000n),
    memo: "SatRank intent",
    expirySec: 600,
  });
  expect(await cancelInvoice(lnd.invoice, canceled)).toBe("canceled");
  const stages: string[] = [];
  const found = await reconcileNow({
    database: database.pool,
    nodes: [lnd.readonly],
    payers: [],
    signal: new AbortController().signal,
    onStage: (stage) => stages.push(stage),
  });
  expect(found).toMatchObject({ ok: true, differenceMsat: 0n, nodes: [{ healed: 1, differences: [] }], unknown: [] });
  expect(found.books).toMatchObject({ lightningMsat: 3_000n, unclaimedMsat: 3_000n });
  expect(await booked([before, during, unheard])).toBe(3);
  expect(await booked([foreign, canceled])).toBe(0);
  expect(stages).toContain("charges and balances");

  const reported: object[] = [];
  const job = reconcileJob({
    database: database.pool,
    nodes: () => [lnd.readonly],
    payers: () => [],
    everySec: 600,
    events: { reconciled: (facts) => void reported.push(facts) },
    signal: new AbortController().signal,
  });
  expect(await job.run()).toMatchObject({ ok: true, healed: 0, findings: 0 });
  expect(reported).toMatchObject([{ differenceMsat: 0n, unclaimedMsat: 3_000n, findings: [] }]);
});
