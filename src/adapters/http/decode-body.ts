/** A body as it was before it was compressed, within bounds that hold before the memory is spent. Source: RFC 9110, 8.4. */
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { HeaderLine } from "../../core/egress.ts";
import { codeOf, Fault } from "./fault.ts";

/** What is offered, and all that is understood. */
export const ACCEPT_ENCODING = "gzip, deflate, br";

/** Text compresses five- to thirtyfold; a bomb a thousandfold. Small answers may be as uniform as they like. */
const MAX_EXPANSION = 100;
const EXPANSION_COUNTS_FROM_BYTES = 65_536;

type Decoder = (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;
const DECODERS: Record<string, Decoder> = {
  gzip: promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  "x-gzip": promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  deflate: (body, options) => (hasZlibHeader(body) ? inflate(body, options) : inflateRaw(body, options)),
  br: promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
};
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

/** @param maxBytes the most that may come out. @throws Fault encoding, body-too-large */
export async function decodeBody(
  headers: readonly HeaderLine[],
  body: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  const layers = headers
    .filter(([name]) => name.toLowerCase() === "content-encoding")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((layer) => layer.trim())
    .filter((layer) => layer !== "" && layer !== "identity");
  if (layers.length === 0 || body.length === 0) return body;
  const [layer = ""] = layers;
  if (layers.length > 1) throw new Fault("encoding", "theirs", "compressed more than once");
  const decode = Object.hasOwn(DECODERS, layer) ? DECODERS[layer] : undefined;
  if (!decode) throw new Fault("encoding", "theirs", "an encoding that was not asked for");
  const maxExpanded = Math.max(EXPANSION_COUNTS_FROM_BYTES, MAX_EXPANSION * body.length);
  try {
    return await decode(body, { maxOutputLength: Math.min(maxBytes, maxExpanded) });
  } catch (error) {
    if (codeOf(error) !== "ERR_BUFFER_TOO_LARGE")
      throw new Fault("encoding", "theirs", `does not decompress (${codeOf(error)})`);
    if (maxExpanded < maxBytes) throw new Fault("encoding", "unknown", `expands more than ${MAX_EXPANSION} times`);
    throw new Fault("body-too-large", "unknown", `more than ${maxBytes} bytes after decompression`);
  }
}

/** Two bytes of RFC 1950: method 8, and a checksum. Some servers send the bare stream of RFC 1951 under the same name. */
function hasZlibHeader(body: Uint8Array): boolean {
  const [first = 0, second = 0] = body;
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}
