/**
 * Reads an invoice and believes nothing in it before its checksum and its signature hold (BOLT 11).
 *
 * Where BOLT 11 says that a payer must not pay, the invoice is refused: no payment secret, neither or both
 * descriptions, an unknown feature that is required, a high-S signature under a stated key.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bech32 } from "@scure/base";
import { concatBytes, utf8 } from "../bytes.ts";
import { OracleError } from "../errors.ts";
import { type Msat, msat, unixSeconds } from "../units.ts";
import {
  DEFAULT_EXPIRY_SEC,
  DEFAULT_MIN_FINAL_CLTV,
  HINT_HOP_BYTES,
  type HintHop,
  type Invoice,
  type InvoiceNetwork,
  MAX_INVOICE_CHARS,
  MULTIPLIERS,
  TAG,
} from "./invoice.ts";
import { packWords, wordsToBytes, wordsToInteger } from "./words.ts";

const TIMESTAMP_WORDS = 7;
const SIGNATURE_WORDS = 104;
const HASH_WORDS = 52;
const KEY_WORDS = 53;
/** Features a payer may be required to know: onion, secret, multi-part, blinding, AMP, metadata, blinded invoices. */
const KNOWN_FEATURES = new Set([8, 14, 16, 24, 30, 48, 262]);

/** @throws INVOICE_MALFORMED with the reason in the message */
export function decodeInvoice(text: string): Invoice {
  if (text.length > MAX_INVOICE_CHARS) throw malformed(`longer than ${MAX_INVOICE_CHARS} characters`);
  const decoded = bech32.decodeUnsafe(text, false);
  if (!decoded) throw malformed("not bech32, or its checksum does not hold");
  const { prefix, words } = decoded;
  if (words.length < TIMESTAMP_WORDS + SIGNATURE_WORDS) throw malformed("too short to be signed");

  const { network, amount } = readPrefix(prefix);
  const signed = words.slice(0, -SIGNATURE_WORDS);
  const fields = readFields(signed);
  const payee = readPayee(prefix, signed, words.slice(-SIGNATURE_WORDS), fields.statedPayee);

  const { paymentHash, paymentSecret, description, descriptionHash, metadata } = fields;
  if (!paymentHash) throw malformed("no payment hash");
  if (!paymentSecret) throw malformed("no payment secret");
  if ((description === undefined) === (descriptionHash === undefined)) {
    throw malformed("not exactly one of description and description hash");
  }
  return {
    network,
    ...(amount === undefined ? {} : { amount }),
    timestamp: unixSeconds(signed.slice(0, TIMESTAMP_WORDS).reduce((value, word) => value * 32 + word, 0)),
    expirySec: fields.expirySec ?? DEFAULT_EXPIRY_SEC,
    paymentHash,
    paymentSecret,
    ...(description === undefined ? {} : { description }),
    ...(descriptionHash === undefined ? {} : { descriptionHash }),
    ...(metadata === undefined ? {} : { metadata }),
    payee,
    minFinalCltvExpiry: fields.minFinalCltvExpiry ?? DEFAULT_MIN_FINAL_CLTV,
    routeHints: fields.routeHints,
    features: fields.features ?? [],
  };
}

/** `ln`, a network, and perhaps an amount with its multiplier. */
function readPrefix(prefix: string): { network: InvoiceNetwork; amount?: Msat } {
  const match = /^ln(bcrt|bc|tbs|tb|sb)(?:([1-9][0-9]{0,19})([munp]?))?$/.exec(prefix);
  if (!match) throw malformed("its prefix names no network or amount we know");
  const network = match[1] as InvoiceNetwork;
  if (match[2] === undefined) return { network };

  const unit = MULTIPLIERS.find((multiplier) => multiplier.letter === match[3])!;
  const pico = BigInt(match[2]) * unit.pico;
  if (pico % 10n !== 0n) throw malformed("its amount is a fraction of a millisatoshi");
  try {
    return { network, amount: msat(pico / 10n) };
  } catch (cause) {
    throw malformed("its amount is more than there is", cause);
  }
}

type Fields = {
  paymentHash?: Uint8Array;
  paymentSecret?: Uint8Array;
  description?: string;
  descriptionHash?: Uint8Array;
  metadata?: Uint8Array;
  statedPayee?: Uint8Array;
  expirySec?: number;
  minFinalCltvExpiry?: number;
  routeHints: HintHop[][];
  features?: number[];
};

