/** A deposit in the whole program, over the simulated network's own LND: bought, asked about, spent, topped up and replaced. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeInvoice } from "../core/bolt11/decode.ts";
import { ask, randomKey } from "./holder.ts";
import { freePorts, type Program, startProgram } from "./program.ts";

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-deposit-"));
let program: Program;
beforeAll(async () => {
  fs.chmodSync(dataDir, 0o755);
  program = await startProgram(dataDir, await freePorts());
});
afterAll(async () => {
  await program?.kill("SIGTERM");
  fs.rmSync(dataDir, { recursive: true, force: true });
});

async function pay(invoice: string): Promise<string> {
  const { status, body } = await ask(program.origin, "/demo/pay", undefined, { body: { invoice } });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return String(body["preimage"]);
}

test("a wallet that keeps the preimage to itself is no obstacle, and the account does what was promised", async () => {
  const call = (where: string, owned?: Parameters<typeof ask>[2], body?: unknown, headers = {}) =>
    ask(program.origin, where, owned, { headers, ...(body !== undefined && { body }) });
  const offered = await call("/api/deposit", undefined, { amountSat: 1_000 });
  expect(offered.status).toBe(402);
  const [macaroon, invoice] = [String(offered.body["macaroon"]), String(offered.body["invoice"])];
  expect(decodeInvoice(invoice)).toMatchObject({ amount: 1_000_000n, description: "SatRank deposit" });
  // LND knows the preimage all along; it is told when the money is there.
  expect((await call("/api/deposit/status", undefined, { macaroon })).data).toEqual({ state: "open", preimage: null });
  const preimage = await pay(invoice);
  const settled = await call("/api/deposit/status", undefined, { macaroon });
  expect(settled.data).toEqual({ state: "settled", preimage });

  const owned = { macaroon, preimage };
  expect((await call("/api/deposit", owned, { amountSat: 1_000 })).data).toMatchObject({
    balanceMsat: "1000000",
    tier: 1,
  });
  const question = JSON.parse(/QUESTION='(\{.*?\})'/.exec(program.printed())?.[1] ?? "{}");
  const answer = await call("/api/intent", owned, question);
  expect([answer.status, answer.headers.get("x-satrank-cost-msat")]).toEqual([200, "500"]);

  const { data: offer } = await call("/api/deposit", owned, { amountSat: 10_000, topUp: true });
  expect(offer.expiresAt).toBeGreaterThan(Date.now() / 1_000);
  const topped = { macaroon: offer.macaroon, preimage: await pay(offer.invoice) };
  const seen = (await call("/api/balance", topped)).data;
  expect(seen).toMatchObject({ balanceMsat: "10999500", tier: 2, account: { spentMsat: "500", heldMsat: "0" } });
  expect((await call("/api/balance/statement", topped)).data.lines).toHaveLength(3);

  const rotated = await call("/api/token/rotate", topped, {}, { "Idempotency-Key": randomKey() });
  const fresh = { macaroon: rotated.data.macaroon, preimage: topped.preimage };
  expect((await call("/api/intent", fresh, question)).headers.get("x-satrank-cost-msat")).toBe("200");
  expect((await call("/api/intent", owned, question)).code).toBe("TOKEN_REVOKED");
  expect((await call("/api/balance", fresh)).data.balanceMsat).toBe("10999300");
});
