/** Entities as nostr-tools writes them are read, and nothing else is. */
import fc from "fast-check";
import { nip19 } from "nostr-tools";
import { expect, test } from "vitest";
import { readEntity } from "./entity.ts";

const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const relays = fc.subarray(["wss://relay.one.example", "wss://relay.two.example/x", "ws://127.0.0.1:7447"]);

test("events and addresses come back as they were written", () => {
  fc.assert(
    fc.property(
      hex,
      hex,
      relays,
      fc.nat(65_535),
      fc.string({ maxLength: 60, unit: "grapheme" }),
      (id, pubkey, hints, kind, identifier) => {
        expect(readEntity(nip19.noteEncode(id))).toEqual({ type: "event", id, relays: [] });
        const nevent = nip19.neventEncode({ id, relays: hints, author: pubkey, kind });
        expect(readEntity(`nostr:${nevent}`)).toEqual({ type: "event", id, relays: hints });
        const naddr = nip19.naddrEncode({ identifier, pubkey, kind, relays: hints });
        expect(readEntity(naddr)).toEqual({
          type: "address",
          kind,
          pubkey,
          d: identifier,
          relays: hints,
        });
      },
    ),
  );
});

test("hints that are no relays are left out, and more than five are", () => {
  const id = "ab".repeat(32);
  const hints = [
    "https://relay.example",
    "",
    "nonsense",
    ...Array.from({ length: 9 }, (_, i) => `wss://r${i}.example`),
  ];
  expect(readEntity(nip19.neventEncode({ id, relays: hints }))?.relays).toEqual(
    [0, 1, 2, 3, 4].map((i) => `wss://r${i}.example`),
  );
});

test.each([
  "",
  "note1",
  "npub1sn0wdenkukak0d9dfczzeacvhkrgz92ak56egt7vdgzn8pv2wfqqhrjdv9",
  "naddr1qqqqqqqq",
  nip19.nprofileEncode({ pubkey: "ab".repeat(32) }),
  `${nip19.noteEncode("ab".repeat(32))}x`,
  "x".repeat(5_000),
])("%s is none", (text) => {
  expect(readEntity(text)).toBeUndefined();
});
