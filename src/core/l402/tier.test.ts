/** Tiers: what is quoted for a deposit is what a token of that deposit is charged. */
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attenuate, type Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { MAX_MSAT, type Msat, msat } from "../units.ts";
import { servicesCaveat } from "./caveat.ts";
import { mintToken } from "./mint.ts";
import { keyRingOf, newTokenId } from "./root-key.ts";
import { checkCaveats } from "./terms.ts";
import { MAX_DEPOSIT_SAT, priceAt, TIERS, tierOf } from "./tier.ts";
import { authenticateToken } from "./verify.ts";

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const ring = keyRingOf(hmac, [new Uint8Array(32).fill(0xa1)]);
const tokenId = newTokenId(ring, new Uint8Array(31));
const preimage = new Uint8Array(32).fill(0x22);
const paymentHash = sha256(preimage);

/** The token of a deposit, with what its holder appended. */
function tokenOf(depositSat: bigint, appended: readonly string[] = []) {
  const caveats = [servicesCaveat(tierOf(depositSat))];
  const minted = decodeMacaroon(mintToken(hmac, ring, { paymentHash, tokenId, caveats }));
  const macaroon = appended.reduce((narrowed, caveat) => attenuate(hmac, narrowed, caveat), minted);
  const found = authenticateToken(hmac, ring, { macaroon, preimage });
  if (!found.ok) throw new Error(found.reason);
  return found.token;
}

/** What is promised for a deposit before it is paid. */
const quotedCalls = (depositSat: bigint, base: Msat) => (depositSat * 1_000n) / priceAt(tierOf(depositSat), base);

/** What a token of that deposit gets, one call after the other; no more than `most`. */
function grantedCalls(depositSat: bigint, base: Msat, most: bigint): bigint {
  const price = priceAt(tokenOf(depositSat).tier, base);
  let calls = 0n;
  for (let left = depositSat * 1_000n; left >= price && calls < most; left -= price) calls += 1n;
  return calls;
}

test("the table is in order, each tier at its own index, the largest deposit within reach", () => {
  TIERS.forEach((tier, index) => {
    expect(tier.tier).toBe(index);
    const below = TIERS[index - 1];
    if (!below) return;
    expect(tier.depositSat).toBeGreaterThan(below.depositSat);
    expect(tier.ratePermille).toBeLessThan(below.ratePermille);
  });
  expect(TIERS.at(-1)!.depositSat).toBeLessThanOrEqual(MAX_DEPOSIT_SAT);
});

test.each([
  { depositSat: 1n, tier: 0 },
  { depositSat: 21n, tier: 0 },
  { depositSat: 999n, tier: 0 },
  { depositSat: 1_000n, tier: 1 },
  { depositSat: 9_999n, tier: 1 },
  { depositSat: 10_000n, tier: 2 },
  { depositSat: 99_999n, tier: 2 },
  { depositSat: 100_000n, tier: 3 },
  { depositSat: 999_999n, tier: 3 },
  { depositSat: 1_000_000n, tier: 4 },
])("$depositSat sat buy tier $tier", ({ depositSat, tier }) => {
  expect(tierOf(depositSat)).toBe(tier);
});

test.each([
  { tier: 0, base: 1_000n, want: 1_000n },
  { tier: 1, base: 1_000n, want: 500n },
  { tier: 2, base: 1_000n, want: 200n },
  { tier: 3, base: 1_000n, want: 100n },
  { tier: 4, base: 1_000n, want: 50n },
  { tier: 4, base: 21n, want: 2n },
  { tier: 4, base: 1n, want: 1n },
  { tier: 0, base: 0n, want: 1n },
  { tier: 1, base: 3n, want: 2n },
  { tier: 0, base: MAX_MSAT, want: MAX_MSAT },
])("a call of $base msat costs $want msat in tier $tier", ({ tier, base, want }) => {
  expect(priceAt(tier, msat(base))).toBe(want);
});

test.each([-1, 5, 0.5, Number.NaN])("there is no price in tier %s", (tier) => {
  expect(() => priceAt(tier, msat(1_000n))).toThrow(expect.objectContaining({ code: "INTERNAL" }));
});

describe("of every deposit", () => {
  const edges = TIERS.flatMap(({ depositSat }) => [-2n, -1n, 0n, 1n, 2n].map((away) => depositSat + away));
  const deposit = fc.oneof(
    fc.constantFrom(...edges.filter((sats) => sats <= MAX_DEPOSIT_SAT)),
    fc.bigInt({ min: 1n, max: MAX_DEPOSIT_SAT }),
  );
  const base = fc.bigInt({ min: 1n, max: 10_000_000n }).map(msat);

  test("the quote is the grant, around each edge and between them", () => {
    fc.assert(
      fc.property(deposit, base, (sats, price) => {
        expect(tokenOf(sats).tier).toBe(tierOf(sats));
        const quoted = quotedCalls(sats, price);
        if (quoted <= 5_000n) expect(grantedCalls(sats, price, quoted + 2n)).toBe(quoted);
      }),
      { numRuns: 300, examples: edges.filter((sats) => sats <= MAX_DEPOSIT_SAT).map((sats) => [sats, msat(1_000n)]) },
    );
  });

  test("who deposits more never pays more for a call, nor gets fewer", () => {
    fc.assert(
      fc.property(deposit, deposit, base, (one, other, price) => {
        const [less, more] = one < other ? [one, other] : [other, one];
        expect(priceAt(tierOf(more), price)).toBeLessThanOrEqual(priceAt(tierOf(less), price));
        expect(quotedCalls(more, price)).toBeGreaterThanOrEqual(quotedCalls(less, price));
      }),
    );
  });

  test("nothing its holder appends moves it into a cheaper tier", () => {
    const services = fc
      .tuple(fc.nat(6), fc.constantFrom("", ",b:1", ",satrank:4"))
      .map(([tier, rest]) => `services=satrank:${tier}${rest}`);
    fc.assert(
      fc.property(deposit, fc.array(services, { maxLength: 3 }), (sats, appended) => {
        const token = tokenOf(sats, appended);
        expect(token.tier).toBe(tierOf(sats));
        const request = { now: 0 as never, operation: "any", path: "/", method: "GET", ip: "::1" };
        const repeats = appended.every((caveat) => caveat === servicesCaveat(tierOf(sats)));
        expect(checkCaveats(token, request).ok).toBe(repeats);
      }),
    );
  });
});
