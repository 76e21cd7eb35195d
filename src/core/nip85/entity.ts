/** Nostr events as people hand them on: `note`, `nevent` and `naddr`, with hints where to find them. Source: NIP-19. */
import { bech32 } from "@scure/base";
import { fromUtf8, toHex } from "../bytes.ts";
import { parseUrl } from "../url.ts";

export type Entity =
  | { readonly type: "event"; readonly id: string; readonly relays: readonly string[] }
  | {
      readonly type: "address";
      readonly kind: number;
      readonly pubkey: string;
      readonly d: string;
      readonly relays: readonly string[];
    };

/** Longer ones name more relays than anybody asks. */
const MAX_CHARS = 4_096;
const MAX_RELAYS = 5;
const SPECIAL = 0;
const RELAY = 1;
const AUTHOR = 2;
const KIND = 3;

/** Undefined for text that is none of them, `nostr:` before it or not. Hints that are no relays are left out. */
export function readEntity(text: string): Entity | undefined {
  const [prefix, bytes] = decode(text.replace(/^nostr:/, "")) ?? [];
  if (!bytes) return undefined;
  if (prefix === "note") return bytes.length === 32 ? { type: "event", id: toHex(bytes), relays: [] } : undefined;
  const fields = readFields(bytes);
  if (!fields) return undefined;
  const special = fields.get(SPECIAL)?.[0];
  const relays = (fields.get(RELAY) ?? []).map(fromUtf8).filter(isRelay).slice(0, MAX_RELAYS);
  if (prefix === "nevent") return special?.length === 32 ? { type: "event", id: toHex(special), relays } : undefined;
  const [author, kind] = [fields.get(AUTHOR)?.[0], fields.get(KIND)?.[0]];
  if (prefix !== "naddr" || !special || author?.length !== 32 || kind?.length !== 4) return undefined;
  const number = new DataView(kind.buffer, kind.byteOffset).getUint32(0);
  return { type: "address", kind: number, pubkey: toHex(author), d: fromUtf8(special), relays };
}

function decode(text: string): [prefix: string, bytes: Uint8Array] | undefined {
  if (text.length > MAX_CHARS) return undefined;
  try {
    const { prefix, words } = bech32.decode(text as `${string}1${string}`, false);
    return [prefix, bech32.fromWords(words)];
  } catch {
    return undefined;
  }
}

/** One byte that says what it is, one its length, then so many bytes. What is not known is passed over. */
function readFields(bytes: Uint8Array): Map<number, Uint8Array[]> | undefined {
  const fields = new Map<number, Uint8Array[]>();
  for (let at = 0; at < bytes.length; ) {
    const [type, length] = [bytes[at]!, bytes[at + 1]];
    if (length === undefined || at + 2 + length > bytes.length) return undefined;
    fields.set(type, [...(fields.get(type) ?? []), bytes.slice(at + 2, at + 2 + length)]);
    at += 2 + length;
  }
  return fields;
}

function isRelay(text: string): boolean {
  const protocol = parseUrl(text)?.protocol;
  return protocol === "wss:" || protocol === "ws:";
}
