/** Known ids: computed with nostr-tools (pure and wasm), their signatures accepted by rust-nostr and a separate Python verifier. */
import fc from "fast-check";
import { getEventHash } from "nostr-tools/pure";
import { expect, test } from "vitest";
import { fromHex } from "../bytes.ts";
import { unixSeconds } from "../units.ts";
import { addressAssertion, endpointAssertion, keyAssertion, nodeAssertion } from "./assertion.ts";
import { eventId, publicKeyOf, type UnsignedEvent } from "./event.ts";
import { lintEvent } from "./lint.ts";

const at = unixSeconds(1_790_000_000);
const key = (byte: string) => publicKeyOf(fromHex(byte.repeat(32))!);
const [K_NODE, K_L402, K_OP, USER, API_OWNER] = [key("11"), key("22"), key("33"), key("55"), key("66")];
const NODE = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";

const score = { nodeKey: NODE, rank: 72, rankLow: 64, rankHigh: 79, reachRatio: 0.97, observations: 144, asOf: at };
const context = { pubkey: K_NODE, origin: "https://oracle.example", network: "mainnet", createdAt: at } as const;
const about = (pubkey: string, kind: number, tags: string[][]): UnsignedEvent => ({
  pubkey,
  created_at: at,
  kind,
  tags: [...tags, ["expiration", "1792592000"]],
  content: "",
});
const clip = `38171:${USER}:${NODE}`;
const service = `31402:${API_OWNER}:weather-v1`;
const url = "https://api.example.com/v1/weather";

const vectors: { name: string; event: UnsignedEvent; id: string }[] = [
  {
    name: "a node with counts",
    event: nodeAssertion({ ...score, commentCount: 3, reactionCount: 11 }, context),
    id: "dbd5f50d158212ee98e8a3a4bf50ea4a878ff56f80e897aff77c63489b70d54b",
  },
  {
    name: "a node without counts",
    event: nodeAssertion(score, context),
    id: "2810ba3cb65d6d08ba8401406fe68d2e7444698b9b1fbdf4fb52f86e37e03058",
  },
  {
    name: "an announced node, its rank alone",
    event: about(K_NODE, 30_384, [
      ["d", clip],
      ["a", clip, "wss://relay.example.org"],
      ["rank", "72"],
    ]),
    id: "0edd15b0eb60c48787a303b3485d5c580bc560764f1b42821d9b052f2818d26b",
  },
  {
    name: "a URL",
    event: about(K_L402, 30_385, [
      ["d", url],
      ["i", url],
      ["k", "web"],
      ["rank", "61"],
      ["rank_low", "52"],
      ["rank_high", "69"],
      ["probe_cnt", "48"],
      ["paid_cnt", "7"],
      ["ok_pct", "96"],
      ["latency_ms", "412"],
      ["price_msat", "21000"],
      ["as_of", "1790000000"],
    ]),
    id: "2bb5ced1d4c9e02fbfc7b1817063934ed403f2a026402df438595ebceae6e1f0",
  },
  {
    name: "an announced service",
    event: about(K_L402, 30_384, [
      ["d", service],
      ["a", service, "wss://relay.example.org"],
      ["rank", "61"],
    ]),
    id: "e6794193c607cf221f49ab9dba46ba263230c40600f681c075b79333d2c3bc6f",
  },
  {
    name: "a Nostr key",
    event: about(K_OP, 30_382, [
      ["d", USER],
      ["p", USER, "wss://relay.example.org"],
      ["rank", "70"],
      ["ln_node_cnt", "2"],
      ["l402_cnt", "1"],
      ["proof", clip],
    ]),
    id: "7ee403a11a6fbfef36448f76f8d8d14c5ff77b7b8d61adc9d978605380139ae8",
  },
];

test.each(vectors)("$name has its known id and passes the lint", ({ event, id }) => {
  expect(eventId(event)).toBe(id);
  expect(lintEvent(event, { pubkey: event.pubkey, kinds: [event.kind], now: at })).toEqual([]);
});

const relay = "wss://relay.example.org";
const ranked = { rank: 61, rankLow: 52, rankHigh: 69 };
const endpoint = {
  ...ranked,
  ...{ url, method: "GET", probes: { made: 48, paid: 7, good: 46 }, reports: 2, latencyMs: 412, priceMsat: 21_000n },
  asOf: at,
};
const operator = { ...ranked, key: USER, relay, nodes: 2, endpoints: 1, proofs: [clip] };

