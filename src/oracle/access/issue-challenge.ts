/** A challenge: an invoice of our own node, and the macaroon that its preimage will turn into a prepaid account. */
import { SERVICE } from "../../core/l402/caveat.ts";
import type { Msat } from "../../core/units.ts";

/** What a challenge needs from outside. */
export type ChallengePorts = {
  /** A fresh invoice for exactly this amount. @throws LND_UNAVAILABLE */
  addInvoice(invoice: {
    amount: Msat;
    memo: string;
    expirySec: number;
  }): Promise<{ paymentHash: Uint8Array; invoice: string }>;
  /** An account id nobody has seen before, marked with the key it will be minted under. */
  newTokenId(): Uint8Array;
  /** Signs the macaroon for this invoice and account under the account's root key. */
  mint(token: { paymentHash: Uint8Array; tokenId: Uint8Array; caveats: readonly string[] }): Uint8Array;
};

export type Challenge = { macaroon: Uint8Array; invoice: string; paymentHash: Uint8Array; amount: Msat };

/** An account to be credited, and the restrictions of the token that asks: the new token must not be wider than the old. */
export type TopUp = { tokenId: Uint8Array; caveats: readonly string[] };

const OUR_SERVICE = `services=${SERVICE}:0`;

/** Long enough for a person to pay, short enough that LND is not left with stale invoices. */
const EXPIRY_SEC = 600;

/**
 * Asks LND for an invoice and mints the token for it. Nothing is stored: the account begins with its first paid use.
 *
 * With `topUp`, the payment credits that account instead of opening one. The memo names the operation and nothing of
 * the credential, because every routing hop and wallet log may keep it.
 */
export async function issueChallenge(
  ports: ChallengePorts,
  request: { amount: Msat; operation: string; topUp?: TopUp },
): Promise<Challenge> {
  const { amount, operation } = request;
  const { tokenId, caveats } = request.topUp ?? { tokenId: ports.newTokenId(), caveats: [OUR_SERVICE] };
  const { paymentHash, invoice } = await ports.addInvoice({
    amount,
    memo: `SatRank ${operation}`,
    expirySec: EXPIRY_SEC,
  });
  const macaroon = ports.mint({ paymentHash, tokenId, caveats });
  return { macaroon, invoice, paymentHash, amount };
}
