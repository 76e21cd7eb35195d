/**
 * Version 1 macaroons, read only: clients with an old library send them (libmacaroons `doc/format.txt`).
 *
 * A packet is four hex digits of its whole length, a name, a space, the data and a line feed. Identifiers and
 * signatures are binary and may hold line feeds themselves, so packets are cut by length and never by line.
 */
import { MAX_CAVEATS, type Macaroon, malformed, readUtf8, SIGNATURE_BYTES } from "./macaroon.ts";

const LENGTH_DIGITS = 4;
const LONGEST_NAME = "identifier".length;
const SPACE = 0x20;
const LINE_FEED = 0x0a;

type Packet = { name: string; data: Uint8Array; end: number };

/** Reads the version 1 form. Fields are views on `bytes`. @throws MACAROON_MALFORMED */
export function decodePackets(bytes: Uint8Array): Macaroon {
  let packet = readPacket(bytes, 0);
  let location: string | undefined;
  if (packet.name === "location") {
    location = readUtf8(packet.data, "its location");
    packet = readPacket(bytes, packet.end);
  }
  if (packet.name !== "identifier") throw malformed("it has no identifier");
  const identifier = packet.data;

  const caveats: { id: Uint8Array }[] = [];
  for (packet = readPacket(bytes, packet.end); packet.name === "cid"; packet = readPacket(bytes, packet.end)) {
    if (caveats.length === MAX_CAVEATS) throw malformed(`more than ${MAX_CAVEATS} caveats`);
    caveats.push({ id: packet.data });
  }
  if (packet.name === "vid" || packet.name === "cl") throw malformed("third-party caveats are not supported");
  if (packet.name !== "signature") throw malformed("it has no signature");
  const signature = packet.data;
  if (signature.length !== SIGNATURE_BYTES) throw malformed(`its signature is not ${SIGNATURE_BYTES} bytes`);
  if (packet.end !== bytes.length) throw malformed("there are bytes after its signature");
  return location === undefined ? { identifier, caveats, signature } : { location, identifier, caveats, signature };
}

function readPacket(bytes: Uint8Array, start: number): Packet {
  const end = start + readLength(bytes, start);
  if (end > bytes.length) throw malformed("a packet is longer than what is left");
  const nameStart = start + LENGTH_DIGITS;
  const space = bytes.subarray(nameStart, Math.min(end, nameStart + LONGEST_NAME + 1)).indexOf(SPACE);
  if (space === -1) throw malformed("a packet has no name");
  const dataStart = nameStart + space + 1;
  if (dataStart >= end || bytes[end - 1] !== LINE_FEED) throw malformed("a packet does not end in a line feed");
  const name = String.fromCharCode(...bytes.subarray(nameStart, nameStart + space));
  return { name, data: bytes.subarray(dataStart, end - 1), end };
}

function readLength(bytes: Uint8Array, start: number): number {
  if (start + LENGTH_DIGITS > bytes.length) throw malformed("it is cut short");
  const digits = String.fromCharCode(...bytes.subarray(start, start + LENGTH_DIGITS));
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw malformed("a packet has no length");
  return Number.parseInt(digits, 16);
}
