/**
 * A new token for an old account: when the old one may have leaked, or its key is about to leave the ring.
 *
 * The balance moves to a fresh account and the old one is revoked, in one step. The new token opens with the preimage of the
 * old one. Whoever holds the old token alone is never told the new one, so repeating the request needs the key it was first
 * sent with: without that, an answer that got lost would take the balance with it, and with less a thief could ask too.
 */
import { PREIMAGE, parseCaveat, servicesCaveat } from "../../core/l402/caveat.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type ClaimPorts, claimPayment } from "../access/claim-payment.ts";

/** What a rotation needs from outside. */
export type RotatePorts = ClaimPorts & {
  /** An account id nobody has seen before, under the current key. */
  newTokenId(): Uint8Array;
  mint(token: { paymentHash: Uint8Array; tokenId: Uint8Array; caveats: readonly string[] }): Uint8Array;
  /** Moves the balance and revokes, once; a repetition with the same key gives the same account. Atomic. */
  rotate(rotation: {
    from: Uint8Array;
    to: Uint8Array;
    keyDigest: Uint8Array;
    at: UnixSeconds;
  }): Promise<{ rotated: true; tokenId: Uint8Array } | { rotated: false; reason: "unknown" | "revoked" }>;
};

/** The new token, without its preimage, or why there is none. */
export type RotateResult =
  | { rotated: true; macaroon: Uint8Array }
  | { rotated: false; reason: "out-of-scope" | "revoked" };

/**
 * Replaces a token. `keyDigest` is 32 bytes of what only its holder knows. Idempotent with the same key.
 * @throws PAYMENT_PENDING when LND has not settled the token's invoice yet, LND_UNAVAILABLE when it cannot be asked
 */
export async function rotateToken(
  ports: RotatePorts,
  { token, keyDigest, now }: { token: AuthenticToken; keyDigest: Uint8Array; now: UnixSeconds },
): Promise<RotateResult> {
  if (!isWhole(token)) return { rotated: false, reason: "out-of-scope" };
  await claimPayment(ports, token, now);
  const result = await ports.rotate({ from: token.tokenId, to: ports.newTokenId(), keyDigest, at: now });
  // An account that is unknown after its payment was booked lost it to somebody else: there is nothing to replace.
  if (!result.rotated) return { rotated: false, reason: "revoked" };
  const { tokenId } = result;
  const macaroon = ports.mint({ paymentHash: token.paymentHash, tokenId, caveats: [servicesCaveat(token.tier)] });
  return { rotated: true, macaroon };
}

/** Only a token that nobody narrowed stands for the account: a sub-agent must not take it away from its owner. */
function isWhole(token: AuthenticToken): boolean {
  const conditions = token.caveats.map((caveat) => parseCaveat(caveat).condition);
  return token.budgets.length === 0 && conditions.every((each) => each === "services" || each === PREIMAGE);
}
