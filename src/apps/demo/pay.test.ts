import express, { type ErrorRequestHandler } from "express";
import request from "supertest";
import { expect, test } from "vitest";
import { encodeInvoice } from "../../core/bolt11/encode.ts";
import { errorCode } from "../../core/errors.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { type DemoPayment, demoPayRouter, type Pay } from "./pay.ts";

const draft = {
  network: "bcrt",
  amount: 21_000n as Msat,
  timestamp: 1_770_000_000 as UnixSeconds,
  expirySec: 600,
  paymentHash: new Uint8Array(32).fill(1),
  paymentSecret: new Uint8Array(32).fill(2),
  description: "",
  minFinalCltvExpiry: 80,
  routeHints: [],
  features: [8, 14],
} as const;
const write = (network: "bcrt" | "bc") =>
  encodeInvoice({ ...draft, network, routeHints: [], features: [8, 14] }, new Uint8Array(32).fill(7));
const invoice = write("bcrt");
const paid: DemoPayment = { status: "succeeded", preimage: new Uint8Array(32).fill(3) };

function serve(pay: Pay) {
  const names: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(500).json({ code: errorCode(error) ?? error.type });
  };
  return express().use(demoPayRouter({ pay })).use(names);
}

test("an invoice is paid, and its preimage given", async () => {
  const got = await request(serve(async () => paid))
    .post("/demo/pay")
    .send({ invoice });
  expect(got.status).toBe(200);
  expect(got.body).toEqual({ preimage: "03".repeat(32) });
});

test("requests for one invoice at the same time are one payment", async () => {
  let payments = 0;
  const server = serve(async () => {
    payments++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return paid;
  });
  const got = await Promise.all([1, 2, 3].map(() => request(server).post("/demo/pay").send({ invoice })));
  expect(got.map(({ body }) => body)).toEqual(Array(3).fill({ preimage: "03".repeat(32) }));
  expect(payments).toBe(1);
});

test.each([
  { name: "not JSON", body: "{invoice", code: "entity.parse.failed" },
  { name: "nothing", body: "", code: "VALIDATION_FAILED" },
  { name: "a list", body: "[]", code: "VALIDATION_FAILED" },
  { name: "no text", body: '{"invoice":7}', code: "VALIDATION_FAILED" },
  { name: "no invoice", body: '{"invoice":"lnbcrt1"}', code: "INVOICE_MALFORMED" },
  { name: "an invoice for real money", body: JSON.stringify({ invoice: write("bc") }), code: "VALIDATION_FAILED" },
  { name: "too much", body: JSON.stringify({ invoice: "l".repeat(20_000) }), code: "entity.too.large" },
])("refused, and nothing paid: $name", async ({ body, code }) => {
  const pay = () => Promise.reject(new Error("paid"));
  const got = await request(serve(pay)).post("/demo/pay").set("Content-Type", "application/json").send(body);
  expect(got.body).toEqual({ code });
});

test.each([
  { result: { status: "failed", reason: "no-route" } as const, code: "PAYMENT_FAILED" },
  { result: { status: "unknown", cause: undefined } as const, code: "PAYMENT_PENDING" },
])("a payment that is $result.status answers $code", async ({ result, code }) => {
  const got = await request(serve(async () => result))
    .post("/demo/pay")
    .send({ invoice });
  expect(got.body).toEqual({ code });
});
