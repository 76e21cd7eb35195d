/** The simulated node under this program's own adapters, held to what LND 0.20.3 was seen to do (docs/lnd.md). */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addInvoice } from "../../../adapters/lnd/add-invoice.ts";
import { attemptCall } from "../../../adapters/lnd/attempt-call.ts";
import { attemptStream } from "../../../adapters/lnd/attempt-stream.ts";
import { cancelInvoice } from "../../../adapters/lnd/cancel-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "../../../adapters/lnd/connect.ts";
import { examineConnection } from "../../../adapters/lnd/examine-connection.ts";
import { decodeAnswer } from "../../../adapters/lnd/fields.ts";
import { listInvoices } from "../../../adapters/lnd/list-invoices.ts";
import { lookupInvoice } from "../../../adapters/lnd/lookup-invoice.ts";
import type { Rpc } from "../../../adapters/lnd/rpcs.ts";
import { sendPayment } from "../../../adapters/lnd/send-payment.ts";
import { subscribeInvoices } from "../../../adapters/lnd/subscribe-invoices.ts";
import { msat, type UnixSeconds } from "../../../core/units.ts";
import { type SimulatedLightning, startSimulatedLightning } from "./start.ts";
import type { LndEndpoint } from "./start-nodes.ts";

const clock = { now: 1_770_000_000 as UnixSeconds };
const start = (dataDir: string) => startSimulatedLightning({ dataDir, seed: "like-lnd", now: () => clock.now });
const opened: LndClient[] = [];
const homes: string[] = [];

async function open(endpoint: LndEndpoint, file: keyof LndEndpoint["macaroonPaths"]): Promise<LndClient> {
  const macaroonHex = (await readFile(endpoint.macaroonPaths[file])).toString("hex");
  const client = connectLnd({ host: endpoint.host, tlsCert: await readFile(endpoint.tlsCertPath), macaroonHex });
  opened.push(client);
  return client;
}

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "like-lnd-"));
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

let dataDir: string;
let world: SimulatedLightning;
let oracle: LndClient;
let payer: LndClient;
beforeAll(async () => {
  dataDir = await makeHome();
  world = await start(dataDir);
  oracle = await open(world.oracle, "invoice");
  payer = await open(world.payer, "pay");
});
afterAll(async () => {
  for (const client of opened) closeLnd(client);
  await world.stop();
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

describe("canceling", () => {
  test("an open invoice, twice; then nobody can pay it", async () => {
    const made = await addInvoice(oracle, wish);
    expect(await cancelInvoice(oracle, made.paymentHash)).toBe("canceled");
    expect(await lookupInvoice(oracle, made.paymentHash)).toEqual({ state: "canceled", amountPaid: 0n });
    expect(await cancelInvoice(oracle, made.paymentHash)).toBe("canceled");
    expect(await ask(oracle, "CancelInvoice", { payment_hash: made.paymentHash })).toEqual({});
    expect(await pay(payer, made.invoice)).toMatchObject({ status: "failed", reason: "incorrect-payment-details" });
  });

  test("a settled one, an unknown one and half a hash: UNKNOWN, in LND's words", async () => {
    const made = await addInvoice(oracle, wish);
    expect(await pay(payer, made.invoice)).toMatchObject({ status: "succeeded" });
    expect(await cancelInvoice(oracle, made.paymentHash)).toBe("settled");
    const cancel = (payment_hash: Uint8Array) => ask(oracle, "CancelInvoice", { payment_hash });
    expect(await cancel(made.paymentHash)).toEqual({ code: 2, details: "invoice already settled" });
    const nobodys = randomBytes(32);
    expect(await cancelInvoice(oracle, nobodys)).toBe("unknown");
    expect(await cancel(nobodys)).toEqual({ code: 2, details: "unable to locate invoice" });
    expect(await cancel(nobodys.subarray(1))).toEqual({ code: 2, details: "invalid hash length of 31, want 32" });
    expect(await ask(oracle, "LookupInvoiceV2", {})).toEqual({ code: 3, details: "invoice ref must be set" });
    const looked = await ask(oracle, "LookupInvoiceV2", { payment_hash: nobodys });
    expect(looked).toEqual({ code: 5, details: "unable to locate invoice" });
  });

  test("without the permission an open one stays open, and a settled one is still known to be", async () => {
    const readonly = await open(world.oracle, "readonly");
    const made = await addInvoice(oracle, wish);
    await expect(cancelInvoice(readonly, made.paymentHash)).rejects.toMatchObject({ code: "LND_REFUSED" });
    expect(await lookupInvoice(oracle, made.paymentHash)).toMatchObject({ state: "open" });
    await pay(payer, made.invoice);
    expect(await cancelInvoice(readonly, made.paymentHash)).toBe("settled");
  });

  test("while a payment is on its way one of the two wins, and both sides say which", async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 30; round++) {
      const made = await addInvoice(oracle, wish);
      const paying = pay(payer, made.invoice);
      await new Promise((resolve) => setTimeout(resolve, round / 4));
      const canceled = await cancelInvoice(oracle, made.paymentHash);
      const { status } = await paying;
      const state = (await lookupInvoice(oracle, made.paymentHash))?.state;
      outcomes.add(`${canceled}, ${status}, ${state}`);
    }
    const possible = ["canceled, failed, canceled", "settled, succeeded, settled"];
    expect(possible).toEqual(expect.arrayContaining([...outcomes]));
  });
});

