/** Which of our events each configured relay is sent, and which relays are told to readers. */
import type { Config } from "./config.ts";
import type { RelayPlan } from "./world.ts";

type Named = Pick<Config, "NOSTR_RELAYS" | "NOSTR_FULL_RELAYS" | "NOSTR_INDEXER_RELAYS">;

/** A relay that is named twice gets the most of it. @param embedded the demo's relay, used when no other is named */
export function planRelays(config: Named, embedded?: string): { nostrRelays: string[]; relayPlan: RelayPlan } {
  const unnamed = config.NOSTR_RELAYS === undefined && config.NOSTR_FULL_RELAYS === undefined;
  const full = config.NOSTR_FULL_RELAYS ?? (unnamed && embedded !== undefined ? [embedded] : []);
  const plan = new Map<string, RelayPlan[number]>();
  const add = (relays: readonly string[], role: RelayPlan[number]["role"]) => {
    for (const relay of relays) {
      const spelling = new URL(relay).href;
      if (!plan.has(spelling)) plan.set(spelling, { relay, role });
    }
  };
  add(full, "full");
  add(config.NOSTR_RELAYS ?? [], "selected");
  add(config.NOSTR_INDEXER_RELAYS, "indexer");
  const relayPlan = [...plan.values()];
  return {
    nostrRelays: relayPlan.filter(({ role }) => role !== "indexer").map(({ relay }) => relay),
    relayPlan,
  };
}
