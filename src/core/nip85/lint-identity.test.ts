/** What keys say of themselves and each other may be signed as this program builds it, and each broken form may not. */
import { describe, expect, test } from "vitest";
import { fromHex } from "../bytes.ts";
import { unixSeconds } from "../units.ts";
import { publicKeyOf, tagValue, type UnsignedEvent } from "./event.ts";
import { heartbeatEvent } from "./heartbeat.ts";
import { type Identity, identityEvents, ownRelay, writeRelays } from "./identity.ts";
import { npub } from "./key-text.ts";
import { KIND } from "./kinds.ts";
import { lintIdentity } from "./lint-identity.ts";
import { KEY_ROLES, type KeyRole, KINDS_OF } from "./roles.ts";
import { standingRoot } from "./standing-set.ts";

const now = unixSeconds(1_790_000_000);
const keyOf = (byte: string) => publicKeyOf(fromHex(byte.repeat(32))!);
const pubkeys = {
  brand: keyOf("44"),
  "lightning-node": keyOf("11"),
  "l402-endpoint": keyOf("22"),
  operator: keyOf("33"),
};
const identity: Identity = {
  pubkeys,
  keys: KEY_ROLES.map((role) => ({ role, pubkey: pubkeys[role] })),
  origin: "https://oracle.example",
  relays: ["wss://relay.one.example/", "wss://relay.two.example"],
  algorithms: { "lightning-node": "nodes-1", "l402-endpoint": "calls-1", operator: "keys-1" },
  createdAt: now,
};
const events = identityEvents(identity);
const find = (kind: number, role: KeyRole = "brand") =>
  events.find((event) => event.kind === kind && event.pubkey === pubkeys[role])!;
const context = (event: UnsignedEvent, role = KEY_ROLES.find((each) => pubkeys[each] === event.pubkey)!) => {
  return { pubkey: event.pubkey, kinds: KINDS_OF[role], now };
};
const heartbeat = heartbeatEvent(
  {
    asOf: now,
    counts: [
      { kind: 30_384, count: 2 },
      { kind: 30_385, count: 5 },
    ],
    root: standingRoot([]),
    evidence: { position: 7n, head: "ab".repeat(32) },
    evidenceTree: { size: 7, root: "cd".repeat(32) },
    predictions: { position: 9n, head: "ef".repeat(32) },
    calibration: { asOf: now, digest: "12".repeat(32) },
  },
  { pubkey: pubkeys["lightning-node"], createdAt: now },
);
const vanish = {
  pubkey: pubkeys.brand,
  created_at: now,
  kind: KIND.vanish,
  tags: [["relay", "ALL_RELAYS"]],
  content: "",
};

describe("the events of all keys", () => {
  test("may be signed, each by its own key", () => {
    expect(events).toHaveLength(10);
    for (const event of [...events, heartbeat, vanish]) expect(lintIdentity(event, context(event))).toEqual([]);
  });

  test("a service key says who controls it, what it rates by which version, and where it is found", () => {
    const content = JSON.parse(find(KIND.profile, "l402-endpoint").content);
    expect(content).toMatchObject({ website: identity.origin, nip05: "l402@oracle.example", bot: true });
    expect(content.about).toContain(npub(pubkeys.brand));
    expect(content.about).toContain("calls-1");
    expect(KEY_ROLES.map((role) => JSON.parse(find(KIND.profile, role).content).nip05)).toEqual([
      "_@oracle.example",
      "node@oracle.example",
      "l402@oracle.example",
      "operators@oracle.example",
    ]);
  });

  test("a key writes to our own relay first, then to those configured, four in all", () => {
    const relays = ["wss://oracle.example/relay", "wss://relay.one.example", "wss://relay.two.example"];
    for (const role of KEY_ROLES)
      expect(find(KIND.relayList, role).tags).toEqual(relays.map((relay) => ["r", relay, "write"]));
    const many = [1, 2, 3, 4, 1].map((each) => `wss://r${each}.example`);
    expect(writeRelays("http://127.0.0.1:3000", many)).toEqual(["ws://127.0.0.1:3000/relay", ...many.slice(0, 3)]);
    expect(ownRelay("https://oracle.example")).toBe("wss://oracle.example/relay");
  });

  test("the brand lists every service key at our own relay, and none in the slot that ranks people", () => {
    const relay = "wss://oracle.example/relay";
    const { "lightning-node": node, "l402-endpoint": endpoint, operator } = pubkeys;
    expect(find(KIND.providers).tags).toEqual([
      ["30385:rank", node, relay],
      ["30385:rank", endpoint, relay],
      ["30384:rank", node, relay],
      ["30384:rank", endpoint, relay],
      ["30382:ln_node_cnt", operator, relay],
      ["30382:l402_cnt", operator, relay],
    ]);
  });

  test("the brand says which page shows assertions", () => {
    const handler = find(KIND.handler);
    expect(handler.tags.slice(1)).toEqual([
      ["k", "30382"],
      ["k", "30384"],
      ["k", "30385"],
      ["web", "https://oracle.example/a/<bech32>", "naddr"],
    ]);
    expect(tagValue(handler, "d")).toBe("satrank");
  });

  test("a key that followed another says so, and the other one by whom it was followed", () => {
    const [first, second] = [
      { role: "operator" as const, pubkey: keyOf("77"), until: unixSeconds(1) },
      { role: "operator" as const, pubkey: keyOf("78"), until: unixSeconds(2) },
    ];
    const followed = identityEvents({ ...identity, keys: [first, second, ...identity.keys] });
    const about = (pubkey: string) =>
      JSON.parse(followed.find((event) => event.kind === KIND.profile && event.pubkey === pubkey)!.content).about;
    expect(about(pubkeys.operator)).toContain(`Follows ${npub(second.pubkey)}`);
    for (const { pubkey } of [first, second]) expect(about(pubkey)).toContain(npub(pubkeys.operator));
    const last = followed.find(({ pubkey }) => pubkey === first.pubkey)!;
    expect(last.content).not.toContain("nip05");
    expect(lintIdentity(last, context(last, "operator"))).toEqual([]);
  });

  test("a key that somebody else may have says nothing more", () => {
    const lost = { role: "operator" as const, pubkey: keyOf("77"), until: unixSeconds(1), compromised: true };
    const followed = identityEvents({ ...identity, keys: [lost, ...identity.keys] });
    expect(followed.filter(({ pubkey }) => pubkey === lost.pubkey)).toEqual([]);
  });
});

