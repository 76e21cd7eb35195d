/** Whichever of the three forms a macaroon comes in, its first byte tells which. Version 2 binary is the one we write. */
import { decodeBinary } from "./binary.ts";
import { decodeJson } from "./json.ts";
import { MAX_MACAROON_BYTES, type Macaroon, malformed } from "./macaroon.ts";
import { decodePackets } from "./packets.ts";

const BINARY = 0x02;
const OPENING_BRACE = 0x7b;

/** Reads version 2 binary, version 1 packets or JSON. Fields may be views on `bytes`. @throws MACAROON_MALFORMED */
export function decodeMacaroon(bytes: Uint8Array): Macaroon {
  if (bytes.length > MAX_MACAROON_BYTES) throw malformed(`longer than ${MAX_MACAROON_BYTES} bytes`);
  const first = bytes[0];
  if (first === BINARY) return decodeBinary(bytes);
  if (first === OPENING_BRACE) return decodeJson(bytes);
  if (first !== undefined && isHexDigit(first)) return decodePackets(bytes);
  throw malformed("neither version 2 binary, nor version 1 packets, nor JSON");
}

function isHexDigit(byte: number): boolean {
  return /^[0-9a-fA-F]$/.test(String.fromCharCode(byte));
}
