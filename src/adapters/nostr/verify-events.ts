/** Many strangers' signatures at once, in short slices, so that other work gets its turn. */
import { setImmediate } from "node:timers/promises";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { loadEventCrypto } from "./event-crypto.ts";

/** At about half a millisecond each. */
const SLICE = 8;

/** Of each event in order whether its id is the hash of its content and its signature the author's. */
export async function verifyEvents(events: readonly SignedEvent[]): Promise<boolean[]> {
  const { verify } = await loadEventCrypto();
  const holds: boolean[] = [];
  for (const [index, event] of events.entries()) {
    if (index % SLICE === 0) await setImmediate();
    holds.push(verifyQuietly(verify, event));
  }
  return holds;
}

/** What the library cannot take apart holds for nobody. */
function verifyQuietly(verify: (event: SignedEvent) => boolean, event: SignedEvent): boolean {
  try {
    return verify(event);
  } catch {
    return false;
  }
}
