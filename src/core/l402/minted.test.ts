/** Macaroons of ours are known without their preimage, narrowed or not; nothing else is. */
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import { attenuate, type Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { servicesCaveat } from "./caveat.ts";
import { mintToken } from "./mint.ts";
import { readMinted } from "./minted.ts";
import { keyRingOf, newTokenId } from "./root-key.ts";

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const [key, other] = [new Uint8Array(32).fill(0xa1), new Uint8Array(32).fill(0xa2)];
const ring = keyRingOf(hmac, [key]);
const tokenId = newTokenId(ring, new Uint8Array(31).fill(7));
const paymentHash = sha256(new Uint8Array(32).fill(0x22));
const macaroon = decodeMacaroon(mintToken(hmac, ring, { paymentHash, tokenId, caveats: [servicesCaveat(0)] }));

test("the payment and the account of a macaroon of ours are read, from a narrowed one too", () => {
  expect(readMinted(hmac, ring, macaroon)).toEqual({ paymentHash, tokenId });
  const child = attenuate(hmac, macaroon, "satrank_max_sats=1");
  expect(readMinted(hmac, ring, child)).toEqual({ paymentHash, tokenId });
  expect(readMinted(hmac, keyRingOf(hmac, [other, key]), macaroon)).toEqual({ paymentHash, tokenId });
});

const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
test.each([
  { name: "of another key under the same name", ring: { ...ring, keys: [{ keyId: ring.currentKeyId, key: other }] } },
  { name: "of a key that has left the ring", ring: keyRingOf(hmac, [other]) },
  { name: "about another payment", macaroon: { ...macaroon, identifier: flipped(macaroon.identifier, 3) } },
  { name: "about another account", macaroon: { ...macaroon, identifier: flipped(macaroon.identifier, 65) } },
  { name: "with an identifier of another kind", macaroon: { ...macaroon, identifier: macaroon.identifier.slice(1) } },
  { name: "with a caveat taken off", macaroon: { ...macaroon, caveats: [] } },
  { name: "with another signature", macaroon: { ...macaroon, signature: flipped(macaroon.signature, 0) } },
])("one $name is none", ({ ring: keyRing = ring, macaroon: presented = macaroon }) => {
  expect(readMinted(hmac, keyRing, presented)).toBeUndefined();
});
