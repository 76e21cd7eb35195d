/** Who gets what, as the settings say it. */
import { expect, test } from "vitest";
import { planRelays } from "./relay-plan.ts";

const [one, two, three] = ["wss://one.example", "wss://two.example/", "wss://three.example"];
const nothing = { NOSTR_RELAYS: undefined, NOSTR_FULL_RELAYS: undefined, NOSTR_INDEXER_RELAYS: [] };

test("without settings the embedded relay gets everything, and elsewhere nobody gets anything", () => {
  expect(planRelays(nothing, "ws://127.0.0.1:1").relayPlan).toEqual([{ relay: "ws://127.0.0.1:1", role: "full" }]);
  expect(planRelays(nothing)).toEqual({ nostrRelays: [], relayPlan: [] });
});

test("a relay that somebody names takes the embedded one's place, and a local address is told to nobody", () => {
  expect(planRelays({ ...nothing, NOSTR_RELAYS: [one] }, "ws://127.0.0.1:1").nostrRelays).toEqual([one]);
});

test("a relay in several lists gets the most, whatever its spelling, and indexers are no place to read", () => {
  const plan = planRelays({
    NOSTR_FULL_RELAYS: [two],
    NOSTR_RELAYS: [one, "wss://two.example", `${one}/`],
    NOSTR_INDEXER_RELAYS: [three, one],
  });
  expect(plan.nostrRelays).toEqual([two, one]);
  expect(plan.relayPlan).toEqual([
    { relay: two, role: "full" },
    { relay: one, role: "selected" },
    { relay: three, role: "indexer" },
  ]);
});
