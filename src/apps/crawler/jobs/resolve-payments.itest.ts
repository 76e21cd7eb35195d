/** The job on the simulated network: a payment that hangs, a node that is away meanwhile, and what the operator is told of both. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { addInvoice } from "../../../adapters/lnd/add-invoice.ts";
import { closeLnd, type LndClient } from "../../../adapters/lnd/connect.ts";
import type { Spending } from "../../../adapters/postgres/spend-budget.ts";
import { errorCode } from "../../../core/errors.ts";
import { SIMULATED_POLICY } from "../../../core/spend/policy.ts";
import { msat } from "../../../core/units.ts";
import { payInvoice } from "../../../oracle/spend/pay-invoice.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { startTcpProxy, type TcpProxy } from "../../../testing/tcp-proxy.ts";
import { now } from "../../clock.ts";
import { type SimulatedLightning, startSimulatedLightning } from "../../demo/lnd/start.ts";
import { openLnd } from "../../lnd-endpoint.ts";
import { type PayingNode, paymentPorts } from "../../payments.ts";
import { resolvePaymentsJob } from "./resolve-payments.ts";

const limits = SIMULATED_POLICY.payments;
const AMOUNT = 10_000n;

let database: TestDatabase;
let dataDir: string;
let lightning: SimulatedLightning;
let proxy: TcpProxy;
let payee: LndClient;
let node: PayingNode;
beforeAll(async () => {
  database = await openTestDatabase(4);
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-resolve-"));
  lightning = await startSimulatedLightning({ dataDir, seed: "test", now });
  const endpoint = ({ tlsCertPath, macaroonPaths }: SimulatedLightning["oracle"], host: string) => ({
    host,
    tlsCertPath,
    invoiceMacaroonPath: macaroonPaths.invoice,
    readonlyMacaroonPath: macaroonPaths.readonly,
    payMacaroonPath: macaroonPaths.pay,
  });
  const { oracle, payer } = lightning;
  proxy = await startTcpProxy(oracle.host);
  payee = openLnd(endpoint(payer, payer.host), "invoice");
  const ours = endpoint(oracle, proxy.host);
  node = { readonly: openLnd(ours, "readonly"), pay: openLnd(ours, "pay") };
});
afterAll(async () => {
  for (const each of [payee, node.readonly, node.pay]) closeLnd(each);
  await proxy.close();
  await lightning.stop();
  await database.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

let letGo: (() => void) | undefined;
afterEach(() => letGo?.());

/** Runs the job once, with all that it tells. */
async function run(payers: PayingNode[] = [node]) {
  const told = { spending: [] as Spending[], failed: [] as unknown[], missing: [] as string[] };
  const events = {
    spending: (spending: Spending, limit: bigint) => {
      expect(limit).toBe(limits.per24hMsat);
      told.spending.push(spending);
    },
    paymentsResolved: ({ missing }: { missing: readonly string[] }) => void told.missing.push(...missing),
    failed: (_place: string, error: unknown) => void told.failed.push(errorCode(error)),
  };
  const { signal } = new AbortController();
  const facts = await resolvePaymentsJob({
    database: database.pool,
    payers: () => payers,
    limits,
    events,
    signal,
  }).run();
  return { facts, ...told };
}

test("a payment that hangs is counted until its end is found, whether the node answers or not", async () => {
  expect(await run()).toMatchObject({ facts: { taken: 0 }, failed: [] });
  const { invoice, paymentHash } = await addInvoice(payee, { amount: msat(AMOUNT), memo: "for sale", expirySec: 600 });
  letGo = lightning.htlcs.hold(lightning.payer.nodePubkey);
  const ports = paymentPorts(database.pool, node);
  const request = {
    invoice,
    amount: undefined,
    subject: undefined,
    purpose: "test",
    actor: "test",
    limits,
    now: now(),
  };
  const paying = payInvoice(ports, request);
  await expect.poll(async () => (await run([])).spending[0]!.counts.sending).toBe(1);
  // On its way, and not only about to be sent: what never left is known to have failed.
  await expect.poll(() => ports.track(paymentHash)).toMatchObject({ status: "in-flight" });
  await proxy.set("refuse");
  expect(await paying).toMatchObject({ send: { sent: true, payment: { state: "unknown" } } });

  // The node is away: it is said, nothing is given up, and what is held still counts against the budget.
  const away = await run();
  expect(away).toMatchObject({ facts: { taken: 0 }, failed: ["LND_UNAVAILABLE"], missing: [] });
  expect(away.spending.at(-1)).toMatchObject({ counts: { unknown: 1 } });
  expect(away.spending.at(-1)!.held).toBeGreaterThanOrEqual(AMOUNT);

  await proxy.set("pass");
  await expect.poll(async () => (await run()).facts).toMatchObject({ taken: 0, waiting: 1 });
  letGo();
  await expect.poll(async () => (await run()).facts).toMatchObject({ taken: 1, succeeded: 1 });
  const after = await run();
  expect(after).toMatchObject({ facts: { taken: 0 }, failed: [], missing: [] });
  expect(after.spending).toMatchObject([{ counts: { unknown: 0, sending: 0, succeeded: 1 }, held: 0n }]);
});
