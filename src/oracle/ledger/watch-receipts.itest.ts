/** Payments of a node that dies, forgets and is replaced, followed by two processes on one database. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../adapters/postgres/connect.ts";
import { receiptTable } from "../../adapters/postgres/receipt.ts";
import { checkBooks, reconciliationTable } from "../../adapters/postgres/reconciliation.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { type FakeInvoices, fakeInvoices } from "../../testing/fake-invoices.ts";
import { reconcile } from "./reconcile.ts";
import { type WatchNews, watchReceipts } from "./watch-receipts.ts";

let database: TestDatabase;
let other: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  other = openDatabase({ url: database.url, maxConnections: 4, onError: () => undefined });
});
afterAll(async () => {
  await other.end();
  await database.close();
});

const clock = { now: 1_800_000_000 };
let lnd: FakeInvoices;
let watches: { stop(): Promise<void>; news: WatchNews[] }[];
beforeEach(async () => {
  clock.now += 86_400;
  lnd = fakeInvoices(clock);
  watches = [];
  await database.pool.query("TRUNCATE open_invoice, invoice_cursor, reconciliation");
});
afterEach(() => Promise.all(watches.map((watch) => watch.stop())));

/** A process that follows the node until it is stopped. */
function watch(pool: Database = database.pool, pauseMs = 20) {
  const ended = new AbortController();
  const news: WatchNews[] = [];
  const running = watchReceipts(
    {
      ...lnd.ports,
      ...receiptTable(pool),
      now: () => unixSeconds(clock.now),
      pause: (_ms, signal) => sleep(pauseMs, undefined, { signal }).catch(() => undefined),
      random: () => 0,
      hear: (each) => news.push(each),
    },
    ended.signal,
  );
  const stop = async () => {
    ended.abort();
    await running;
  };
  const process = { news, stop };
  watches.push(process);
  return process;
}

function reconcileNow(nodes: FakeInvoices[] = [lnd]) {
  const ports = {
    ...reconciliationTable(database.pool),
    nodes: nodes.map((node) => ({ ...node.ports, ...receiptTable(database.pool) })),
    payers: [],
    checkBooks: () => checkBooks(database.pool),
  };
  return reconcile(ports, { now: unixSeconds(clock.now), signal: new AbortController().signal });
}

const cursor = () => receiptTable(database.pool).readCursor(lnd.node.pubkey);
const booked = async (hashes: Uint8Array[]) => (await receiptTable(database.pool).amounts(hashes)).size;
const until = (probe: () => Promise<unknown>) => expect.poll(probe, { timeout: 5_000, interval: 10 });

/** Invoices, paid one after another. */
function pay(count: number, memo?: string): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const paymentHash = lnd.add(memo);
    lnd.pay(paymentHash, 1_000n + BigInt(n));
    return paymentHash;
  });
}

test("what was paid before the first start, and since, is booked once by two processes", async () => {
  const before = pay(1_500);
  const foreign = pay(3, "coffee");
  const processes = [watch(), watch(other)];
  await until(() => booked(before)).toBe(1_500);
  await until(async () => lnd.subscriptions()).toBe(2);
  const since = pay(700);
  await until(() => booked(since)).toBe(700);
  expect(await booked(foreign)).toBe(0);
  await until(async () => (await cursor())?.settleIndex).toBe(2_203n);
  const reports = processes.flatMap(({ news }) => news);
  expect(reports.filter(({ kind }) => kind === "interrupted")).toEqual([]);
  const books = await checkBooks(database.pool);
  expect(books.findings).toEqual([]);
});

test("nothing is missed across a restart of ours and a restart of LND", async () => {
  const first = pay(2);
  clock.now += 3_600;
  const process = watch();
  await until(() => booked(first)).toBe(2);
  await process.stop();
  const while1 = pay(5);
  watch();
  await until(() => booked(while1)).toBe(5);
  await until(async () => lnd.subscriptions()).toBe(1);
  lnd.kill();
  const while2 = pay(5);
  lnd.revive();
  const after = pay(5);
  await until(() => booked([...while2, ...after])).toBe(10);
  // The first reading was the only one: the cursor was enough.
  expect(watches.flatMap(({ news }) => news).filter(({ kind }) => kind === "started-over")).toHaveLength(1);
});