test("a URL, an announcement and a key are asserted in the layout of their kind", () => {
  const context = { pubkey: K_L402, createdAt: at };
  const rank = [
    ["rank", "61"],
    ["rank_low", "52"],
    ["rank_high", "69"],
  ];
  const expiration = ["expiration", "1792592000"];
  const events = [
    endpointAssertion(endpoint, context),
    addressAssertion({ ...ranked, address: service, relay }, context),
    keyAssertion(operator, context),
  ];
  expect(events.map(({ kind, tags }) => [kind, tags])).toEqual([
    [
      30_385,
      [
        ["d", url],
        ["i", url],
        ["k", "web"],
        ...rank,
        ["method", "GET"],
        ["probe_cnt", "48"],
        ["paid_cnt", "7"],
        ["ok_pct", "96"],
        ["report_cnt", "2"],
        ["latency_ms", "412"],
        ["price_msat", "21000"],
        ["as_of", "1790000000"],
        expiration,
      ],
    ],
    [30_384, [["d", service], ["a", service, relay], ...rank, expiration]],
    [
      30_382,
      [["d", USER], ["p", USER, relay], ...rank, ["ln_node_cnt", "2"], ["l402_cnt", "1"], ["proof", clip], expiration],
    ],
  ]);
  for (const event of events) expect(lintEvent(event, { pubkey: K_L402, kinds: [event.kind], now: at })).toEqual([]);
});

test("of a URL that was never called, nothing is said that calls would tell", () => {
  const { latencyMs: _, priceMsat: __, ...untimed } = endpoint;
  const event = endpointAssertion(
    { ...untimed, probes: { made: 0, paid: 0, good: 0 } },
    { pubkey: K_L402, createdAt: at },
  );
  const names = event.tags.map(([name]) => name);
  for (const name of ["ok_pct", "latency_ms", "price_msat"]) expect(names).not.toContain(name);
});

test.each([
  { name: "a URL that is too long for relays", event: { url: `https://api.example.com/${"a".repeat(240)}` }, rule: 2 },
  { name: "a URL in another spelling", event: { url: "https://API.example.com/v1/weather" }, rule: 9 },
  { name: "a rank outside its interval", event: { rank: 80 }, rule: 6 },
])("$name is not signed", ({ event, rule }) => {
  const draft = endpointAssertion({ ...endpoint, ...event }, { pubkey: K_L402, createdAt: at });
  const faults = lintEvent(draft, { pubkey: K_L402, kinds: [30_385], now: at });
  expect(faults.map((fault) => fault.rule)).toContain(rule);
});

test("a key names ten proofs at most", () => {
  const proofs = Array.from({ length: 40 }, (_, i) => `${clip}${i}`);
  const event = keyAssertion({ ...operator, proofs }, { pubkey: K_OP, createdAt: at });
  expect(event.tags.filter(([name]) => name === "proof")).toHaveLength(10);
});

test("on another network the identifier says so", () => {
  const event = nodeAssertion(score, { ...context, network: "regtest" });
  expect(event.tags.slice(0, 3)).toEqual([
    ["d", `lightning:regtest:node:${NODE}`],
    ["i", `lightning:regtest:node:${NODE}`, `https://oracle.example/node/${NODE}`],
    ["k", "lightning:node"],
  ]);
  expect(lintEvent(event, { pubkey: K_NODE, kinds: [30_385], now: at })).toEqual([]);
});

test("what was not measured is not said", () => {
  const { reachRatio: _, ...unmeasured } = score;
  expect(nodeAssertion(unmeasured, context).tags.map(([name]) => name)).not.toContain("reach_pct");
});

test.each(["", `02${"ff".repeat(32)}`, NODE.toUpperCase(), NODE.slice(2)])("a node key %j is not signed", (nodeKey) => {
  const event = nodeAssertion({ ...score, nodeKey }, context);
  const faults = lintEvent(event, { pubkey: K_NODE, kinds: [30_385], now: at });
  expect(faults.map((fault) => fault.rule)).toContain(10);
});

test("ids equal those of nostr-tools for every text, and assertions of any score pass the lint", () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const event = fc.record(
    {
      pubkey: fc.constant(K_NODE),
      created_at: fc.nat(),
      kind: fc.nat({ max: 65_535 }),
      tags: fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { maxLength: 5 }),
      content: text,
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(event, (any) => eventId(any) === getEventHash(any)));

  const scores = fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat());
  fc.assert(
    fc.property(scores, ([a, b, c, reachRatio, observations]) => {
      const [rankLow, rank, rankHigh] = [a, b, c].sort((x, y) => x - y) as [number, number, number];
      const rated = { nodeKey: NODE, rank, rankLow, rankHigh, reachRatio, observations, asOf: at };
      const faults = lintEvent(nodeAssertion(rated, context), { pubkey: K_NODE, kinds: [30_385], now: at });
      expect(faults).toEqual([]);
    }),
  );
});
