/** Text forms of bytes, and comparison that takes the same time whatever differs. No `node:` module: browsers use it too. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Values by character code, -1 where there is none: tables, because every paid call decodes its credential. */
const HEX_DIGITS = digitTable("0123456789abcdef", "0123456789ABCDEF");
const BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64_DIGITS = digitTable(`${BASE64_ALPHABET}+/`, `${BASE64_ALPHABET}-_`);

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Bytes of an even number of hex digits in either case; undefined for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  let valid = 0;
  for (let i = 0; i < bytes.length; i++) {
    const high = HEX_DIGITS[text.charCodeAt(2 * i)] ?? -1;
    const low = HEX_DIGITS[text.charCodeAt(2 * i + 1)] ?? -1;
    valid |= high | low;
    bytes[i] = (high << 4) | low;
  }
  return valid < 0 ? undefined : bytes;
}

/** Standard alphabet with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * Standard or url-safe alphabet, padded or not (RFC 4648 §4, §5). Over-padding or a stray character gives undefined;
 * spare bits of the last digit are ignored, as every other decoder does, so texts must be compared as bytes.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  const bytes = new Uint8Array((digits * 3) >> 2);
  let valid = 0;
  let bits = 0;
  let offset = 0;
  for (let i = 0; i < digits; i++) {
    const digit = BASE64_DIGITS[text.charCodeAt(i)] ?? -1;
    valid |= digit;
    bits = (bits << 6) | digit;
    // Four digits are three bytes: every digit but the first of four completes one.
    if ((i & 3) !== 0) bytes[offset++] = bits >> (6 - 2 * (i & 3));
  }
  return valid < 0 ? undefined : bytes;
}

/** Compares without an early exit: the time depends on the lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Negative, zero or positive, as `a` sorts before, with or after `b`; a beginning sorts before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

const encoder = new TextEncoder();
const lenientDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8 to text; bytes that are none become U+FFFD. Short ASCII, the usual case, is read without the decoder. */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.length > 64) return lenientDecoder.decode(bytes);
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) return lenientDecoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

function digitTable(...alphabets: string[]): Int8Array {
  const table = new Int8Array(128).fill(-1);
  for (const alphabet of alphabets) {
    for (let value = 0; value < alphabet.length; value++) table[alphabet.charCodeAt(value)] = value;
  }
  return table;
}
