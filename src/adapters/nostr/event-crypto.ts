/** Who does the mathematics: libsecp256k1 as WebAssembly (nostr-wasm), about eight times as fast as the same in JavaScript, or noble. */

import { randomBytes } from "node:crypto";
import { finalizeEvent, setNostrWasm, verifyEvent } from "nostr-tools/wasm";
import { initNostrWasm } from "nostr-wasm";
import { eventId, type SignedEvent, signatureHolds, signEvent, type UnsignedEvent } from "../../core/nip85/event.ts";

export type EventCrypto = {
  library: "wasm" | "noble";
  /** Hashes and signs. The signature is randomised: signing twice gives one id and two signatures. */
  sign(event: UnsignedEvent, secretKey: Uint8Array): SignedEvent;
  /** Whether the id is the hash of the content and the signature is the author's. */
  verify(event: SignedEvent): boolean;
};

let loaded: Promise<EventCrypto> | undefined;

/** Loads the module, once per thread. */
export function loadEventCrypto(): Promise<EventCrypto> {
  loaded ??= initNostrWasm().then((wasm) => {
    setNostrWasm(wasm);
    return { library: "wasm", sign, verify };
  });
  return loaded;
}

/** The same by the mathematics that the rest of this program uses, where WebAssembly is not to be had. */
export const NOBLE: EventCrypto = {
  library: "noble",
  sign: (event, secretKey) => signEvent(event, secretKey, randomBytes(32)),
  verify: (event) => eventId(event) === event.id && signatureHolds(event),
};

// Both work on copies: the library writes into what it is given.
function sign(event: UnsignedEvent, secretKey: Uint8Array): SignedEvent {
  const { kind, tags, content, created_at } = event;
  const { id, pubkey, sig } = finalizeEvent({ kind, tags, content, created_at }, secretKey);
  return { id, pubkey, created_at, kind, tags, content, sig };
}

function verify(event: SignedEvent): boolean {
  return verifyEvent({ ...event });
}
