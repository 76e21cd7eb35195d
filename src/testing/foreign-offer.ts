/** Challenges of somebody else's endpoint, right or wrong in any one respect. */
import { createHash, createHmac } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { encodeInvoice, type InvoiceDraft } from "../core/bolt11/encode.ts";
import { toBase64, toHex } from "../core/bytes.ts";
import { encodeIdentifier } from "../core/l402/identifier.ts";
import { encodeMacaroon } from "../core/macaroon/binary.ts";
import { mintMacaroon } from "../core/macaroon/chain.ts";
import { msat, unixSeconds } from "../core/units.ts";

/** Seconds since 1970 at which everything here happens. */
export const OFFERED_AT = unixSeconds(1_800_000_000);

const PAYEE_KEY = new Uint8Array(32).fill(9);
export const PAYEE = toHex(secp256k1.getPublicKey(PAYEE_KEY, true));
const PREIMAGE = new Uint8Array(32).fill(5);
const PAYMENT_HASH = new Uint8Array(createHash("sha256").update(PREIMAGE).digest());

const hmac = (key: Uint8Array, message: Uint8Array) => createHmac("sha256", key).update(message).digest();

/** An invoice over 21 sat to {@link PAYEE}, on regtest. */
export function foreignInvoice(draft: Partial<InvoiceDraft> = {}, key = PAYEE_KEY): string {
  const plain: InvoiceDraft = {
    network: "bcrt",
    amount: msat(21_000n),
    timestamp: OFFERED_AT,
    expirySec: 600,
    paymentHash: PAYMENT_HASH,
    paymentSecret: new Uint8Array(32).fill(2),
    description: "one call",
    minFinalCltvExpiry: 80,
    routeHints: [],
    features: [8, 14],
  };
  return encodeInvoice({ ...plain, ...draft }, key);
}

/** Base64 of a macaroon sold for a payment hash. */
export function foreignToken(paymentHash = PAYMENT_HASH): string {
  const identifier = encodeIdentifier({ paymentHash, tokenId: new Uint8Array(32).fill(3) });
  const token = { location: "lsat", identifier, caveats: ["services=weather:0"] };
  return toBase64(encodeMacaroon(mintMacaroon(hmac, new Uint8Array(32).fill(1), token)));
}

export const l402Line = (macaroon = foreignToken(), invoice = foreignInvoice()) =>
  `L402 macaroon="${macaroon}", invoice="${invoice}"`;
