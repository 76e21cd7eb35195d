/**
 * What a simulated node knows of its invoices when it begins and after a restart, under this program's own adapters.
 * What it has in common with a real node is held by src/testing/conformance.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { addInvoice } from "../../../adapters/lnd/add-invoice.ts";
import { attemptCall } from "../../../adapters/lnd/attempt-call.ts";
import { cancelInvoice } from "../../../adapters/lnd/cancel-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "../../../adapters/lnd/connect.ts";
import { examineConnection } from "../../../adapters/lnd/examine-connection.ts";
import { decodeAnswer } from "../../../adapters/lnd/fields.ts";
import { listInvoices } from "../../../adapters/lnd/list-invoices.ts";
import type { Rpc } from "../../../adapters/lnd/rpcs.ts";
import { sendPayment } from "../../../adapters/lnd/send-payment.ts";
import { subscribeInvoices } from "../../../adapters/lnd/subscribe-invoices.ts";
import { msat, type UnixSeconds } from "../../../core/units.ts";
import { startSimulatedLightning } from "./start.ts";
import type { LndEndpoint } from "./start-nodes.ts";

const clock = { now: 1_770_000_000 as UnixSeconds };
const start = (dataDir: string) => startSimulatedLightning({ dataDir, seed: "kept", now: () => clock.now });
const opened: LndClient[] = [];
const homes: string[] = [];

async function open(endpoint: LndEndpoint, file: keyof LndEndpoint["macaroonPaths"]): Promise<LndClient> {
  const macaroonHex = (await readFile(endpoint.macaroonPaths[file])).toString("hex");
  const client = connectLnd({ host: endpoint.host, tlsCert: await readFile(endpoint.tlsCertPath), macaroonHex });
  opened.push(client);
  return client;
}

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "kept-invoices-"));
  homes.push(home);
  return home;
}

/** The gRPC status of a call, or its answer. */
async function ask(client: LndClient, rpc: Rpc, request: object) {
  const reply = await attemptCall(client, rpc, request);
  if (reply.ok) return decodeAnswer(rpc, reply.bytes).fields;
  return { code: reply.failure.code, details: reply.failure.details };
}

/** Settle indexes that are replayed or come while `during` runs; `count` of them. */
async function collect(client: LndClient, afterSettleIndex: bigint, count: number, during = async () => {}) {
  const seen: bigint[] = [];
  const running = new Promise<void>((resolve, reject) => setImmediate(() => void during().then(resolve, reject)));
  for await (const { settleIndex } of subscribeInvoices(client, { afterSettleIndex })) {
    seen.push(settleIndex);
    if (seen.length === count) break;
  }
  await running;
  return seen;
}

const wish = { amount: msat(1_000n), memo: "lab", expirySec: 600 };
const pay = (client: LndClient, invoice: string) =>
  sendPayment(client, { invoice, feeLimit: msat(100_000n), timeoutSec: 20 });

afterAll(async () => {
  for (const client of opened) closeLnd(client);
  for (const home of homes) await rm(home, { recursive: true, force: true });
});

test("a node that never had an invoice: its lookups, its list, its permissions", async () => {
  const empty = await start(await makeHome());
  const client = await open(empty.oracle, "invoice");
  const hash = randomBytes(32);
  const none = "there are no existing invoices";
  expect(await ask(client, "LookupInvoice", { r_hash: hash })).toEqual({ code: 5, details: none });
  expect(await ask(client, "LookupInvoiceV2", { payment_hash: hash })).toEqual({ code: 2, details: none });
  expect(await listInvoices(client, { afterAddIndex: 0n, limit: 10 })).toEqual({ invoices: [], lastAddIndex: 0n });
  expect(await cancelInvoice(client, hash)).toBe("unknown");
  const missing = async (asked: LndClient) =>
    (await examineConnection(asked, ["invoices:read", "invoices:write"], clock.now)).missing;
  expect(await missing(client)).toEqual([]);
  const readonly = await open(empty.oracle, "readonly");
  expect(await missing(readonly)).toEqual(["invoices:write"]);
  const spender = await open(empty.oracle, "pay");
  expect(await missing(spender)).toEqual(["invoices:read", "invoices:write"]);
  await empty.stop();
});

test("after a restart indexes go on, cancellations hold, and a subscription replays what settled", async () => {
  const home = await makeHome();
  const before = await start(home);
  const seller = await open(before.oracle, "invoice");
  const buyer = await open(before.payer, "pay");
  const make = () => addInvoice(seller, wish);
  const [first, second, canceled, stillOpen] = [await make(), await make(), await make(), await make()];
  await pay(buyer, second.invoice);
  await pay(buyer, first.invoice);
  await cancelInvoice(seller, canceled.paymentHash);
  const dying = await addInvoice(seller, { ...wish, expirySec: 10 });
  // Not stopped in order: the journal is only what its fsync has left on the disk.
  clock.now = (clock.now + 10) as UnixSeconds;
  const after = await start(home);
  const again = await open(after.oracle, "invoice");
  expect(await collect(again, 1n, 1)).toEqual([2n]);
  const { invoices } = await listInvoices(again, { afterAddIndex: 0n, limit: 10 });
  expect(invoices.map(({ state, settleIndex }) => `${state} ${settleIndex}`)).toEqual([
    "settled 2",
    "settled 1",
    "canceled 0",
    "open 0",
    "canceled 0",
  ]);
  expect(await cancelInvoice(again, dying.paymentHash)).toBe("canceled");
  expect(await cancelInvoice(again, stillOpen.paymentHash)).toBe("canceled");
  await addInvoice(again, wish);
  const { lastAddIndex } = await listInvoices(again, { afterAddIndex: 0n, limit: 10 });
  expect(lastAddIndex).toBe(6n);
  await before.stop();
  await after.stop();
});

test("hundreds of invoices that nobody paid leave the journal as soon as it is read again", async () => {
  const home = await makeHome();
  const before = await start(home);
  const seller = await open(before.oracle, "invoice");
  const paid = await addInvoice(seller, wish);
  await pay(await open(before.payer, "pay"), paid.invoice);
  const make = () => addInvoice(seller, { ...wish, expirySec: 60 });
  for (let i = 0; i < 6; i++) await Promise.all(Array.from({ length: 100 }, make));
  await before.stop();
  const journal = join(home, "journal.jsonl");
  expect((await stat(journal)).size).toBeGreaterThan(300_000);

  clock.now = (clock.now + 60 + 3_600) as UnixSeconds;
  const after = await start(home);
  expect((await stat(journal)).size).toBeLessThan(5_000);
  const again = await open(after.oracle, "invoice");
  const { invoices } = await listInvoices(again, { afterAddIndex: 0n, limit: 1_000 });
  // The paid one, and the last index, which is not given out twice.
  expect(invoices.map(({ addIndex, state }) => [addIndex, state])).toEqual([[1n, "settled"]]);
  await addInvoice(again, wish);
  expect((await listInvoices(again, { afterAddIndex: 1n, limit: 10 })).lastAddIndex).toBe(602n);
  await after.stop();
});
