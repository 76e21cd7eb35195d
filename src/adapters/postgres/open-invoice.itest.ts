/** Places for open invoices, claimed from two pools at once as two processes would. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { openDatabase } from "./connect.ts";
import { type InvoiceClaim, openInvoiceTable } from "./open-invoice.ts";
import { receiptTable } from "./receipt.ts";

let test1: TestDatabase;
let other: ReturnType<typeof openDatabase>;
let tables: ReturnType<typeof openInvoiceTable>[];
beforeAll(async () => {
  test1 = await openTestDatabase();
  other = openDatabase({ url: test1.url, maxConnections: 10, onError: () => undefined });
  tables = [openInvoiceTable(test1.pool), openInvoiceTable(other)];
});
afterEach(() => test1.pool.query("TRUNCATE open_invoice"));
afterAll(async () => {
  await other.end();
  await test1.close();
});

const NOW = 1_800_000_000;
const at = (sec: number) => unixSeconds(NOW + sec);
const digest = (name: string) => new Uint8Array(createHash("sha256").update(name).digest());
const table = (index = 0) => tables[index % 2]!;

function wish(change: Partial<InvoiceClaim> = {}): InvoiceClaim {
  return {
    client: undefined,
    prefix: "192.0.2.0/24",
    amount: msat(1_000n),
    now: at(0),
    freed: undefined,
    minLifeSec: 130,
    limits: { perPrefix: 3, total: 10 },
    ...change,
  };
}

/** Claims and fills, as after a successful AddInvoice. */
async function open(change: Partial<InvoiceClaim> = {}, lifeSec = 610): Promise<Uint8Array> {
  const claim = wish(change);
  const claimed = await table().claim(claim);
  if (claimed.outcome !== "claimed") throw new Error(claimed.outcome);
  const paymentHash = new Uint8Array(randomBytes(32));
  const expiresAt = unixSeconds(claim.now + lifeSec);
  await table().fill(claimed.slotId, { paymentHash, invoice: "lnbcrt1", now: claim.now, expiresAt });
  return paymentHash;
}

test("two processes that claim at once stay within both limits, exactly", async () => {
  const claims = Array.from({ length: 200 }, (_, n) => table(n).claim(wish({ prefix: `prefix-${n % 2}` })));
  const same = await Promise.all(claims);
  expect(same.filter(({ outcome }) => outcome === "claimed")).toHaveLength(6);
  expect(new Set(same.map(({ outcome }) => outcome))).toEqual(new Set(["claimed", "full"]));

  const many = Array.from({ length: 200 }, (_, n) => table(n).claim(wish({ prefix: `other-${n}` })));
  const outcomes = (await Promise.all(many)).map(({ outcome }) => outcome);
  expect(outcomes.filter((outcome) => outcome === "claimed")).toHaveLength(4);
  expect(outcomes.filter((outcome) => outcome === "crowded")).toHaveLength(196);
  expect(await table().count(at(0))).toBe(10);
});

test("one client's simultaneous wishes become one invoice, whoever makes it", async () => {
  const client = digest("one");
  const claims = await Promise.all(Array.from({ length: 50 }, (_, n) => table(n).claim(wish({ client }))));
  const made = claims.filter((claim) => claim.outcome === "claimed");
  expect(made).toHaveLength(1);
  expect(claims.filter(({ outcome }) => outcome === "pending")).toHaveLength(49);
  expect(await table().find(client, at(0), 130)).toBe("pending");

  const waiting = table(1).whenMade(client, at(0), 130);
  const invoice = { paymentHash: digest("hash"), invoice: "lnbcrt1" };
  await table().fill(made[0]!.slotId, { ...invoice, now: at(0), expiresAt: at(610) });
  expect(await waiting).toEqual(invoice);
  expect(await table(1).claim(wish({ client }))).toEqual({ outcome: "open", ...invoice });
});

test("an invoice is shared while it has life enough, and another follows it", async () => {
  const client = digest("two");
  const paymentHash = await open({ client });
  expect(await table().find(client, at(480), 130)).toEqual({ paymentHash, invoice: "lnbcrt1" });
  expect(await table().find(client, at(481), 130)).toBeUndefined();
  expect(await table().claim(wish({ client, now: at(481) }))).toMatchObject({ outcome: "claimed" });
  // The older one can still be paid, and still counts.
  expect(await table().count(at(481))).toBe(2);
});

test("a payment ends the sharing of its invoice", async () => {
  const client = digest("three");
  const paymentHash = await open({ client });
  const receipt = { paymentHash, amount: msat(1_000n), settledAt: at(5), settleIndex: 1n };
  await receiptTable(test1.pool).record([receipt], at(5));
  expect(await table().find(client, at(5), 130)).toBeUndefined();
  expect(await table().count(at(5))).toBe(0);
});

test("a full prefix trades its own oldest invoice, once it is 30 seconds old", async () => {
  const oldest = await open({ now: at(0), client: digest("old") });
  await open({ now: at(10) });
  await open({ now: at(10) });
  expect(await table().claim(wish({ now: at(29) }))).toEqual({ outcome: "full", retryAfterSec: 1 });
  expect(await table().claim(wish({ now: at(30) }))).toEqual({ outcome: "trade", paymentHash: oldest });
  // Nobody is handed what is being canceled, and nobody else cancels it too.
  expect(await table().find(digest("old"), at(30), 130)).toBeUndefined();
  expect(await table(1).claim(wish({ now: at(30) }))).toEqual({ outcome: "full", retryAfterSec: 10 });
  // Until it is canceled its place is taken.
  expect(await table().count(at(30))).toBe(3);
  expect(await table().claim(wish({ now: at(31), freed: oldest }))).toMatchObject({ outcome: "claimed" });
  expect(await table().count(at(31))).toBe(3);
});

test("a trade whose process died is taken up by another", async () => {
  const oldest = await open({ now: at(0) });
  await open({ now: at(20) });
  await open({ now: at(55) });
  expect(await table().claim(wish({ now: at(30) }))).toEqual({ outcome: "trade", paymentHash: oldest });
  expect(await table().claim(wish({ now: at(60) }))).toEqual({ outcome: "trade", paymentHash: oldest });
});

test("no prefix can take a place from another", async () => {
  await Promise.all(Array.from({ length: 10 }, (_, n) => open({ prefix: `victim-${n}` })));
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, n) => table(n).claim(wish({ prefix: `flood-${n}`, now: at(300) }))),
  );
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["crowded"]));
  expect(outcomes[0]).toEqual({ outcome: "crowded", retryAfterSec: 310 });
  // A prefix that already has one may trade it.
  expect(await table().claim(wish({ prefix: "victim-3", now: at(300) }))).toMatchObject({ outcome: "trade" });
});

test("a claim that failed or whose process died is free again", async () => {
  const claimed = await table().claim(wish({ limits: { perPrefix: 1, total: 1 } }));
  if (claimed.outcome !== "claimed") throw new Error(claimed.outcome);
  await table().release(claimed.slotId);
  const again = wish({ limits: { perPrefix: 1, total: 1 }, client: digest("four") });
  expect(await table().claim(again)).toMatchObject({ outcome: "claimed" });
  expect(await table().claim({ ...again, now: at(29) })).toEqual({ outcome: "pending" });
  expect(await table().claim({ ...again, now: at(30) })).toMatchObject({ outcome: "claimed" });
});

test("the sweep forgets what has expired, and nothing else", async () => {
  await open({ now: at(0) });
  await open({ now: at(100) });
  expect(await table().sweep(at(610))).toBe(1);
  expect(await table().count(at(610))).toBe(1);
});
