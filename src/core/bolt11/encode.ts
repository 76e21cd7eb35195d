/** Writes and signs an invoice (BOLT 11). Fields come in the order LND writes them. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bech32 } from "@scure/base";
import { concatBytes, utf8 } from "../bytes.ts";
import { OracleError } from "../errors.ts";
import type { Msat } from "../units.ts";
import {
  DEFAULT_EXPIRY_SEC,
  HINT_HOP_BYTES,
  type HintHop,
  type Invoice,
  MAX_INVOICE_CHARS,
  MULTIPLIERS,
  TAG,
} from "./invoice.ts";
import { bytesToWords, integerToWords, packWords } from "./words.ts";

/** What the issuer states. The payee is the signing key; it is written out only when `statesPayee` is true. */
export type InvoiceDraft = Omit<Invoice, "payee"> & { statesPayee?: boolean };

const MAX_FIELD_WORDS = 1_023;

/**
 * The text of `draft`, signed by `privateKey` (32 bytes).
 * @throws INVOICE_MALFORMED when a field does not fit, or not exactly one description is given
 */
export function encodeInvoice(draft: InvoiceDraft, privateKey: Uint8Array): string {
  if ((draft.description === undefined) === (draft.descriptionHash === undefined)) {
    throw refused("give exactly one of description and description hash");
  }
  const prefix = `ln${draft.network}${draft.amount === undefined ? "" : writeAmount(draft.amount)}`;
  const words = [...writeTimestamp(draft.timestamp), ...writeFields(draft, privateKey)];

  const hash = sha256(concatBytes(utf8(prefix), packWords(words)));
  const recovered = secp256k1.sign(hash, privateKey, { prehash: false, format: "recovered" });
  // The library puts the recovery id first; BOLT 11 wants it last.
  const signature = concatBytes(recovered.subarray(1), recovered.subarray(0, 1));
  const text = bech32.encode(prefix, [...words, ...bytesToWords(signature)], false);
  if (text.length > MAX_INVOICE_CHARS) throw refused(`longer than ${MAX_INVOICE_CHARS} characters`);
  return text;
}

/** In the largest unit that divides the amount, which is the shortest text. */
function writeAmount(amount: Msat): string {
  if (amount <= 0n) throw refused("an amount of nothing; leave it out instead");
  const pico = amount * 10n;
  const unit = MULTIPLIERS.find((multiplier) => pico % multiplier.pico === 0n)!;
  return `${pico / unit.pico}${unit.letter}`;
}

function writeTimestamp(timestamp: number): number[] {
  if (timestamp >= 2 ** 35) throw refused("its time does not fit into 35 bits");
  return integerToWords(timestamp, 7);
}

function writeFields(draft: InvoiceDraft, privateKey: Uint8Array): number[] {
  const words: number[] = [];
  const add = (tag: number, data: number[]) => {
    if (data.length > MAX_FIELD_WORDS) throw refused("a field longer than 639 bytes");
    words.push(tag, ...integerToWords(data.length, 2), ...data);
  };
  add(TAG.paymentHash, fixed(draft.paymentHash));
  if (draft.description !== undefined) add(TAG.description, bytesToWords(utf8(draft.description)));
  if (draft.metadata) add(TAG.metadata, bytesToWords(draft.metadata));
  if (draft.descriptionHash) add(TAG.descriptionHash, fixed(draft.descriptionHash));
  add(TAG.minFinalCltv, whole(draft.minFinalCltvExpiry));
  if (draft.expirySec !== DEFAULT_EXPIRY_SEC) add(TAG.expiry, whole(draft.expirySec));
  for (const hint of draft.routeHints) add(TAG.routeHint, bytesToWords(concatBytes(...hint.map(writeHop))));
  if (draft.statesPayee) add(TAG.payee, bytesToWords(secp256k1.getPublicKey(privateKey, true)));
  add(TAG.paymentSecret, fixed(draft.paymentSecret));
  if (draft.features.length > 0) add(TAG.features, writeFeatures(draft.features));
  return words;
}

function writeHop(hop: HintHop): Uint8Array {
  if (hop.nodeKey.length !== 33) throw refused("a route hint whose key is not 33 bytes");
  const bytes = new Uint8Array(HINT_HOP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(hop.nodeKey);
  view.setBigUint64(33, hop.channelId);
  view.setUint32(41, hop.feeBaseMsat);
  view.setUint32(45, hop.feeRatePpm);
  view.setUint16(49, hop.cltvDelta);
  return bytes;
}

function writeFeatures(bits: number[]): number[] {
  const words = new Array<number>(Math.floor(Math.max(...bits) / 5) + 1).fill(0);
  for (const bit of bits) words[words.length - 1 - Math.floor(bit / 5)]! |= 1 << (bit % 5);
  return words;
}

function fixed(bytes: Uint8Array): number[] {
  if (bytes.length !== 32) throw refused("a hash or secret that is not 32 bytes");
  return bytesToWords(bytes);
}

function whole(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 50) throw refused("a number out of range");
  return integerToWords(value);
}

function refused(reason: string): OracleError {
  return new OracleError("INVOICE_MALFORMED", `The invoice cannot be written: ${reason}.`);
}