test("a first payment that falls between the listing and the subscription is found, also when no second one comes", async () => {
  const list = lnd.ports.listInvoices;
  let missed: Uint8Array | undefined;
  lnd.ports.listInvoices = async (page) => {
    if (missed) return list(page);
    [missed] = pay(1);
    return { invoices: [], lastAddIndex: page.afterAddIndex };
  };
  watch();
  await until(async () => lnd.subscriptions()).toBe(1);
  await until(() => booked([missed!])).toBe(1);
});

test("a first payment that was told to nobody is found with the second, before the cursor passes it for good", async () => {
  const list = lnd.ports.listInvoices;
  let missed: Uint8Array | undefined;
  lnd.ports.listInvoices = async (page) => {
    if (missed) return list(page);
    [missed] = pay(1);
    return { invoices: [], lastAddIndex: page.afterAddIndex };
  };
  const process = watch(database.pool, 60_000);
  await until(async () => lnd.subscriptions()).toBe(1);
  const second = pay(1);
  await until(() => booked([...second, missed!])).toBe(2);
  await process.stop();
});

test("an invoice that is paid after its page was read is not passed over", async () => {
  pay(1);
  clock.now += 3_600;
  const early = lnd.add();
  for (let n = 0; n < 1_000; n++) lnd.add("coffee");
  const late = lnd.add();
  const list = lnd.ports.listInvoices;
  lnd.ports.listInvoices = (page) => {
    if (page.afterAddIndex > 0n && page.afterAddIndex < 1_002n) for (const each of [early, late]) lnd.pay(each);
    return list(page);
  };
  watch();
  await until(() => booked([early, late])).toBe(2);
});

test("a node restored from a backup is read again from the start, and not waited for", async () => {
  const kept = pay(3);
  clock.now += 3_600;
  const backup = lnd.snapshot();
  const process = watch();
  await until(() => booked(kept)).toBe(3);
  await until(async () => lnd.subscriptions()).toBe(1);
  const lost = pay(4);
  await until(() => booked(lost)).toBe(4);
  lnd.kill();
  lnd.restore(backup);
  const since = pay(2);
  lnd.revive();
  await until(() => booked(since)).toBe(2);
  await until(async () => lnd.subscriptions()).toBe(1);
  const live = pay(2);
  await until(() => booked(live)).toBe(2);
  expect(process.news).toContainEqual(expect.objectContaining({ kind: "started-over", reason: "lost-data" }));
});

test("another node has a cursor of its own, and the first one's is still there", async () => {
  const first = pay(5);
  clock.now += 3_600;
  const process = watch();
  await until(() => booked(first)).toBe(5);
  await process.stop();
  const old = lnd;
  lnd = fakeInvoices(clock);
  const second = pay(2);
  watch();
  await until(() => booked(second)).toBe(2);
  expect(await receiptTable(database.pool).readCursor(old.node.pubkey)).toMatchObject({ settleIndex: 5n });
});

test("while the database is away the watch goes on trying, and books everything once", async () => {
  const table = receiptTable(database.pool);
  let failures = 3;
  const process = watch({
    connect: async () => {
      if (failures-- > 0) throw new Error("Connection terminated unexpectedly");
      return database.pool.connect();
    },
    query: database.pool.query.bind(database.pool),
  } as unknown as Database);
  const hashes = pay(10);
  await until(async () => (await table.amounts(hashes)).size).toBe(10);
  expect(process.news.some(({ kind }) => kind === "interrupted")).toBe(true);
});

test("a payment ends the sharing of its invoice", async () => {
  const process = watch();
  await until(async () => lnd.subscriptions()).toBe(1);
  const paymentHash = lnd.add();
  await database.pool.query(
    `INSERT INTO open_invoice (client, prefix, amount_msat, payment_hash, invoice, created_at, expires_at)
     VALUES (sha256('x'), 'p', 1000, $1, 'lnbcrt1', 1, 2000000000)`,
    [paymentHash],
  );
  lnd.pay(paymentHash);
  await until(() => booked([paymentHash])).toBe(1);
  expect((await database.pool.query("SELECT 1 FROM open_invoice")).rowCount).toBe(0);
  await process.stop();
});

