/** Whichever of the two byte forms a macaroon comes in, its first byte tells which. */
import { decodeBinary } from "./binary.ts";
import { MAX_MACAROON_BYTES, type Macaroon, malformed } from "./macaroon.ts";
import { decodePackets } from "./packets.ts";

const BINARY = 0x02;

/** Reads version 2 binary or version 1 packets. Fields are views on `bytes`. @throws MACAROON_MALFORMED */
export function decodeMacaroon(bytes: Uint8Array): Macaroon {
  if (bytes.length > MAX_MACAROON_BYTES) throw malformed(`longer than ${MAX_MACAROON_BYTES} bytes`);
  const first = bytes[0];
  if (first === BINARY) return decodeBinary(bytes);
  if (first !== undefined && isHexDigit(first)) return decodePackets(bytes);
  throw malformed("neither version 2 binary nor version 1 packets");
}

function isHexDigit(byte: number): boolean {
  return /^[0-9a-fA-F]$/.test(String.fromCharCode(byte));
}
