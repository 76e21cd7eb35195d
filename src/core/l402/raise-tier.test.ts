/** A raised token is as narrow as before, and in the new tier whatever its holder had appended. */
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { carriedCaveats } from "./caveat.ts";
import { mintToken } from "./mint.ts";
import { raiseTier } from "./raise-tier.ts";
import { keyRingOf, newTokenId } from "./root-key.ts";
import { checkCaveats } from "./terms.ts";
import { TIERS } from "./tier.ts";
import { authenticateToken } from "./verify.ts";

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const ring = keyRingOf(hmac, [new Uint8Array(32).fill(0xa1)]);
const tokenId = newTokenId(ring, new Uint8Array(31));
const preimage = new Uint8Array(32).fill(0x22);
const request = { now: 0 as never, operation: "any", path: "/", method: "GET", ip: "::1" };

function tokenOf(caveats: readonly string[]) {
  const macaroon = decodeMacaroon(mintToken(hmac, ring, { paymentHash: sha256(preimage), tokenId, caveats }));
  const found = authenticateToken(hmac, ring, { macaroon, preimage });
  if (!found.ok) throw new Error(found.reason);
  return found.token;
}

test.each([
  { name: "alone", caveats: ["services=satrank:0"], want: ["services=satrank:2"] },
  {
    name: "repeated, beside others, in another spelling",
    caveats: ["services=satrank:0,loop:0", "satrank_method=GET", "services=satrank:00"],
    want: ["services=satrank:2,loop:0", "satrank_method=GET", "services=satrank:2"],
  },
  { name: "in a foreign name or condition", caveats: ["services=satranks:0", "service=satrank:0"], want: undefined },
])("a tier that stands $name", ({ caveats, want }) => {
  expect(raiseTier(caveats, 2)).toEqual(want ?? caveats);
});

test("whatever was appended, the raised token allows what the old one allowed, at the new tier", () => {
  const appended = fc.array(
    fc.constantFrom(
      "services=satrank:1",
      "services=satrank:1,b:0",
      "satrank_valid_until=5",
      "satrank_method=GET,POST",
      "satrank_method=POST",
      "satrank_unknown=1",
      "note=services=satrank:1",
    ),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(appended, fc.nat(TIERS.length - 1), (more, tier) => {
      const before = tokenOf(["services=satrank:1,b:0", ...more]);
      const after = tokenOf(raiseTier(carriedCaveats(before.caveats), tier));
      expect(checkCaveats(after, request)).toEqual(checkCaveats(before, request));
      if (before.terms.satisfiable) expect(after.tier).toBe(tier);
    }),
  );
});
