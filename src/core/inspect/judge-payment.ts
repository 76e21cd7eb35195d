/** Third stage: does the payee take what its invoice asks for? */
import { bad, type Judged, unknown } from "./judged.ts";

/**
 * How a payment failed, in the words of `core/spend`. A payee that refuses its own invoice is to blame. Everything else may be the
 * network's or our own liquidity, and is what the node oracle judges payees by.
 */
export function judgePaymentFailure(failure: string): Judged<never> {
  if (failure === "incorrect-payment-details") return bad("INVOICE_REFUSED");
  return unknown(failure.toUpperCase().replaceAll("-", "_"));
}
