/** Who does the mathematics: libsecp256k1 as WebAssembly (tiny-secp256k1), many times as fast as the same in JavaScript, or noble. */

import { createHash, randomBytes } from "node:crypto";
import { fromHex, toHex } from "../../core/bytes.ts";
import { eventId, type SignedEvent, signatureHolds, signEvent, type UnsignedEvent } from "../../core/nip85/event.ts";

export type EventCrypto = {
  library: "wasm" | "noble";
  /**
   * Hashes and signs; `secretKey` is that of the event's author. The signature is randomised: signing twice gives one id and two
   * signatures.
   */
  sign(event: UnsignedEvent, secretKey: Uint8Array): SignedEvent;
  /** Whether the id is the hash of the content and the signature is the author's. */
  verify(event: SignedEvent): boolean;
};

type Secp256k1 = Pick<typeof import("tiny-secp256k1"), "signSchnorr" | "verifySchnorr">;

let loaded: Promise<EventCrypto> | undefined;

/** Loads the module, once per thread. @throws where WebAssembly cannot be used */
export function loadEventCrypto(): Promise<EventCrypto> {
  loaded ??= import("tiny-secp256k1").then((library) => ({
    library: "wasm",
    sign: (event, secretKey) => sign(library, event, secretKey),
    verify: (event) => verify(library, event),
  }));
  return loaded;
}

/** The same by the mathematics that the rest of this program uses, where WebAssembly is not to be had. */
export const NOBLE: EventCrypto = {
  library: "noble",
  sign: (event, secretKey) => signEvent(event, secretKey, randomBytes(32)),
  verify: (event) => eventId(event) === event.id && signatureHolds(event),
};

function sign({ signSchnorr }: Secp256k1, event: UnsignedEvent, secretKey: Uint8Array): SignedEvent {
  const { pubkey, created_at, kind, tags, content } = event;
  const hash = hashOf(event);
  const sig = toHex(signSchnorr(hash, secretKey, randomBytes(32)));
  return { id: toHex(hash), pubkey, created_at, kind, tags, content, sig };
}

function verify({ verifySchnorr }: Secp256k1, event: SignedEvent): boolean {
  const [key, sig] = [fromHex(event.pubkey), fromHex(event.sig)];
  const hash = hashOf(event);
  if (key?.length !== 32 || sig?.length !== 64 || toHex(hash) !== event.id) return false;
  try {
    return verifySchnorr(hash, key, sig);
  } catch {
    // It throws for what is no key at all.
    return false;
  }
}

/** What {@link eventId} is the text of, by OpenSSL. */
function hashOf({ pubkey, created_at, kind, tags, content }: UnsignedEvent): Uint8Array {
  return createHash("sha256")
    .update(JSON.stringify([0, pubkey, created_at, kind, tags, content]))
    .digest();
}