const profile = find(KIND.profile, "lightning-node");
const [relays, providers, handler] = [find(KIND.relayList), find(KIND.providers), find(KIND.handler)];
const tags = (event: UnsignedEvent, ...changed: string[][]) => ({ ...event, tags: changed });
const entry = providers.tags[0]!;
const without = (name: string) => tags(heartbeat, ...heartbeat.tags.filter((tag) => tag[0] !== name));
const instead = (name: string, ...values: string[]) =>
  tags(heartbeat, ...heartbeat.tags.map((tag) => (tag[0] === name ? [name, ...values] : tag)));

test.each([
  { name: "another author", event: { ...profile, pubkey: pubkeys.brand }, as: profile },
  { name: "a kind that is no identity", event: { ...profile, kind: 1 } },
  { name: "the brand's list by a service key", event: { ...providers, pubkey: profile.pubkey } },
  { name: "a heartbeat of the brand", event: { ...heartbeat, pubkey: pubkeys.brand } },
  { name: "content that is no object", event: { ...profile, content: "[]" } },
  { name: "a profile without a name", event: { ...profile, content: '{"about":"x"}' } },
  { name: "a nip05 without a host", event: { ...profile, content: '{"name":"x","about":"x","nip05":"node"}' } },
  { name: "a profile with tags", event: tags(profile, ["x", "1"]) },
  { name: "a control character", event: { ...profile, content: `${profile.content}\u0001` } },
  { name: "a large profile", event: { ...profile, content: JSON.stringify({ name: "x", about: "x".repeat(5000) }) } },
  { name: "a time in the future", event: { ...relays, created_at: now + 31 } },
  { name: "no relays", event: tags(relays) },
  { name: "five relays", event: tags(relays, ...[1, 2, 3, 4, 5].map((each) => ["r", `wss://r${each}.example`])) },
  { name: "a relay that is no relay", event: tags(relays, ["r", "https://a.example"]) },
  { name: "a relay with a space", event: tags(relays, ["r", "wss://a.example/ x"]) },
  { name: "a relay of another use", event: tags(relays, ["r", "wss://a.example", "love"]) },
  { name: "no providers", event: tags(providers) },
  { name: "a provider without a relay", event: tags(providers, entry.slice(0, 2)) },
  { name: "a provider with a short key", event: tags(providers, [entry[0]!, "ab", entry[2]!]) },
  { name: "a provider of no assertion", event: tags(providers, ["10002:rank", entry[1]!, entry[2]!]) },
  { name: "the slot that ranks people", event: tags(providers, ["30382:rank", entry[1]!, entry[2]!]) },
  { name: "one provider twice", event: tags(providers, entry, entry) },
  { name: "a list with content", event: { ...providers, content: "x" } },
  {
    name: "a page for no address",
    event: tags(handler, ["d", "x"], ["k", "30385"], ["web", "https://a.example/", "naddr"]),
  },
  { name: "a handler of no kind", event: tags(handler, ["d", "x"], handler.tags.at(-1)!) },
  { name: "a handler without a name of its own", event: tags(handler, ...handler.tags.slice(1)) },
  { name: "a request to vanish from nowhere", event: tags(vanish) },
  { name: "a heartbeat without its root", event: without("set") },
  { name: "a heartbeat without a time", event: without("as_of") },
  { name: "a heartbeat without the evidence", event: without("evidence") },
  { name: "a heartbeat with a short hash", event: instead("predictions", "9", "ef") },
  { name: "a heartbeat whose counts do not add up", event: instead("set", "8", "00".repeat(32)) },
  { name: "a heartbeat with a fraction", event: instead("as_of", "1.5") },
  { name: "a heartbeat with two roots", event: tags(heartbeat, ...heartbeat.tags, heartbeat.tags[4]!) },
  { name: "a heartbeat with a tag nobody knows", event: tags(heartbeat, ...heartbeat.tags, ["mood", "7"]) },
  { name: "a heartbeat under another name", event: instead("d", "other") },
])("$name is not signed", ({ event, as }) => {
  expect(lintIdentity(event, context(as ?? event)).length).toBeGreaterThan(0);
});
