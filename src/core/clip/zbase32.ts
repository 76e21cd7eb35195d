/** z-base-32: the text form of Lightning signatures. Five bits a character, the highest first, without padding. */

const ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769";

/** The bytes; undefined for another character, and where bits are left over that are not zero. */
export function fromZbase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 5) >> 3);
  let bits = 0;
  let held = 0;
  let offset = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[offset++] = held >> bits;
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
