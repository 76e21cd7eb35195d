/**
 * What a relay lacks of a set of events, found in a few messages. Up only: what the relay has and we have not was taken back, and is left
 * alone. Source: NIP-77.
 */
import { nip77 } from "nostr-tools";
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { ask, type Session } from "./relay-session.ts";

/** `createdAt` in unix seconds. */
export type AuditItem = { id: string; createdAt: number };
export type AuditFilter = { authors: string[]; kinds: number[] };

/** Two or three are usual; each splits what differs into sixteen. */
const MAX_ROUNDS = 64;
/** Bytes before they are written in hex; the library's least and its default. */
const [LEAST_FRAME, MOST_FRAME] = [4_096, 60_000];

/** The ids among `items` that the relay lacks; undefined when it refuses, falls silent or goes on for ever. */
export async function findMissing(
  session: Session,
  filter: AuditFilter,
  items: readonly AuditItem[],
  { timeoutMs, signal, info }: { timeoutMs: number; signal: AbortSignal; info: RelayInfo | undefined },
): Promise<string[] | undefined> {
  const storage = new nip77.NegentropyStorageVector();
  for (const { id, createdAt } of items) storage.insert(createdAt, id);
  storage.seal();
  // Two digits a byte, and the message around them.
  const most = Math.floor(((info?.maxMessageBytes ?? Infinity) - 1_024) / 2);
  const negentropy = new nip77.Negentropy(storage, Math.max(LEAST_FRAME, Math.min(MOST_FRAME, most)));
  const missing = new Set<string>();
  const id = "audit";
  const open = JSON.stringify(["NEG-OPEN", id, filter, negentropy.initiate()]);
  let rounds = 0;
  const ended = await ask(session, { id, open, close: "NEG-CLOSE", timeoutMs, signal }, (type, message, send) => {
    if (type === "NEG-ERR" || type === "CLOSED") return "refused";
    if (type !== "NEG-MSG") return undefined;
    try {
      const next = negentropy.reconcile(String(message[2]), (lacking) => missing.add(lacking));
      if (next === null) return "complete";
      if (++rounds === MAX_ROUNDS) return "endless";
      send(JSON.stringify(["NEG-MSG", id, next]));
    } catch {
      return "garbled";
    }
    return undefined;
  });
  return ended === "complete" ? [...missing] : undefined;
}
