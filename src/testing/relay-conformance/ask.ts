/** What a stranger gets who asks a relay with nostr-tools: everything it sends before the end, checked by two libraries. */
import { Event, loadWasmSync } from "@rust-nostr/nostr-sdk";
import { verifyEvent } from "nostr-tools/pure";
import { Relay, useWebSocketImplementation } from "nostr-tools/relay";
import { WebSocket } from "ws";
import type { SignedEvent } from "../../core/nip85/event.ts";

export type Question = {
  ids?: string[];
  authors?: string[];
  kinds?: number[];
  "#d"?: string[];
  until?: number;
  limit?: number;
};

/** A connection of nostr-tools' own. Events that nostr-tools does not hold for valid do not arrive. */
export async function openReader(url: string) {
  loadWasmSync();
  useWebSocketImplementation(WebSocket);
  const relay = await Relay.connect(url);
  const ask = (filter: Question): Promise<SignedEvent[]> =>
    new Promise((resolve, reject) => {
      const found: SignedEvent[] = [];
      const subscription = relay.subscribe([filter], {
        eoseTimeout: 60_000,
        onevent: (event) => void found.push(event),
        oneose() {
          resolve(found);
          subscription.close();
        },
        onclose: (reason) => reject(new Error(reason)),
      });
    });
  return {
    ask,
    /** Those of these ids that it shows, in pages. */
    async byIds(ids: readonly string[]): Promise<SignedEvent[]> {
      const found: SignedEvent[] = [];
      for (let from = 0; from < ids.length; from += 100)
        found.push(...(await ask({ ids: ids.slice(from, from + 100), limit: 100 })));
      return found;
    },
    close: () => relay.close(),
  };
}

/** Whether both libraries hold the event for valid, read from its text: one remembers what it verified before. */
export function isValid(event: SignedEvent): boolean {
  const text = JSON.stringify(event);
  return verifyEvent(JSON.parse(text)) && Event.fromJson(text).verify();
}
