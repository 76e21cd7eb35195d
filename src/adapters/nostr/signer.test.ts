/** Derived keys, signatures that several implementations accept, and a second one that stops the first when it goes wrong. */
import { Event, loadWasmSync } from "@rust-nostr/nostr-sdk";
import { verifyEvent as nostrToolsVerify } from "nostr-tools/pure";
import { beforeAll, expect, test } from "vitest";
import { fromHex } from "../../core/bytes.ts";
import { nodeAssertion } from "../../core/nip85/assertion.ts";
import { encodeEvent, eventId, type SignedEvent, signatureHolds, tagValue } from "../../core/nip85/event.ts";
import { parseSecretKey } from "../../core/nip85/key-text.ts";
import { unixSeconds } from "../../core/units.ts";
import { type EventCrypto, loadEventCrypto, NOBLE } from "./event-crypto.ts";
import { deriveServiceKey } from "./keys.ts";
import { createSigner, type Signer } from "./signer.ts";

const secret = parseSecretKey("7f7ff03d123792d6ac594bfa67bf6d0c0ab55b6b1fdb6249303fe861f1ccba9a");
const key = deriveServiceKey(secret, "lightning-node");
const at = unixSeconds(1_790_000_000);
const nodeKey = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const event = (rank: number) =>
  nodeAssertion(
    { nodeKey, rank, rankLow: 0, rankHigh: 100, observations: 1, asOf: at },
    { pubkey: key.pubkey, origin: "https://oracle.example", network: "regtest", createdAt: at },
  );

let signer: Signer;
beforeAll(async () => {
  loadWasmSync();
  signer = await createSigner([key]);
});

test("one secret yields a stable key of its own for each role", () => {
  expect(deriveServiceKey(secret, "lightning-node").pubkey).toBe(key.pubkey);
  expect(key.pubkey).toBe("5c17513f8148c9940fe9ee9762a452350af0497d46ebf2845265fca3434ad85f");
  expect(deriveServiceKey(secret, "brand").pubkey).toBe(
    "49aa07f52063026af04424e198680b10838ccf47ce90b8e2c4b0fa06f290fdf7",
  );
});

test.each([
  { text: "7f7ff03d123792d6ac594bfa67bf6d0c0ab55b6b1fdb6249303fe861f1ccba9a" },
  { text: "nsec10allq0gjx7fddtzef0ax00mdps9t2kmtrldkyjfs8l5xruwvh2dq0lhhkp" },
])("$text is the same secret (the pair NIP-06 gives as its test vector)", ({ text }) => {
  expect(parseSecretKey(text)).toEqual(secret);
});

test.each([
  "",
  "00".repeat(32),
  "ff".repeat(32),
  "ab",
  "npub10allq0gjx7fddtzef0ax00mdps9t2kmtrldkyjfs8l5xruwvh2dq0lhhkp",
  "nsec1qqqq",
])("%j is refused, and the refusal does not repeat it", (text) => {
  expect(() => parseSecretKey(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  expect(() => parseSecretKey(text)).not.toThrow(text.length > 8 ? new RegExp(text) : /$^/);
});

test("what it signs holds for noble, nostr-tools and rust-nostr, and a changed event for none", async () => {
  const { verify } = await loadEventCrypto();
  const [signed] = await signer.sign([event(72)]);
  expect(signed!.id).toBe(eventId(event(72)));
  const text = encodeEvent(signed!);
  const changed = text.replace('["rank","72"]', '["rank","73"]');
  const judges: Record<string, (json: string) => boolean> = {
    noble: (json) => signatureHolds(JSON.parse(json)) && eventId(JSON.parse(json)) === JSON.parse(json).id,
    nostrTools: (json) => nostrToolsVerify(JSON.parse(json)),
    wasm: (json) => verify(JSON.parse(json)),
    rust: (json) => Event.fromJson(json).verify(),
  };
  for (const holds of Object.values(judges)) expect([holds(text), holds(changed)]).toEqual([true, false]);
});

test("a batch keeps its order", async () => {
  const ranks = Array.from({ length: 70 }, (_, index) => index % 100);
  const signed = await signer.sign(ranks.map(event));
  expect(signed.map((one) => Number(tagValue(one, "rank")))).toEqual(ranks);
});

test("where WebAssembly cannot be loaded, noble signs the same events", async () => {
  const slow = await createSigner([key], () => Promise.reject(new Error("no WebAssembly here")));
  expect([signer.library, slow.library]).toEqual(["wasm", "noble"]);
  const [signed] = await slow.sign([event(72)]);
  expect(signed!.id).toBe((await signer.sign([event(72)]))[0]!.id);
  expect((await loadEventCrypto()).verify(signed!)).toBe(true);
});

test.each<{ name: string; break(signed: SignedEvent): SignedEvent }>([
  { name: "a wrong signature", break: (signed) => ({ ...signed, sig: `00${signed.sig.slice(2)}` }) },
  { name: "a wrong id", break: (signed) => ({ ...signed, id: `00${signed.id.slice(2)}` }) },
  { name: "another author", break: (signed) => ({ ...signed, pubkey: deriveServiceKey(secret, "brand").pubkey }) },
])("$name by a broken implementation is found with the first event of a key", async ({ break: spoil }) => {
  const broken: EventCrypto = { ...NOBLE, sign: (one, by) => spoil(NOBLE.sign(one, by)) };
  const signing = (await createSigner([key], async () => broken)).sign([event(1)]);
  await expect(signing).rejects.toThrow(expect.objectContaining({ code: "SIGNER_FAULTY" }));
});

test("an implementation that goes wrong later is found by the samples", async () => {
  let count = 0;
  const failing: EventCrypto = {
    ...NOBLE,
    sign: (one, by) => ({ ...NOBLE.sign(one, by), ...(++count > 1 && { sig: "00".repeat(64) }) }),
  };
  const later = await createSigner([key], async () => failing);
  await later.sign([event(1)]);
  await expect(later.sign([event(2)])).rejects.toThrow(expect.objectContaining({ code: "SIGNER_FAULTY" }));
});

test("events of other authors are not signed", async () => {
  const other = deriveServiceKey(fromHex("11".repeat(32))!, "brand").pubkey;
  await expect(signer.sign([{ ...event(1), pubkey: other }])).rejects.toThrow(
    expect.objectContaining({ code: "INTERNAL" }),
  );
});