/** The first field of a kind counts; unknown ones, and hashes and keys of another length, are passed over. */
function readFields(signed: number[]): Fields {
  const fields: Fields = { routeHints: [] };
  let at = TIMESTAMP_WORDS;
  while (at < signed.length) {
    if (at + 3 > signed.length) throw malformed("a field without a length");
    const tag = signed[at]!;
    const end = at + 3 + signed[at + 1]! * 32 + signed[at + 2]!;
    if (end > signed.length) throw malformed("a field longer than the invoice");
    readField(fields, tag, signed.slice(at + 3, end));
    at = end;
  }
  return fields;
}

function readField(fields: Fields, tag: number, words: number[]): void {
  switch (tag) {
    case TAG.paymentHash:
      if (words.length === HASH_WORDS) fields.paymentHash ??= readBytes(words);
      break;
    case TAG.paymentSecret:
      if (words.length === HASH_WORDS) fields.paymentSecret ??= readBytes(words);
      break;
    case TAG.descriptionHash:
      if (words.length === HASH_WORDS) fields.descriptionHash ??= readBytes(words);
      break;
    case TAG.payee:
      if (words.length === KEY_WORDS) fields.statedPayee ??= readBytes(words);
      break;
    case TAG.description:
      fields.description ??= readText(words);
      break;
    case TAG.metadata:
      fields.metadata ??= readBytes(words);
      break;
    case TAG.expiry:
      fields.expirySec ??= readInteger(words);
      break;
    case TAG.minFinalCltv:
      fields.minFinalCltvExpiry ??= readInteger(words);
      break;
    case TAG.routeHint:
      fields.routeHints.push(readHint(words));
      break;
    case TAG.features:
      fields.features ??= readFeatures(words);
      break;
  }
}

function readBytes(words: number[]): Uint8Array {
  const bytes = wordsToBytes(words);
  if (!bytes) throw malformed("a field padded with something else than zeros");
  return bytes;
}

function readText(words: number[]): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readBytes(words));
  } catch (cause) {
    throw malformed("its description is not UTF-8", cause);
  }
}

function readInteger(words: number[]): number {
  const value = wordsToInteger(words);
  if (value === undefined) throw malformed("a number with a leading zero, or too large");
  return value;
}

function readHint(words: number[]): HintHop[] {
  const bytes = readBytes(words);
  if (bytes.length === 0 || bytes.length % HINT_HOP_BYTES !== 0) throw malformed("a route hint of a wrong length");
  const hops: HintHop[] = [];
  for (let at = 0; at < bytes.length; at += HINT_HOP_BYTES) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, HINT_HOP_BYTES);
    hops.push({
      nodeKey: bytes.slice(at, at + 33),
      channelId: view.getBigUint64(33),
      feeBaseMsat: view.getUint32(41),
      feeRatePpm: view.getUint32(45),
      cltvDelta: view.getUint16(49),
    });
  }
  return hops;
}

/** Bit 0 is the lowest bit of the last word. It's ok to be odd: an unknown even bit forbids paying. */
function readFeatures(words: number[]): number[] {
  if (words[0] === 0) throw malformed("its features begin with zeros");
  const bits: number[] = [];
  for (let bit = 0; bit < words.length * 5; bit++) {
    const word = words[words.length - 1 - Math.floor(bit / 5)]!;
    if ((word >> (bit % 5)) & 1) bits.push(bit);
  }
  const unknown = bits.find((bit) => bit % 2 === 0 && !KNOWN_FEATURES.has(bit));
  if (unknown !== undefined) throw malformed(`it requires feature ${unknown}, which we do not know`);
  return bits;
}

/** The stated key if the signature holds under it, or else the key the signature gives. */
function readPayee(prefix: string, signed: number[], signature: number[], stated?: Uint8Array): Uint8Array {
  const hash = sha256(concatBytes(utf8(prefix), packWords(signed)));
  const bytes = readBytes(signature);
  const compact = bytes.subarray(0, 64);
  try {
    if (stated) {
      if (secp256k1.verify(compact, hash, stated, { prehash: false, lowS: true })) return stated;
    } else {
      const recovered = concatBytes(bytes.subarray(64), compact);
      return secp256k1.recoverPublicKey(recovered, hash, { prehash: false });
    }
  } catch (cause) {
    throw malformed("its signature is not one", cause);
  }
  throw malformed("its signature does not hold under the key it states");
}

function malformed(reason: string, cause?: unknown): OracleError {
  return new OracleError("INVOICE_MALFORMED", `The invoice cannot be used: ${reason}.`, { cause });
}
