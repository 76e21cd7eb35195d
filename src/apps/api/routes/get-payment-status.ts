/** POST /api/deposit/status: whether a deposit was paid, for wallets that give no preimage. Free; the macaroon is the proof. */
import { z } from "zod";
import { fromBase64, toHex } from "../../../core/bytes.ts";
import { OracleError } from "../../../core/errors.ts";
import { MAX_MACAROON_BYTES } from "../../../core/macaroon/macaroon.ts";
import { type PaymentPorts, readPayment } from "../../../oracle/account/read-payment.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";

const MAX_CHARACTERS = Math.ceil(MAX_MACAROON_BYTES / 3) * 4;

const body = z.object({
  macaroon: z.string().min(1).max(MAX_CHARACTERS).meta({ description: "Of a deposit's offer, base64" }),
});
const answer = z.object({
  state: z.enum(["open", "settled", "canceled"]),
  preimage: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .meta({ description: "With the macaroon it makes the credential; null until it is settled" }),
});

type Body = z.infer<typeof body>;
type Answer = z.infer<typeof answer>;

export const getPaymentStatusContract = {
  operation: "getPaymentStatus",
  method: "post",
  path: "/api/deposit/status",
  summary: "Whether a deposit was paid, and its preimage",
  body,
  response: answer,
} as const satisfies Contract;

export type PaymentStatusPorts = PaymentPorts &
  LimitPorts & {
    /** Counts one question to LND against an address range. */
    takeLookup: TakeOne;
  };

export function getPaymentStatus(ports: PaymentStatusPorts): FreeOperation<Body, Answer> {
  return {
    ...getPaymentStatusContract,
    async serve({ macaroon }, request, response) {
      const bytes = fromBase64(macaroon);
      if (!bytes) throw new OracleError("MACAROON_MALFORMED", "not a macaroon: not base64");
      await holdToLimit(ports, "lookup", ports.takeLookup, request, response);
      response.set("Cache-Control", "no-store");
      const payment = await readPayment(ports, bytes);
      if (!payment) throw new OracleError("PAYMENT_UNKNOWN", "no deposit was offered here with this macaroon");
      return { state: payment.state, preimage: payment.state === "settled" ? toHex(payment.preimage) : null };
    },
  };
}
