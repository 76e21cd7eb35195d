/**
 * Bytes that carry authority and can only be narrowed (libmacaroons).
 *
 * First-party caveats only: a third-party caveat needs a discharge that nobody here collects, so it is refused
 * instead of ignored. The limits hold for what is read and for what is written.
 */
import { OracleError } from "../errors.ts";

/** A decoded macaroon. Nothing it says may be believed before its signature holds. */
export type Macaroon = {
  /** A hint of who minted it. The signature does not cover it. */
  readonly location?: string;
  readonly identifier: Uint8Array;
  readonly caveats: readonly Caveat[];
  /** 32 bytes. */
  readonly signature: Uint8Array;
};

/** One condition under which the macaroon is good, in the minter's own bytes. */
export type Caveat = { readonly id: Uint8Array };

/** Bytes of the longest serialized macaroon. */
export const MAX_MACAROON_BYTES = 8_192;
/** Most caveats of one macaroon: each costs the verifier one HMAC. */
export const MAX_CAVEATS = 64;
/** Bytes of an HMAC-SHA-256. */
export const SIGNATURE_BYTES = 32;

/** The one failure of this folder; the reason names what is wrong and repeats nothing of the input. */
export function malformed(reason: string): OracleError {
  return new OracleError("MACAROON_MALFORMED", `not a macaroon: ${reason}`);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text that reads back as it was written. `part` is what a refusal calls it. @throws MACAROON_MALFORMED unless UTF-8 */
export function readUtf8(bytes: Uint8Array, part: string): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new OracleError("MACAROON_MALFORMED", `not a macaroon: ${part} is not UTF-8`, { cause });
  }
}
