/**
 * POST /demo/pay: the demo's funded payer, so that a first paid call needs no wallet. Exists only in the embedded
 * world, where the money is not real.
 *
 * Failures are OracleErrors for the server's error handler. Asking twice pays once and gives the same preimage.
 */
import { json, Router } from "express";
import { decodeInvoice } from "../../core/bolt11/decode.ts";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";

/** What became of a payment. */
export type DemoPayment =
  | { status: "succeeded"; preimage: Uint8Array }
  | { status: "failed"; reason: string }
  | { status: "unknown"; cause: unknown };

/** Pays an invoice, and reports the first payment when it is asked to pay again. `adapters/lnd/send-payment.ts` does. */
export type Pay = (invoice: string) => Promise<DemoPayment>;

/** An invoice has at most 7,089 characters. */
const MAX_BODY_BYTES = 16_384;

/** `{"invoice": "<bolt11>"}` → `{"preimage": "<64 hex>"}`. */
export function demoPayRouter({ pay }: { pay: Pay }): Router {
  const underWay = new Map<string, Promise<DemoPayment>>();
  const router = Router();
  router.post("/demo/pay", json({ limit: MAX_BODY_BYTES, type: () => true }), async (request, response) => {
    const invoice = readInvoice(request.body);
    const { network, paymentHash } = decodeInvoice(invoice);
    if (network !== "bcrt") {
      throw new OracleError(
        "VALIDATION_FAILED",
        "The demo payer pays only invoices of the demo (lnbcrt…): no real money.",
      );
    }
    const hash = toHex(paymentHash);
    // Two requests for one invoice wait for one payment.
    const payment = underWay.get(hash) ?? pay(invoice).finally(() => underWay.delete(hash));
    underWay.set(hash, payment);
    response.status(200).json({ preimage: toHex(readPreimage(await payment)) });
  });
  return router;
}

function readInvoice(body: unknown): string {
  const { invoice } = (body ?? {}) as { invoice?: unknown };
  if (typeof invoice === "string") return invoice;
  throw new OracleError("VALIDATION_FAILED", 'Send a JSON object with the invoice to pay: {"invoice": "lnbcrt…"}.');
}

function readPreimage(payment: DemoPayment): Uint8Array {
  if (payment.status === "succeeded") return payment.preimage;
  if (payment.status === "failed") {
    throw new OracleError("PAYMENT_FAILED", `The payment failed and took no money: ${payment.reason}.`);
  }
  throw new OracleError("PAYMENT_PENDING", "The payment is not decided yet. Send the same request again.", {
    cause: payment.cause,
  });
}
