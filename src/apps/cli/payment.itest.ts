/** `satrank payment` as a process of its own: a real database, the simulated node, and a policy file. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addInvoice } from "../../adapters/lnd/add-invoice.ts";
import { closeLnd, connectLnd, type LndClient } from "../../adapters/lnd/connect.ts";
import { outgoingPaymentTable } from "../../adapters/postgres/outgoing-payment.ts";
import { toHex } from "../../core/bytes.ts";
import { msat } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { type Ended, satrank as runSatrank } from "../../testing/satrank.ts";
import { now } from "../clock.ts";
import { type SimulatedLightning, startSimulatedLightning } from "../demo/lnd/start.ts";

let database: TestDatabase;
let lightning: SimulatedLightning;
let dataDir: string;
let payee: LndClient;
beforeAll(async () => {
  database = await openTestDatabase(4);
  dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-payment-"));
  lightning = await startSimulatedLightning({ dataDir, seed: "test", now });
  const { host, tlsCertPath, macaroonPaths } = lightning.payer;
  const macaroonHex = fs.readFileSync(macaroonPaths.invoice).toString("hex");
  payee = connectLnd({ host, tlsCert: fs.readFileSync(tlsCertPath), macaroonHex });
  const payments = {
    mode: "auto",
    perPaymentMsat: "100000",
    per24hMsat: "150000",
    perSubject24hMsat: "150000",
    approveAboveMsat: "20000",
    maxFeeMsat: "20000",
  };
  fs.writeFileSync(path.join(dataDir, "policy.json"), JSON.stringify({ payments }), { mode: 0o600 });
});
afterAll(async () => {
  closeLnd(payee);
  await lightning.stop();
  await database.close();
  fs.rmSync(dataDir, { recursive: true, force: true });
});

function satrank(...words: string[]): Promise<Ended> {
  const { host, tlsCertPath, macaroonPaths } = lightning.oracle;
  const env = {
    PATH: path.dirname(process.execPath),
    NO_COLOR: "1",
    DATABASE_URL: database.url,
    LND_GRPC_HOST: host,
    LND_TLS_CERT_PATH: tlsCertPath,
    LND_READONLY_MACAROON_PATH: macaroonPaths.readonly,
    LND_PAY_MACAROON_PATH: macaroonPaths.pay,
    SPEND_POLICY_PATH: path.join(dataDir, "policy.json"),
  };
  return runSatrank(["payment", ...words], env);
}

async function invoice(amount: bigint, memo = "for sale") {
  const made = await addInvoice(payee, { amount: msat(amount), memo, expirySec: 600 });
  return { ...made, hash: toHex(made.paymentHash) };
}

test("a small payment is sent at once, once, and told to a script", async () => {
  const small = await invoice(10_000n);
  const paid = await satrank("pay", small.invoice, "--subject", "https://shop.example/", "--json");
  expect(paid).toMatchObject({ code: 0, err: "" });
  const told = JSON.parse(paid.out);
  expect(told).toMatchObject({ paymentHash: small.hash, state: "succeeded", amountMsat: "10000", purpose: "operator" });
  expect(lightning.preimageOf(small.hash) ?? told.preimage).toMatch(/^[0-9a-f]{64}$/);
  const again = JSON.parse((await satrank("pay", small.invoice, "--json")).out);
  expect(again).toMatchObject({ state: "succeeded", closedAt: told.closedAt, subject: "https://shop.example/" });
});

test("a large one shows its payee and waits; approve sends it, and each step is recorded", async () => {
  const large = await invoice(50_000n, "a bicycle\u202e");
  const waiting = await satrank("pay", large.invoice);
  expect(waiting.code).toBe(1);
  expect(waiting.out).toContain(`payee     ${lightning.payer.nodePubkey}`);
  expect(waiting.out).toMatch(/for {7}a bicycle\?\n/);
  expect(waiting.out).toContain("satrank payment approve");
  const listed = await satrank("list", "--state", "awaiting-approval");
  expect(listed.out).toContain(large.hash);
  const approved = await satrank("approve", large.hash);
  expect(approved.code).toBe(0);
  expect(approved.out).toMatch(/state {5}succeeded/);
  const shown = JSON.parse((await satrank("show", large.hash, "--json")).out);
  expect(shown.steps.map(({ state }: { state: string }) => state)).toEqual([
    "awaiting-approval",
    "approved",
    "sending",
    "succeeded",
  ]);
  expect(shown.steps[1].actor).toMatch(/^cli .+@/);
});

test("no is no, and a budget that is used up says so", async () => {
  const [unwanted, dear] = [await invoice(30_000n), await invoice(90_000n)];
  await satrank("pay", unwanted.invoice);
  expect(await satrank("reject", unwanted.hash)).toMatchObject({ code: 0 });
  const late = await satrank("approve", unwanted.hash);
  expect(late.code).toBe(1);
  expect(late.out).toMatch(/state {5}failed: rejected/);
  await satrank("pay", dear.invoice);
  const refused = await satrank("approve", dear.hash);
  expect(refused.code).toBe(1);
  expect(refused.out).toMatch(/the budget of 24 hours has \d+ msat left; there is enough from 20/);
  expect(await outgoingPaymentTable(database.pool).find(dear.paymentHash)).toMatchObject({ state: "approved" });
  const budget = JSON.parse((await satrank("budget", "--json")).out);
  expect(budget).toMatchObject({ mode: "auto", per24hMsat: "150000", heldMsat: "0", counts: { succeeded: 2 } });
  expect(BigInt(budget.spentMsat) + BigInt(budget.leftMsat)).toBe(150_000n);
});

test("what cannot be paid is refused with the reason, and wrong usage is told apart", async () => {
  const tooMuch = await invoice(100_001n);
  const [over, garbage, unknown, badHash] = await Promise.all([
    satrank("pay", tooMuch.invoice, "--json"),
    satrank("pay", "lnbc1nonsense"),
    satrank("show", "00".repeat(32)),
    satrank("show", "xyz"),
  ]);
  expect(JSON.parse(over.err)).toMatchObject({ error: { code: "amount-over-limit" } });
  expect(garbage.err).toContain("INVOICE_MALFORMED");
  expect(unknown.err).toContain("PAYMENT_UNKNOWN");
  expect([over.code, garbage.code, unknown.code, badHash.code]).toEqual([1, 1, 1, 2]);
});
