/** The name of an onion service that nobody runs. */
import { createHash } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** @param filler what its public key is made of, 0 to 255: it is on no curve, which a name does not tell */
export function onionName(filler: number): string {
  const key = Buffer.alloc(32, filler);
  const version = Buffer.from([3]);
  const checksum = createHash("sha3-256").update(".onion checksum").update(key).update(version).digest().subarray(0, 2);
  let bits = BigInt(`0x${Buffer.concat([key, checksum, version]).toString("hex")}`);
  let text = "";
  for (let index = 0; index < 56; index++, bits >>= 5n) text = ALPHABET.charAt(Number(bits & 31n)) + text;
  return `${text}.onion`;
}
