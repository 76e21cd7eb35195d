/** What delivery and audit need of one relay, joined from its connection, the database and the signer. */
import { fetchDocument } from "../../adapters/http/fetch-document.ts";
import { mine } from "../../adapters/nostr/mine.ts";
import { relayConnection } from "../../adapters/nostr/relay-connection.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { deliveryTable } from "../../adapters/postgres/delivery.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { type KnownInfo, relayStateTable } from "../../adapters/postgres/relay-state.ts";
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import { readRelayInfo } from "../../core/nip85/relay-info.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { DueDelivery } from "../../oracle/publish/delivery.ts";
import { signAgain } from "../../oracle/publish/sign-again.ts";
import { now } from "../clock.ts";

/** Signs events in the name of their authors, in order. */
export type Sign = (events: readonly UnsignedEvent[]) => Promise<SignedEvent[]>;

const INFO = { accept: "application/nostr+json", timeoutMs: 5_000, maxBytes: 65_536 };
/** What a relay says of itself holds for a day; one that says nothing may have been away. */
const INFO_SEC = 86_400;
const NO_INFO_SEC = 3_600;

export type RelayPorts = ReturnType<typeof relayPorts>;

/** Connects when something is first asked of the relay. `close` ends the connection; the next question makes a new one. */
export function relayPorts(deps: { database: Database; relay: string; sign: Sign; signal: AbortSignal }) {
  const { database, relay, sign, signal } = deps;
  const connection = relayConnection(relay, { identity: { sign, now } });
  const [deliveries, state] = [deliveryTable(database), relayStateTable(database)];
  const again = { ...deliveries, sign, mine, stage: outboxTable(database).stage };
  return {
    ...deliveries,
    ...state,
    publish: connection.publish,
    readBack: connection.readBack,
    count: connection.count,
    findMissing: connection.findMissing,
    close: connection.close,
    async describe(_relay: string, at: UnixSeconds) {
      const known = await state.readInfo(relay);
      if (known && at - known.askedAt < (known.info ? INFO_SEC : NO_INFO_SEC)) return known;
      const info = await askInfo(relay, signal);
      // A relay that was away for a moment is held to what it said before.
      const next: KnownInfo = { info: info ?? known?.info, askedAt: at };
      await state.writeInfo(relay, next);
      return { info: next.info, proved: known?.proved ?? false };
    },
    signAgain: (name: string, event: DueDelivery, { bits }: { bits: number }, stop: AbortSignal) =>
      signAgain(again, name, event, { bits, now: now(), signal: stop }),
  };
}

async function askInfo(relay: string, signal: AbortSignal) {
  const text = await fetchDocument(relay.replace(/^ws/, "http"), { ...INFO, signal });
  try {
    return text === undefined ? undefined : readRelayInfo(JSON.parse(text));
  } catch {
    return undefined;
  }
}
