/** Layouts of every kind of assertion, signed by our signer: ids that other implementations computed, signatures that others accept. */
import { Event, loadWasmSync } from "@rust-nostr/nostr-sdk";
import { verifyEvent } from "nostr-tools/pure";
import { beforeAll, expect, test } from "vitest";
import { fromHex } from "../../core/bytes.ts";
import { encodeEvent, publicKeyOf, type UnsignedEvent } from "../../core/nip85/event.ts";
import { createSigner, type Signer } from "./signer.ts";

const keyOf = (byte: string) => {
  const secretKey = fromHex(byte.repeat(32))!;
  return { secretKey, pubkey: publicKeyOf(secretKey) };
};
const [node, l402, operator, brand] = [keyOf("11"), keyOf("22"), keyOf("33"), keyOf("44")];
const user = "9ac20335eb38768d2052be1dbbc3c8f6178407458e51e6b4ad22f1d91758895b";
const owner = "5ab4689e400a4a160cf01cd44730845a54768df8547dcdf073d964f109f18c30";
const lightning = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const named = `lightning:node:${lightning}`;
const announced = `38171:${user}:${lightning}`;
const service = `31402:${owner}:weather-v1`;
const url = "https://api.example.com/v1/weather";
const hint = "wss://relay.example.org";

const layouts: { name: string; key: { pubkey: string }; kind: number; id: string; tags: string[][] }[] = [
  {
    name: "a node",
    ...{ key: node, kind: 30_385, id: "dbd5f50d158212ee98e8a3a4bf50ea4a878ff56f80e897aff77c63489b70d54b" },
    tags: [
      ["d", named],
      ["i", named, `https://oracle.example/node/${lightning}`],
      ["k", "lightning:node"],
      ...Object.entries({ rank: 72, rank_low: 64, rank_high: 79, obs_cnt: 144, reach_pct: 97, as_of: 1_790_000_000 }),
      ...Object.entries({ comment_cnt: 3, reaction_cnt: 11 }),
    ].map((tag) => tag.map(String)),
  },
  {
    name: "an announced node",
    ...{ key: node, kind: 30_384, id: "0edd15b0eb60c48787a303b3485d5c580bc560764f1b42821d9b052f2818d26b" },
    tags: [
      ["d", announced],
      ["a", announced, hint],
      ["rank", "72"],
    ],
  },
  {
    name: "a URL",
    ...{ key: l402, kind: 30_385, id: "2bb5ced1d4c9e02fbfc7b1817063934ed403f2a026402df438595ebceae6e1f0" },
    tags: [
      ["d", url],
      ["i", url],
      ["k", "web"],
      ...Object.entries({ rank: 61, rank_low: 52, rank_high: 69, probe_cnt: 48, paid_cnt: 7, ok_pct: 96 }),
      ...Object.entries({ latency_ms: 412, price_msat: 21_000, as_of: 1_790_000_000 }),
    ].map((tag) => tag.map(String)),
  },
  {
    name: "an announced service",
    ...{ key: l402, kind: 30_384, id: "e6794193c607cf221f49ab9dba46ba263230c40600f681c075b79333d2c3bc6f" },
    tags: [
      ["d", service],
      ["a", service, hint],
      ["rank", "61"],
    ],
  },
  {
    name: "a key with a proof",
    ...{ key: operator, kind: 30_382, id: "7ee403a11a6fbfef36448f76f8d8d14c5ff77b7b8d61adc9d978605380139ae8" },
    tags: [
      ["d", user],
      ["p", user, hint],
      ["rank", "70"],
      ["ln_node_cnt", "2"],
      ["l402_cnt", "1"],
      ["proof", announced],
    ],
  },
];

let signer: Signer;
beforeAll(async () => {
  loadWasmSync();
  signer = await createSigner([node, l402, operator, brand]);
});

test("the keys are those that the vectors were made with", () => {
  expect([node, l402, operator, brand].map(({ pubkey }) => pubkey)).toEqual([
    "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa",
    "466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f27",
    "3c72addb4fdf09af94f0c94d7fe92a386a7e70cf8a1d85916386bb2535c7b1b1",
    "2c0b7cf95324a07d05398b240174dc0c2be444d96b159aa6c7f7b1e668680991",
  ]);
});

test.each(layouts)(
  "$name: the id is the published one, and the signature good for others",
  async ({ key, kind, tags, id }) => {
    const draft: UnsignedEvent = {
      ...{ pubkey: key.pubkey, created_at: 1_790_000_000, kind, content: "" },
      tags: [...tags, ["expiration", "1792592000"]],
    };
    const [signed] = await signer.sign([draft]);
    const text = encodeEvent(signed!);
    expect(signed!.id).toBe(id);
    expect([Event.fromJson(text).verify(), verifyEvent(JSON.parse(text))]).toEqual([true, true]);
  },
);
