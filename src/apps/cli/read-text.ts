/** Files that commands read: text, packed or not. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { OracleError } from "../../core/errors.ts";

/** More than any graph, table of labels or bundle, unpacked. */
const MAX_FILE_BYTES = 2 ** 29;

/** Gzip is told by its first two bytes, not by the name of the file. @throws CONFIG_INVALID */
export function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES }) : bytes;
    if (plain.length > MAX_FILE_BYTES) throw new Error("too large");
    return plain.toString("utf8");
  } catch (cause) {
    throw new OracleError("CONFIG_INVALID", `${path} cannot be read.`, { cause });
  }
}