test("an expired invoice cancels itself, and to cancel it again is no news", async () => {
  const made = await addInvoice(oracle, { ...wish, expirySec: 1 });
  clock.now = (clock.now + 1) as UnixSeconds;
  expect(await lookupInvoice(oracle, made.paymentHash)).toEqual({ state: "canceled", amountPaid: 0n });
  expect(await cancelInvoice(oracle, made.paymentHash)).toBe("canceled");
  await expect(pay(payer, made.invoice)).rejects.toMatchObject({ code: "LND_REFUSED" });
});

describe("listing", () => {
  test("goes forward in pages, past the end it stays where it is", async () => {
    const { lastAddIndex: before } = await listInvoices(oracle, { afterAddIndex: 0n, limit: 1_000 });
    for (let i = 0; i < 5; i++) await addInvoice(oracle, { ...wish, memo: `nr ${i}\u202e\n` });
    const first = await listInvoices(oracle, { afterAddIndex: before, limit: 3 });
    expect(first.invoices.map(({ memo }) => memo)).toEqual(["nr 0??", "nr 1??", "nr 2??"]);
    const second = await listInvoices(oracle, { afterAddIndex: first.lastAddIndex, limit: 3 });
    expect(second.invoices.map(({ addIndex, state }) => [addIndex, state])).toEqual([
      [before + 4n, "open"],
      [before + 5n, "open"],
    ]);
    const { lastAddIndex } = second;
    expect(await listInvoices(oracle, { afterAddIndex: lastAddIndex, limit: 3 })).toEqual({
      invoices: [],
      lastAddIndex,
    });
    expect(await ask(oracle, "ListInvoices", { index_offset: "99999" })).toMatchObject({ last_index_offset: "0" });
  });
});

describe("subscribing", () => {
  test("from an index replays what settled after it; from 0, and from one not reached yet, it hides", async () => {
    const { invoices } = await listInvoices(oracle, { afterAddIndex: 0n, limit: 1_000 });
    const top = invoices.reduce((most, { settleIndex }) => (settleIndex > most ? settleIndex : most), 0n);
    const pays = (count: number) => async () => {
      for (let i = 0; i < count; i++) await pay(payer, (await addInvoice(oracle, wish)).invoice);
    };
    expect(await collect(oracle, 0n, 2, pays(2))).toEqual([top + 1n, top + 2n]);
    expect(await collect(oracle, top, 2)).toEqual([top + 1n, top + 2n]);
    expect(await collect(oracle, top + 1n, 3, pays(2))).toEqual([top + 2n, top + 3n, top + 4n]);
    expect(await collect(oracle, top + 7n, 1, pays(4))).toEqual([top + 8n]);
  });

  test("says nothing of what is canceled or expires", async () => {
    const rows: unknown[] = [];
    const stop = new AbortController();
    const listening = (async () => {
      for await (const reply of attemptStream(oracle, "SubscribeInvoices", {}, { signal: stop.signal })) {
        if (!reply.ok) break;
        const { state, memo } = decodeAnswer("SubscribeInvoices", reply.bytes).fields;
        rows.push(`${state} ${memo}`);
      }
    })();
    const made = await addInvoice(oracle, { ...wish, memo: "to cancel" });
    await addInvoice(oracle, { ...wish, memo: "to expire", expirySec: 1 });
    await cancelInvoice(oracle, made.paymentHash);
    clock.now = (clock.now + 1) as UnixSeconds;
    await addInvoice(oracle, { ...wish, memo: "last" });
    await expect.poll(() => rows.at(-1)).toBe("OPEN last");
    stop.abort();
    await listening;
    expect(rows).toEqual(["OPEN to cancel", "OPEN to expire", "OPEN last"]);
  });
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
