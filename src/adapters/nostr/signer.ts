/** Signs batches of events in the thread it runs in, and has a sample of each batch checked by a second implementation. */
import { randomInt } from "node:crypto";
import { OracleError } from "../../core/errors.ts";
import { eventId, type SignedEvent, signatureHolds, type UnsignedEvent } from "../../core/nip85/event.ts";
import { type EventCrypto, loadEventCrypto, NOBLE } from "./event-crypto.ts";
import type { ServiceKey } from "./keys.ts";

export type Signer = {
  /** Whose mathematics it uses: noble where WebAssembly cannot be loaded. */
  library: EventCrypto["library"];
  /**
   * The events in order, signed by the keys they name as authors. Holds its thread for 0.6 ms an event.
   * @throws INTERNAL for an author whose key it has not; SIGNER_FAULTY when two implementations disagree
   */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
};

/** A signer for these keys and no others. */
export async function createSigner(
  keys: readonly ServiceKey[],
  load: () => Promise<EventCrypto> = loadEventCrypto,
): Promise<Signer> {
  const crypto = await load().catch(() => NOBLE);
  const secrets = new Map(keys.map(({ pubkey, secretKey }) => [pubkey, secretKey]));
  const seen = new Set<string>();

  return {
    library: crypto.library,
    async sign(events) {
      const sample = events.length > 0 ? randomInt(events.length) : 0;
      return events.map((event, index) => {
        const secretKey = secrets.get(event.pubkey);
        if (!secretKey) throw new OracleError("INTERNAL", `no key to sign for ${event.pubkey}`);
        const signed = crypto.sign(event, secretKey);
        if (index === sample || !seen.has(event.pubkey)) crossCheck(event, signed);
        seen.add(event.pubkey);
        return signed;
      });
    },
  };
}

/** A signer that goes wrong must stop everything: what it signed cannot be taken back. */
function crossCheck(event: UnsignedEvent, signed: SignedEvent): void {
  if (signed.pubkey === event.pubkey && signed.id === eventId(event) && signatureHolds(signed)) return;
  throw new OracleError(
    "SIGNER_FAULTY",
    `two implementations disagree about event ${signed.id}: nothing more is signed`,
  );
}
