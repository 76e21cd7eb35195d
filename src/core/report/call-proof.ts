/** What a caller says became of a call of an endpoint, and what its proof must be. */
import { sha256 } from "@noble/hashes/sha2.js";
import type { Invoice } from "../bolt11/invoice.ts";
import { equalBytes, toHex, utf8 } from "../bytes.ts";
import { type CallEnd, STAGES } from "../endpoint/call.ts";
import type { Method } from "../endpoint/endpoint.ts";
import type { UnixSeconds } from "../units.ts";

/** How long after a call it may be told of. */
const CALL_REPORT_WINDOW_SEC = 86_400;
/** Clocks differ by no more. */
const CLOCK_MARGIN_SEC = 600;

/** A call as it is told: `at` is when it was made. */
export type ToldCall = CallEnd & { readonly at: UnixSeconds };

/** Why what is told cannot be taken as something that happened by now; undefined when it can. */
export function findTimeFault({ at }: ToldCall, now: UnixSeconds): string | undefined {
  if (at > now + CLOCK_MARGIN_SEC) return "the call is in the future";
  if (at < now - CALL_REPORT_WINDOW_SEC) return "the call is more than a day old";
  return undefined;
}

/**
 * Why a payment does not prove this call; undefined when it does. `payees` are the nodes that the endpoint's invoices pay, as we
 * have seen: an invoice of another node proves a payment to somebody else. `shared` are those of them that take payments for many:
 * whoever has an account there pays himself for nothing.
 */
export function findCallProofFault(
  { invoice, preimage }: { invoice: Invoice; preimage: Uint8Array },
  told: ToldCall,
  { payees, shared }: { readonly payees: readonly string[]; readonly shared: readonly string[] },
): string | undefined {
  if (!equalBytes(sha256(preimage), invoice.paymentHash)) return "the preimage is not this invoice's";
  const payee = toHex(invoice.payee);
  if (shared.includes(payee)) return "the invoice pays a node that takes payments for many: it does not show for whom";
  if (!payees.includes(payee)) return "the invoice pays a node that we have not seen at this endpoint";
  if (invoice.amount === undefined) return "the invoice names no amount";
  if (told.at < invoice.timestamp - CLOCK_MARGIN_SEC) return "the invoice is younger than the call";
  if (told.at > invoice.timestamp + invoice.expirySec + CLOCK_MARGIN_SEC)
    return "the invoice had expired before the call";
  const place = STAGES.indexOf(told.stage);
  const paid = STAGES.indexOf("payment");
  if (place < paid || (place === paid && !told.good)) return "what was paid went well up to the payment";
  return undefined;
}

/**
 * A reporter as the public log names it, 64 hex digits: the same for all its words on one endpoint, another one for each other
 * endpoint, so that nobody can follow a customer from one to the next. Who knows what a key calls itself can recognise it.
 */
export function publicWitness(witness: string, endpoint: string, method: Method): string {
  return toHex(sha256(utf8(`witness ${witness} ${endpoint} ${method}`)));
}
