/**
 * What an invoice promises, as a value (BOLT 11).
 *
 * The tables are shared by the reader and the writer, so that the two cannot disagree.
 */
import type { Msat, UnixSeconds } from "../units.ts";

/** Human-readable prefix after `ln`: mainnet, testnet, signet, regtest, simnet. */
export type InvoiceNetwork = "bc" | "tb" | "tbs" | "bcrt" | "sb";

/** One hop of a private way to the payee, in the words of a channel_update (BOLT 7). */
export type HintHop = {
  /** Compressed key of the node the channel starts at. */
  nodeKey: Uint8Array;
  /** Short channel id as LND prints it: block << 40 | transaction << 16 | output. */
  channelId: bigint;
  feeBaseMsat: number;
  feeRatePpm: number;
  cltvDelta: number;
};

/** A decoded invoice whose checksum and signature hold. */
export type Invoice = {
  network: InvoiceNetwork;
  /** Absent: the payer chooses. */
  amount?: Msat;
  timestamp: UnixSeconds;
  expirySec: number;
  /** 32 bytes: SHA-256 of the preimage that proves the payment. */
  paymentHash: Uint8Array;
  /** 32 bytes that only the holder of the invoice knows. */
  paymentSecret: Uint8Array;
  /** Exactly one of `description` and `descriptionHash` is present. Written by a stranger: escape before showing. */
  description?: string;
  descriptionHash?: Uint8Array;
  /** Opaque bytes the payer hands back to the payee. */
  metadata?: Uint8Array;
  /** 33 bytes: the key that signed, compressed. */
  payee: Uint8Array;
  minFinalCltvExpiry: number;
  /** Each hint is a way from a public node to the payee, in forward order. */
  routeHints: HintHop[][];
  /** Numbers of the feature bits that are set, ascending (BOLT 9). */
  features: number[];
};

/** Seconds an invoice lives when it does not say. */
export const DEFAULT_EXPIRY_SEC = 3600;
/** Blocks the last hop needs when the invoice does not say. */
export const DEFAULT_MIN_FINAL_CLTV = 18;
/** The capacity of the largest QR code, which is where the ecosystem stops: longer text is not read. */
export const MAX_INVOICE_CHARS = 7_089;

/** Tag numbers (BOLT 11, "Tagged Fields"). */
export const TAG = {
  paymentHash: 1,
  routeHint: 3,
  features: 5,
  expiry: 6,
  description: 13,
  paymentSecret: 16,
  payee: 19,
  descriptionHash: 23,
  minFinalCltv: 24,
  metadata: 27,
} as const;

/** Bytes of one hop inside a route hint: key 33, channel 8, base fee 4, rate 4, CLTV delta 2. */
export const HINT_HOP_BYTES = 51;

/** Pico-bitcoin of one unit of each multiplier, largest first. One msat is 10 pico-bitcoin. */
export const MULTIPLIERS = [
  { letter: "", pico: 1_000_000_000_000n },
  { letter: "m", pico: 1_000_000_000n },
  { letter: "u", pico: 1_000_000n },
  { letter: "n", pico: 1_000n },
  { letter: "p", pico: 1n },
] as const;
