/** 5-bit words, the alphabet of the data part of an invoice (BOLT 11; words as in BIP 173). */

/** Words to bytes, zero bits added on the right to fill the last byte: the form that is signed. */
export function packWords(words: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((words.length * 5) / 8));
  for (let i = 0; i < words.length; i++) {
    const bit = i * 5;
    const shifted = words[i]! << (11 - (bit % 8));
    const at = bit >> 3;
    bytes[at]! |= shifted >> 8;
    if (at + 1 < bytes.length) bytes[at + 1]! |= shifted & 0xff;
  }
  return bytes;
}

/** Words of one field to whole bytes. Undefined when the bits left over are a whole word, or not all zero. */
export function wordsToBytes(words: ArrayLike<number>): Uint8Array | undefined {
  const length = Math.floor((words.length * 5) / 8);
  if (words.length * 5 - length * 8 > 4) return undefined;
  const packed = packWords(words);
  if (packed.length > length && packed[length] !== 0) return undefined;
  return packed.subarray(0, length);
}

/** Bytes to words, zero bits added on the right. */
export function bytesToWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      words.push((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31);
  return words;
}

/** Big-endian integer. Undefined with a leading zero word or above 50 bits, which no field needs. */
export function wordsToInteger(words: ArrayLike<number>): number | undefined {
  if (words.length > 10 || words[0] === 0) return undefined;
  let value = 0;
  for (let i = 0; i < words.length; i++) value = value * 32 + words[i]!;
  return value;
}

/** Big-endian, in the fewest words; or in exactly `width` words. */
export function integerToWords(value: number, width = 0): number[] {
  const words: number[] = [];
  for (let left = value; left > 0 || words.length < width; left = Math.floor(left / 32)) words.unshift(left % 32);
  return words;
}
