/**
 * The quantities this project counts, and the only conversions between them.
 *
 * BOLT 11 and LND count millisatoshis; people and prices count satoshis. Mixing the two is a
 * thousandfold error that type-checks as a number, so each unit is its own type.
 */
import { OracleError } from "./errors.ts";

declare const unit: unique symbol;
type Unit<Base, Name extends string> = Base & { readonly [unit]: Name };

/** Millisatoshis, zero or more. The only unit of account inside the program. */
export type Msat = Unit<bigint, "msat">;
/** Whole satoshis. Appears only where a person or another protocol reads the number. */
export type Sat = Unit<bigint, "sat">;
/** Seconds since 1970-01-01T00:00:00Z: the clock of BOLT 11, NIP-01 and LND. */
export type UnixSeconds = Unit<number, "unix-seconds">;

/** Every satoshi there will ever be, in msat: no honest amount is larger. */
export const MAX_MSAT = 2_100_000_000_000_000_000n as Msat;

/** @throws AMOUNT_INVALID when negative or above {@link MAX_MSAT} */
export function msat(value: bigint): Msat {
  if (value < 0n || value > MAX_MSAT) throw new OracleError("AMOUNT_INVALID", `${value} msat is not an amount`);
  return value as Msat;
}

/** Rounds up, so that a fraction of a satoshi is never given away. */
export function msatToSat(amount: Msat): Sat {
  return ((amount + 999n) / 1000n) as Sat;
}

/** Whole unix seconds, 0 or later and exactly representable. @throws TIME_INVALID */
export function unixSeconds(value: number): UnixSeconds {
  if (!Number.isSafeInteger(value) || value < 0) throw new OracleError("TIME_INVALID", `${value} is not a unix second`);
  return value as UnixSeconds;
}