test("the reconciliation books what nobody was told of, and then finds nothing", async () => {
  const paid = pay(1_200);
  lnd.add();
  const first = await reconcileNow();
  expect(first).toMatchObject({
    ok: true,
    findings: [],
    nodes: [{ paid: 1_200, healed: 1_200, startedOver: "first" }],
  });
  expect(await booked(paid)).toBe(1_200);
  clock.now += 600;
  expect(await reconcileNow()).toMatchObject({ ok: true, nodes: [{ healed: 0 }], unknown: [] });
});

test("what is final is not read again; what may still be paid is", async () => {
  pay(3);
  clock.now += 3_600;
  await reconcileNow();
  const open = lnd.add();
  pay(3);
  expect((await reconcileNow()).nodes[0]?.listed).toBe(4);
  clock.now += 60;
  lnd.pay(open);
  expect((await reconcileNow()).nodes[0]).toMatchObject({ listed: 4, paid: 4, healed: 1 });
  expect((await reconcileNow()).nodes[0]).toMatchObject({ listed: 0, paid: 0 });
  const never = lnd.add();
  lnd.add("for a year", 31_536_000);
  pay(1);
  expect((await reconcileNow()).nodes[0]).toMatchObject({ listed: 3 });
  lnd.cancel(never);
  await reconcileNow();
  expect((await reconcileNow()).nodes[0]).toMatchObject({ listed: 0 });
});

test("a receipt the node does not know, and one of another amount, are told and not changed", async () => {
  const [one] = pay(1);
  await reconcileNow();
  clock.now += 1_200;
  const unknown = new Uint8Array(32).fill(7);
  const receipt = { amount: 5_000n as never, settledAt: unixSeconds(clock.now) };
  await receiptTable(database.pool).record([{ ...receipt, paymentHash: unknown }], unixSeconds(clock.now));
  const wrong = lnd.add();
  await receiptTable(database.pool).record([{ ...receipt, paymentHash: wrong }], unixSeconds(clock.now));
  lnd.pay(wrong, 4_000n);
  const found = await reconcileNow();
  expect(found.ok).toBe(false);
  expect(found.findings).toHaveLength(2);
  expect(found.differenceMsat).toBe(6_000n);
  expect(found).toMatchObject({
    nodes: [{ differences: [{ bookedMsat: 5_000n, paidMsat: 4_000n }] }],
    unknown: [{ amountMsat: 5_000n }],
  });
  expect((await reconciliationTable(database.pool).latest())?.ok).toBe(false);
  expect(await booked([one!])).toBe(1);
});

test("a node that has lost data is a finding, once", async () => {
  pay(1);
  clock.now += 3_600;
  const backup = lnd.snapshot();
  pay(1);
  clock.now += 3_600;
  await reconcileNow();
  clock.now += 86_400;
  expect(await reconcileNow()).toMatchObject({ ok: true });
  clock.now += 86_400;
  lnd.restore(backup);
  // The cursor names a payment the node no longer has.
  await receiptTable(database.pool).resetCursor(lnd.node.pubkey, {
    settleIndex: 2n,
    paymentHash: new Uint8Array(32).fill(9),
    finalIndex: 2n,
    sinceAt: unixSeconds(clock.now - 200_000),
  });
  const told = async () => (await reconcileNow()).findings.join();
  expect(await told()).toMatch(/restored from a backup/);
  // And again by those that look back so far.
  expect(await told()).toMatch(/restored from a backup/);
  clock.now += 1_200;
  await reconcileNow();
  expect(await reconcileNow()).toMatchObject({ ok: true, nodes: [{ hasLostData: false }] });
});

test("that a node has lost data is a finding although a watch saw it first, with payments that are not news", async () => {
  pay(2);
  clock.now += 3_600;
  const backup = lnd.snapshot();
  const process = watch();
  await until(async () => lnd.subscriptions()).toBe(1);
  const lost = pay(3);
  await until(() => booked(lost)).toBe(3);
  for (let hour = 0; hour < 3; hour++) {
    clock.now += 3_600;
    expect(await reconcileNow()).toMatchObject({ ok: true });
  }
  lnd.kill();
  lnd.restore(backup);
  lnd.revive();
  await until(async () => process.news.map((each) => "reason" in each && each.reason)).toContain("lost-data");
  const found = await reconcileNow();
  expect(found.findings.join()).toMatch(/restored from a backup.*3 receipts are not known/);
  expect(found).toMatchObject({ ok: false, differenceMsat: 3_003n, nodes: [{ startedOver: undefined }] });
});

