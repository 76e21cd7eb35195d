/**
 * What a macaroon of LND says it grants. LND writes the permissions into the identifier, in the clear: version byte 3,
 * then protobuf MacaroonId {1: nonce, 2: storage id, 3: repeated Op {1: entity, 2: repeated action}} (macaroon-bakery v2).
 * They are true as soon as the node accepts the macaroon for anything, because the signature covers them.
 */
import { decodeMacaroon } from "../../core/macaroon/decode.ts";

const VERSION = 3;
const LENGTH_DELIMITED = 2;

/** As `entity:action`, such as `invoices:read`; undefined when the bytes are no macaroon of LND. */
export function readPermissions(macaroon: Uint8Array): Set<string> | undefined {
  try {
    const { identifier } = decodeMacaroon(macaroon);
    if (identifier[0] !== VERSION) return undefined;
    const granted = new Set<string>();
    for (const [tag, op] of readFields(identifier.subarray(1))) {
      if (tag !== 3) continue;
      const parts = [...readFields(op)];
      const entity = textOf(parts.find(([part]) => part === 1)?.[1]);
      for (const [part, action] of parts) if (part === 2) granted.add(`${entity}:${textOf(action)}`);
    }
    return granted;
  } catch {
    // Whatever it is, only the node can say what it opens.
    return undefined;
  }
}

/** Tag and content of each field; all of this message are length-delimited. @throws RangeError */
function* readFields(bytes: Uint8Array): Generator<[tag: number, content: Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("not a varint");
  };
  while (at < bytes.length) {
    const key = varint();
    const length = varint();
    if ((key & 7) !== LENGTH_DELIMITED || at + length > bytes.length) throw new RangeError("not a field");
    yield [key >> 3, bytes.subarray(at, at + length)];
    at += length;
  }
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
