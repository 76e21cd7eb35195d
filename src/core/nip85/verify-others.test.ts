/** Every kind that is published, changed in every place: what we call invalid is invalid to nostr-tools and to rust-nostr, and the other way round. */
import { loadWasmSync, Event as RustEvent } from "@rust-nostr/nostr-sdk";
import fc from "fast-check";
import { setNostrWasm, verifyEvent as verifiedByTools } from "nostr-tools/wasm";
import { initNostrWasm } from "nostr-wasm";
import { beforeAll, describe, expect, test } from "vitest";
import { signAs, someDossier } from "../../testing/some-dossier.ts";
import { unixSeconds } from "../units.ts";
import { handlerInformation } from "./announcement.ts";
import { addressAssertion, keyAssertion } from "./assertion.ts";
import { encodeEvent, type SignedEvent } from "./event.ts";
import { KIND } from "./kinds.ts";
import { relayList } from "./profile.ts";
import { verifyEvent } from "./verify.ts";

const now = unixSeconds(1_790_000_000);
const { aboutUrl, aboutNode, heartbeat, list, profile, pubkeys } = someDossier(unixSeconds(now - 600));
const ranked = { rank: 70, rankLow: 60, rankHigh: 80 };
const proof = `38171:${"9a".repeat(32)}:x`;
const by = (who: "node" | "operator" | "brand" | "endpoint") => ({ pubkey: pubkeys[who], createdAt: now });
const EVENTS: Record<string, SignedEvent> = {
  profile,
  "relay list": signAs("node", relayList({ ...by("node"), relays: ["wss://oracle.example/relay"] })),
  "provider list": list,
  heartbeat,
  handler: signAs(
    "brand",
    handlerInformation({ ...by("brand"), origin: "https://oracle.example", name: "o", about: "a" }),
  ),
  retraction: signAs("node", {
    pubkey: pubkeys.node,
    kind: KIND.deletion,
    created_at: now,
    content: "",
    tags: [
      ["a", `30385:${pubkeys.node}:x`],
      ["e", "ab".repeat(32)],
      ["k", "30385"],
    ],
  }),
  "about a node": aboutNode,
  "about a URL": aboutUrl,
  "about an address": signAs(
    "node",
    addressAssertion({ ...ranked, address: `31402:${"9a".repeat(32)}:weather` }, by("node")),
  ),
  "about a key": signAs(
    "operator",
    keyAssertion({ ...ranked, key: "9a".repeat(32), nodes: 1, endpoints: 2, proofs: [proof] }, by("operator")),
  ),
};

beforeAll(async () => {
  loadWasmSync();
  setNostrWasm(await initNostrWasm());
});

/** What the three say of a text. */
function say(text: string): { ours: boolean; tools: boolean; rust: boolean } {
  const ours = verifyEvent(text, { now }).holds;
  const attempt = (verify: () => boolean) => {
    try {
      return verify();
    } catch {
      return false;
    }
  };
  const tools = attempt(() => verifiedByTools(JSON.parse(text)));
  const rust = attempt(() => RustEvent.fromJson(text).verify());
  return { ours, tools, rust };
}
const NONE = { ours: false, tools: false, rust: false };

describe.each(Object.entries(EVENTS))("%s", (_name, event) => {
  test("as it was signed is valid to all three", () => {
    expect(verifyEvent(event, { now }).checks.filter(({ holds }) => !holds)).toEqual([]);
    expect(say(encodeEvent(event))).toEqual({ ours: true, tools: true, rust: true });
  });

  test("with any letter of any field changed, a tag or an element more or less, is invalid to all three", () => {
    const swap = (text: string, pick: number, letter: string) => {
      const at = text.length === 0 ? 0 : pick % text.length;
      return text.slice(0, at) + (text[at] === letter ? "b" : letter) + text.slice(at + 1);
    };
    const changed = fc
      .record({ pick: fc.nat(), other: fc.nat(), letter: fc.constantFrom("a", "0", "9"), field: fc.nat({ max: 9 }) })
      .map(({ pick, other, letter, field }): SignedEvent => {
        const tags = event.tags.map((tag) => [...tag]);
        const tag = tags[pick % Math.max(1, tags.length)];
        switch (field) {
          case 0:
            return { ...event, id: swap(event.id, pick, letter) };
          case 1:
            return { ...event, sig: swap(event.sig, pick, letter) };
          case 2:
            return { ...event, pubkey: swap(event.pubkey, pick, letter) };
          case 3:
            return { ...event, created_at: event.created_at - 1 - (pick % 1_000) };
          case 4:
            return { ...event, kind: event.kind + 1 + (pick % 3) };
          case 5:
            return { ...event, content: `${event.content}${letter}` };
          case 6:
            return { ...event, tags: [...tags, ["x", letter]] };
          case 7:
            return { ...event, tags: tags.length > 0 ? tags.slice(1) : [["x"]] };
          case 8:
            tag?.push(letter);
            return { ...event, tags: tag ? tags : [["x"]] };
          default: {
            if (!tag) return { ...event, content: "x" };
            const element = other % tag.length;
            tag[element] = swap(tag[element]!, pick >>> 3, letter);
            return { ...event, tags };
          }
        }
      });
    fc.assert(
      fc.property(changed, (tampered) => {
        expect(say(encodeEvent(tampered))).toEqual(NONE);
      }),
      { numRuns: 40 },
    );
  });
});