test("receipts of another node are told as that node's, and one that this node has lost is still found", async () => {
  const first = lnd;
  const ofFirst = pay(2);
  const process = watch();
  await until(() => booked(ofFirst)).toBe(2);
  await process.stop();
  expect(await reconcileNow()).toMatchObject({ ok: true });
  // The oracle moves to a second node, is paid there, and comes back.
  clock.now += 60;
  lnd = fakeInvoices(clock);
  const ofSecond = pay(3);
  const second = watch();
  await until(() => booked(ofSecond)).toBe(3);
  await second.stop();
  expect(await reconcileNow()).toMatchObject({ ok: true });
  const secondPubkey = lnd.node.pubkey;
  lnd = first;
  clock.now += 60;
  const found = await reconcileNow();
  expect(found).toMatchObject({
    ok: true,
    differenceMsat: 0n,
    nodes: [{ nodePubkey: first.node.pubkey }],
    unknown: [],
  });
  const received = { nodePubkey: secondPubkey, receivedMsat: 3_003n, receipts: 3n };
  expect(found.books.received).toContainEqual(received);
  const { facts } = (await reconciliationTable(database.pool).latest())!;
  expect(facts["nodes"]).toMatchObject([{ nodePubkey: first.node.pubkey }]);
  expect(facts["received"]).toContainEqual({ ...received, receivedMsat: "3003", receipts: "3" });
  // One of its own that it does not know.
  const own = { amount: 5_000n as never, settledAt: unixSeconds(clock.now), nodePubkey: first.node.pubkey };
  await receiptTable(database.pool).record([{ ...own, paymentHash: randomBytes(32) }], unixSeconds(clock.now));
  expect(await reconcileNow()).toMatchObject({
    ok: false,
    differenceMsat: 5_000n,
    unknown: [{ amountMsat: 5_000n }],
  });
});

test("two nodes are reconciled together: a receipt is known to the one that was paid", async () => {
  const fallback = fakeInvoices(clock);
  await reconcileNow([lnd, fallback]);
  clock.now += 60;
  const paid = [...pay(2), ...[0, 1, 2].map(() => fallback.add())];
  for (const hash of paid.slice(2)) fallback.pay(hash);
  expect(await reconcileNow([lnd, fallback])).toMatchObject({ ok: true, nodes: [{ healed: 2 }, { healed: 3 }] });
  clock.now += 60;
  expect(await reconcileNow([lnd, fallback])).toMatchObject({ ok: true, unknown: [], nodes: [{}, { healed: 0 }] });
  const receipt = {
    amount: 5_000n as never,
    settledAt: unixSeconds(clock.now),
    paymentHash: new Uint8Array(32).fill(8),
  };
  await receiptTable(database.pool).record([receipt], unixSeconds(clock.now));
  expect(await reconcileNow([lnd, fallback])).toMatchObject({
    differenceMsat: 5_000n,
    unknown: [{ amountMsat: 5_000n }],
  });
});

test("a node that is away is said to be, keeps nobody from the other, and nothing of it is called unknown", async () => {
  const fallback = fakeInvoices(clock);
  await reconcileNow([lnd, fallback]);
  const before = await reconciliationTable(database.pool).latest();
  clock.now += 60;
  const paid = pay(2);
  await reconcileNow([lnd]);
  const ofFallback = fallback.add();
  fallback.pay(ofFallback);
  lnd.kill();
  clock.now += 60;
  const found = await reconcileNow([lnd, fallback]);
  expect(found).toMatchObject({ ok: false, findings: [], differenceMsat: 0n, unknown: [], nodes: [{ healed: 1 }] });
  expect(found.unasked).toMatchObject([{ code: "LND_UNAVAILABLE" }]);
  expect(await booked([...paid, ofFallback])).toBe(3);
  expect((await reconciliationTable(database.pool).latest())?.at).toBeLessThan(clock.now);
  expect(before).toBeDefined();
  lnd.revive();
  expect(await reconcileNow([lnd, fallback])).toMatchObject({ ok: true, unasked: [] });
});
