/** Money while the first of two nodes dies between an invoice and its payment, and comes back. On the simulated network. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addInvoice } from "../adapters/lnd/add-invoice.ts";
import { closeLnd, type LndClient } from "../adapters/lnd/connect.ts";
import { lookupInvoice } from "../adapters/lnd/lookup-invoice.ts";
import { sendPayment } from "../adapters/lnd/send-payment.ts";
import { receiptTable } from "../adapters/postgres/receipt.ts";
import { decodeInvoice } from "../core/bolt11/decode.ts";
import { toHex } from "../core/bytes.ts";
import { msat } from "../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../testing/database.ts";
import { startTcpProxy, type TcpProxy } from "../testing/tcp-proxy.ts";
import { followReceipts } from "./api/receipts.ts";
import { now } from "./clock.ts";
import { type SimulatedLightning, startSimulatedLightning } from "./demo/lnd/start.ts";
import type { LndEndpoint as Simulated } from "./demo/lnd/start-nodes.ts";
import { createEvents } from "./events.ts";
import { openLnd } from "./lnd-endpoint.ts";
import { type LndNodes, openLndNodes } from "./lnd-nodes.ts";
import { createLog } from "./log.ts";
import { reconcileNow } from "./reconciliation.ts";

let database: TestDatabase;
let dataDir: string;
let lightning: SimulatedLightning;
let proxies: { primary: TcpProxy; fallback: TcpProxy };
let wallets: { primary: LndClient; fallback: LndClient };
let nodes: LndNodes;
let following: { stop(): Promise<void> };
const endpointOf = ({ tlsCertPath, macaroonPaths }: Simulated, host: string) => ({
  host,
  tlsCertPath,
  invoiceMacaroonPath: macaroonPaths.invoice,
  readonlyMacaroonPath: macaroonPaths.readonly,
  payMacaroonPath: macaroonPaths.pay,
});
beforeAll(async () => {
  database = await openTestDatabase();
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-failover-"));
  lightning = await startSimulatedLightning({ dataDir, seed: "test", now });
  const { oracle, payer } = lightning;
  proxies = { primary: await startTcpProxy(oracle.host), fallback: await startTcpProxy(payer.host) };
  // The simulated nodes pay one another, whether we reach them or not.
  wallets = {
    primary: openLnd(endpointOf(oracle, oracle.host), "pay"),
    fallback: openLnd(endpointOf(payer, payer.host), "pay"),
  };
  const endpoints = {
    primary: endpointOf(oracle, proxies.primary.host),
    fallback: endpointOf(payer, proxies.fallback.host),
  };
  const events = createEvents(createLog({ level: "silent", name: "test" }));
  nodes = openLndNodes(endpoints, ["readonly", "invoice"], events, new AbortController().signal, 100);
  await nodes.ready;
  following = followReceipts({ database: database.pool, nodes: nodes.each(), events });
});
afterAll(async () => {
  await following.stop();
  nodes.close();
  for (const wallet of Object.values(wallets)) closeLnd(wallet);
  for (const proxy of Object.values(proxies)) await proxy.close();
  await lightning.stop();
  await database.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

const invoices = () => nodes.group("invoice");
const sell = (amount: bigint) =>
  invoices().first((node) => addInvoice(node, { amount: msat(amount), memo: "SatRank intent", expirySec: 600 }));
const look = (paymentHash: Uint8Array) => invoices().search((node) => lookupInvoice(node, paymentHash));
const payeeOf = ({ invoice }: { invoice: string }) => toHex(decodeInvoice(invoice).payee);
const booked = async (...paymentHashes: Uint8Array[]) => [
  ...(await receiptTable(database.pool).amounts(paymentHashes)).values(),
];
const soon = { timeout: 60_000, interval: 50 };

async function pay(wallet: LndClient, { invoice }: { invoice: string }): Promise<void> {
  const paid = await sendPayment(wallet, { invoice, feeLimit: msat(100_000n), timeoutSec: 10 });
  expect(paid.status).toBe("succeeded");
}

test("what is paid to either node is booked once, whichever was away when", async () => {
  const { oracle, payer } = lightning;
  const before = await sell(3_000n);
  const late = await sell(5_000n);
  expect([payeeOf(before), payeeOf(late)]).toEqual([oracle.nodePubkey, oracle.nodePubkey]);
  await pay(wallets.fallback, before);
  await expect.poll(() => booked(before.paymentHash), soon).toEqual([3_000n]);

  await proxies.primary.set("refuse");
  await pay(wallets.fallback, late);
  // Whoever has paid this one must hear that we cannot tell, and never that there is no such invoice.
  await expect(look(late.paymentHash)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  const meanwhile = await sell(7_000n);
  expect(payeeOf(meanwhile)).toBe(payer.nodePubkey);
  await pay(wallets.primary, meanwhile);
  expect(await look(meanwhile.paymentHash)).toMatchObject({ state: "settled", amountPaid: 7_000n });
  await expect.poll(() => booked(meanwhile.paymentHash), soon).toEqual([7_000n]);
  expect(await booked(late.paymentHash)).toEqual([]);
  const half = await reconcile();
  expect(half).toMatchObject({ ok: false, findings: [], differenceMsat: 0n, unknown: [] });
  expect(half.unasked).toHaveLength(1);

  await proxies.primary.set("pass");
  await expect.poll(() => booked(late.paymentHash), soon).toEqual([5_000n]);
  await expect.poll(async () => payeeOf(await sell(1_000n)), soon).toEqual(oracle.nodePubkey);
  expect(await look(new Uint8Array(32))).toBeUndefined();

  const whole = await reconcile();
  expect(whole).toMatchObject({ ok: true, findings: [], unasked: [], unknown: [], books: { lightningMsat: 15_000n } });
  expect(whole.nodes.map(({ nodePubkey }) => nodePubkey)).toEqual([oracle.nodePubkey, payer.nodePubkey]);
  expect(await booked(before.paymentHash, late.paymentHash, meanwhile.paymentHash)).toHaveLength(3);
});

function reconcile() {
  const readers = nodes.each().flatMap(({ connections }) => connections.get("readonly") ?? []);
  return reconcileNow({ database: database.pool, nodes: readers, payers: [], signal: new AbortController().signal });
}
