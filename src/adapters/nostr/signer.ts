/** Signs events in short slices, and has a sample of each batch checked by a second implementation before it is used. */
import { setImmediate } from "node:timers/promises";
import { OracleError } from "../../core/errors.ts";
import { eventId, type SignedEvent, signatureHolds, type UnsignedEvent } from "../../core/nip85/event.ts";
import type { ServiceKey } from "./keys.ts";
import { loadEventCrypto } from "./wasm.ts";

export type Signer = {
  /** The events in order, signed by the keys they name as authors. Lets other work run between slices. @throws INTERNAL */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
};

/** At about 0.6 ms a signature, the event loop is held for a few milliseconds. */
const SLICE = 4;
/** One signature in so many is verified with another library (3 ms each). */
const SAMPLE = 64;

/** A signer for these keys and no others. */
export async function createSigner(keys: readonly ServiceKey[]): Promise<Signer> {
  const crypto = await loadEventCrypto();
  const secrets = new Map(keys.map(({ pubkey, secretKey }) => [pubkey, secretKey]));

  return {
    async sign(events) {
      const signed: SignedEvent[] = [];
      for (const [index, event] of events.entries()) {
        if (index % SLICE === 0) await setImmediate();
        const secretKey = secrets.get(event.pubkey);
        if (!secretKey) throw new OracleError("INTERNAL", `no key to sign for ${event.pubkey}`);
        const result = crypto.sign(event, secretKey);
        if (index % SAMPLE === 0) crossCheck(event, result);
        signed.push(result);
      }
      return signed;
    },
  };
}

/** A signer that goes wrong must stop everything: what it signed cannot be taken back. */
function crossCheck(event: UnsignedEvent, signed: SignedEvent): void {
  if (signed.pubkey === event.pubkey && signed.id === eventId(event) && signatureHolds(signed)) return;
  throw new OracleError("INTERNAL", `two implementations disagree about event ${signed.id}`);
}
