/** A token's life: minted, narrowed, presented, verified; and why it opens nothing when it does not. */
import { readFileSync } from "node:fs";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64, fromHex, toHex } from "../bytes.ts";
import { errorCode } from "../errors.ts";
import { attenuate, type Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import type { Macaroon } from "../macaroon/macaroon.ts";
import { unixSeconds } from "../units.ts";
import { carriedCaveats } from "./caveat.ts";
import { decodeIdentifier, encodeIdentifier } from "./identifier.ts";
import { mintToken } from "./mint.ts";
import { deriveRootKey, findMasterKey, keyRingOf, newTokenId } from "./root-key.ts";
import { checkCaveats, type TokenRequest } from "./terms.ts";
import { authenticateToken } from "./verify.ts";

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill);

const ring = keyRingOf(hmac, [bytes(0xa1)]);
const tokenId = newTokenId(ring, bytes(0x33, 31));
const preimage = bytes(0x22);
const paymentHash = sha256(preimage);
const now = unixSeconds(1_900_000_000);
const request: TokenRequest = { now, operation: "resolveIntent", path: "/api/intent", method: "POST", ip: "10.0.0.7" };

const mint = (caveats: readonly string[]) =>
  decodeMacaroon(mintToken(hmac, ring, { paymentHash, tokenId, caveats: ["services=satrank:0", ...caveats] }));
const narrow = (macaroon: Macaroon, ...caveats: string[]) =>
  caveats.reduce((narrowed, caveat) => attenuate(hmac, narrowed, caveat), macaroon);
const authenticate = (macaroon: Macaroon, keyRing = ring, proof = preimage) =>
  authenticateToken(hmac, keyRing, { macaroon, preimage: proof });
const verdictOf = (macaroon: Macaroon, change: Partial<TokenRequest> = {}) => {
  const found = authenticate(macaroon);
  const result = found.ok ? checkCaveats(found.token, { ...request, ...change }) : found;
  return result.ok ? "ok" : result.reason;
};

describe("a token", () => {
  test("opens the account it was minted for", () => {
    const macaroon = mint([]);
    const { caveats } = macaroon;
    expect(authenticate(macaroon)).toEqual({
      ok: true,
      token: { tokenId, paymentHash, tier: 0, budgets: [], terms: expect.anything(), caveats },
    });
    expect(verdictOf(macaroon)).toBe("ok");
  });

  test("is a 66-byte identifier at location lsat", () => {
    const macaroon = mint([]);
    expect(macaroon.location).toBe("lsat");
    expect(toHex(macaroon.identifier)).toBe(`0000${toHex(paymentHash)}${toHex(tokenId)}`);
  });

  test("of another preimage is forged", () => {
    expect(authenticate(mint([]), ring, bytes(0x23))).toEqual({ ok: false, reason: "forged" });
  });

  test("of another account is forged, though the key is ours", () => {
    const macaroon = mint([]);
    const other = newTokenId(ring, bytes(0x34, 31));
    expect(verdictOf({ ...macaroon, identifier: encodeIdentifier({ paymentHash, tokenId: other }) })).toBe("forged");
  });

  test("with a bit of its signature flipped is forged, whatever else is wrong with it", () => {
    const macaroon = narrow(mint([]), "satrank_valid_until=1");
    const signature = Uint8Array.from(macaroon.signature, (byte, i) => (i === 31 ? byte ^ 1 : byte));
    expect(verdictOf({ ...macaroon, signature })).toBe("forged");
  });

  test.each([
    { name: "an identifier of 4 bytes", identifier: bytes(0x41, 4) },
    { name: "an identifier of 67 bytes", identifier: bytes(0, 67) },
    { name: "identifier version 1", identifier: Uint8Array.from([0, 1, ...bytes(0, 64)]) },
  ])("with $name is malformed", ({ identifier }) => {
    expect(verdictOf({ ...mint([]), identifier })).toBe("malformed");
  });
});

describe("a rotated key", () => {
  const rotated = keyRingOf(hmac, [bytes(0xb2), bytes(0xa1)]);
  const retired = keyRingOf(hmac, [bytes(0xb2)]);

  test("still verifies while it is in the ring, and signs no new account", () => {
    expect(authenticate(mint([]), rotated).ok).toBe(true);
    expect(newTokenId(rotated, bytes(0, 31))[0]).toBe(retired.currentKeyId);
  });

  test("is unknown, not forged, once it left the ring", () => {
    expect(authenticate(mint([]), retired)).toEqual({ ok: false, reason: "unknown-key" });
    const minting = () => mintToken(hmac, retired, { paymentHash, tokenId, caveats: [] });
    expect(minting).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  });

  test("gives each token a root key of its own", () => {
    const other = newTokenId(ring, bytes(0x34, 31));
    const master = findMasterKey(ring, tokenId) as Uint8Array;
    expect(deriveRootKey(hmac, master, tokenId)).not.toEqual(deriveRootKey(hmac, master, other));
  });

  test.each([{ keys: [] }, { keys: [bytes(1), bytes(1)] }])(
    "a ring of $keys.length unusable keys is refused",
    ({ keys }) => {
      expect(() => keyRingOf(hmac, keys)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    },
  );

  test("a token id needs all of its random bytes", () => {
    expect(() => newTokenId(ring, bytes(0, 30))).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  });
});

describe("caveats", () => {
  test.each([
    { name: "none but the minted one", caveats: [], want: "ok" },
    { name: "the service again", caveats: ["services=satrank:0"], want: "ok" },
    { name: "the service among others, which widens", caveats: ["services=satrank:0,other:0"], want: "out-of-scope" },
    { name: "a better tier than was sold", caveats: ["services=satrank:4"], want: "out-of-scope" },
    { name: "another service", caveats: ["services=other:0"], want: "out-of-scope" },
    { name: "no service", caveats: ["services="], want: "out-of-scope" },
    { name: "a service without a tier", caveats: ["services=satrank"], want: "out-of-scope" },
    { name: "the operation", caveats: ["satrank_capabilities=resolveIntent"], want: "ok" },
    { name: "the operation among others", caveats: ["satrank_capabilities=getNode,resolveIntent"], want: "ok" },
    { name: "another operation", caveats: ["satrank_capabilities=getNode"], want: "out-of-scope" },
    { name: "part of the operation's name", caveats: ["satrank_capabilities=resolve"], want: "out-of-scope" },
    { name: "no operation at all", caveats: ["satrank_capabilities="], want: "out-of-scope" },
    {
      name: "operations, then fewer",
      caveats: ["satrank_capabilities=getNode,resolveIntent", "satrank_capabilities=resolveIntent"],
      want: "ok",
    },
    {
      name: "operations, then more",
      caveats: ["satrank_capabilities=resolveIntent", "satrank_capabilities=getNode,resolveIntent"],
      want: "out-of-scope",
    },
    { name: "a later second", caveats: [`satrank_valid_until=${now + 1}`], want: "ok" },
    { name: "this very second", caveats: [`satrank_valid_until=${now}`], want: "expired" },
    {
      name: "an end, then an earlier one",
      caveats: [`satrank_valid_until=${now + 9}`, `satrank_valid_until=${now + 1}`],
      want: "ok",
    },
    {
      name: "an end, then a later one",
      caveats: [`satrank_valid_until=${now + 1}`, `satrank_valid_until=${now + 9}`],
      want: "out-of-scope",
    },
    {
      name: "another method, and an end that has passed",
      caveats: ["satrank_valid_until=1", "satrank_method=GET"],
      want: "out-of-scope",
    },
    { name: "an end in milliseconds with a point", caveats: ["satrank_valid_until=1e12"], want: "out-of-scope" },
    { name: "an empty end", caveats: ["satrank_valid_until="], want: "out-of-scope" },
    {
      name: "this route, method and address",
      caveats: ["satrank_route=/api/intent", "satrank_method=GET,POST", "satrank_ip=10.0.0.7"],
      want: "ok",
    },
    { name: "another route", caveats: ["satrank_route=/api"], want: "out-of-scope" },
    { name: "another method", caveats: ["satrank_method=GET"], want: "out-of-scope" },
    { name: "another address", caveats: ["satrank_ip=10.0.0.8"], want: "out-of-scope" },
    { name: "a condition of ours that is not known", caveats: ["satrank_max_msat=5"], want: "out-of-scope" },
    { name: "a cap on spending", caveats: ["satrank_max_sats=5"], want: "ok" },
    { name: "a cap, then the same and less", caveats: [5, 5, 0].map((n) => `satrank_max_sats=${n}`), want: "ok" },
    { name: "a cap, then a greater one", caveats: ["satrank_max_sats=5", "satrank_max_sats=6"], want: "out-of-scope" },
    { name: "a cap of every satoshi", caveats: ["satrank_max_sats=2100000000000000"], want: "ok" },
    { name: "a cap above every satoshi", caveats: ["satrank_max_sats=2100000000000001"], want: "out-of-scope" },
    { name: "four caps", caveats: Array(4).fill("satrank_max_sats=1"), want: "ok" },
    { name: "five caps", caveats: Array(5).fill("satrank_max_sats=1"), want: "out-of-scope" },
    ...["", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1 ", "0x1", "1_0", "\u0661"].map((value) => ({
      name: `a cap of ${JSON.stringify(value)}`,
      caveats: [`satrank_max_sats=${value}`],
      want: "out-of-scope",
    })),
    { name: "our service twice", caveats: ["services=satrank:0,satrank:0"], want: "out-of-scope" },
    { name: "a slip of space", caveats: ["satrank_valid_until = 1"], want: "out-of-scope" },
    { name: "a slip of case", caveats: ["Satrank_Valid_Until=1"], want: "out-of-scope" },
    { name: "a known condition without a value", caveats: ["satrank_route"], want: "out-of-scope" },
    { name: "a name inherited by every object", caveats: ["constructor=1", "__proto__=1"], want: "ok" },
    {
      name: "conditions of others",
      caveats: ["other_valid_until=1", "RequestPath = /x", "no equals sign", "=", ""],
      want: "ok",
    },
    { name: "the preimage, as lnget appends it", caveats: [`preimage=${"22".repeat(32)}`], want: "ok" },
    { name: "another preimage", caveats: [`preimage=${"23".repeat(32)}`], want: "forged" },
    {
      name: "another preimage before the right one",
      caveats: [`preimage=${"23".repeat(32)}`, `preimage=${"22".repeat(32)}`],
      want: "forged",
    },
    { name: "a preimage that is not hex", caveats: ["preimage=yes"], want: "forged" },
  ])("$name: $want", ({ caveats, want }) => {
    expect(verdictOf(narrow(mint([]), ...caveats))).toBe(want);
  });

  test.each([
    { name: "for every service", caveats: [], want: "ok" },
    { name: "for ours and another", caveats: ["services=other:2,satrank:0"], want: "ok" },
    { name: "for another", caveats: ["services=other:0"], want: "out-of-scope" },
    { name: "narrowed to another", caveats: ["services=other:2,satrank:0", "services=other:2"], want: "out-of-scope" },
    { name: "of a tier above 255", caveats: ["services=satrank:256"], want: "out-of-scope" },
    { name: "of the highest tier", caveats: ["services=satrank:4"], want: "ok" },
    { name: "of a tier there is not", caveats: ["services=satrank:5"], want: "out-of-scope" },
    {
      name: "of a tier that a later caveat lowers",
      caveats: ["services=satrank:4", "services=satrank:0"],
      want: "out-of-scope",
    },
    {
      name: "for another service at another tier",
      caveats: ["services=satrank:1,b:9", "services=satrank:1"],
      want: "ok",
    },
    { name: "of two tiers at once", caveats: ["services=satrank:0,satrank:4"], want: "out-of-scope" },
    { name: "for every service, narrowed to ours", caveats: ["other=1", "services=satrank:0"], want: "ok" },
    {
      name: "for every service, with a tier its holder wrote",
      caveats: ["other=1", "services=satrank:4"],
      want: "out-of-scope",
    },
  ])("a token minted $name: $want", ({ caveats, want }) => {
    expect(verdictOf(decodeMacaroon(mintToken(hmac, ring, { paymentHash, tokenId, caveats })))).toBe(want);
  });

  test("a caveat that is not UTF-8 is somebody else's", () => {
    const macaroon = mint([]);
    const id = Uint8Array.from([0x78, 0xff, 0x3d, 0xfe]);
    const caveats = [...macaroon.caveats, { id }];
    expect(verdictOf({ ...macaroon, caveats, signature: hmac(macaroon.signature, id) })).toBe("ok");
  });

  test("a top-up carries every caveat but the preimage", () => {
    const macaroon = narrow(mint([]), "satrank_method=GET", `preimage=${"22".repeat(32)}`, "mine=1");
    expect(carriedCaveats(macaroon.caveats)).toEqual(["services=satrank:0", "satrank_method=GET", "mine=1"]);
  });

  const condition = fc.constantFrom(
    "services",
    "satrank_capabilities",
    "satrank_valid_until",
    "satrank_route",
    "satrank_method",
    "satrank_ip",
    "satrank_max_sats",
    "preimage",
    "other",
  );
  const value = fc.oneof(
    fc.constantFrom(
      "satrank:0",
      "satrank:0,b:1",
      "resolveIntent",
      "resolveIntent,getNode",
      "/api/intent",
      "POST",
      "GET,POST",
    ),
    fc.constantFrom("10.0.0.7", `${now - 1}`, `${now + 1}`, `${now + 9}`, "22".repeat(32), "23".repeat(32), ""),
    fc.string({ maxLength: 8 }),
  );
  const caveat = fc.oneof(
    fc.tuple(condition, value).map((parts) => parts.join("=")),
    fc.string({ maxLength: 20 }),
  );

  test("attenuation only narrows: what a token is refused, no caveat added to it makes allowed", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.array(caveat, { maxLength: 4 }), caveat, (caveats, added) => {
        const macaroon = narrow(mint([]), ...caveats);
        if (verdictOf(macaroon) === "ok") return;
        refused++;
        expect(verdictOf(narrow(macaroon, added))).not.toBe("ok");
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(50);
  });

  test("each request that a narrowed token allows, the wider one allows too", () => {
    const requests = fc.record({
      now: fc.constantFrom(now, unixSeconds(now + 5)),
      operation: fc.constantFrom("resolveIntent", "getNode"),
      path: fc.constantFrom("/api/intent", "/api"),
      method: fc.constantFrom("GET", "POST"),
      ip: fc.constantFrom("10.0.0.7", "10.0.0.8"),
    });
    fc.assert(
      fc.property(fc.array(caveat, { maxLength: 3 }), caveat, requests, (caveats, added, change) => {
        const macaroon = narrow(mint([]), ...caveats);
        if (verdictOf(narrow(macaroon, added), change) === "ok") expect(verdictOf(macaroon, change)).toBe("ok");
      }),
      { numRuns: 500 },
    );
  });
});

describe("identifiers", () => {
  test("read back as they were written", () => {
    const field = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(field, field, (hash, id) => {
        expect(decodeIdentifier(encodeIdentifier({ paymentHash: hash, tokenId: id }))).toEqual({
          paymentHash: hash,
          tokenId: id,
        });
      }),
    );
  });

  test("of another size are not written", () => {
    const write = () => encodeIdentifier({ paymentHash: bytes(1, 31), tokenId });
    expect(write).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  });

  const { valid } = JSON.parse(readFileSync(new URL("../macaroon/vectors.json", import.meta.url), "utf8")) as {
    valid: { name: string; text: string }[];
  };
  const identifierOf = (name: string) => {
    const vector = valid.find((each) => each.name === name);
    return decodeIdentifier(decodeMacaroon(fromBase64(vector?.text ?? "") as Uint8Array).identifier);
  };

  test("of Fewsats and aperture are read; version 1, gob and hex text are not", () => {
    const hash = fromHex("38caadbe0f6112d9b638e9ae24338f7e9bd930a3387100da776644e56965c9c1");
    expect(identifierOf("66-byte identifier")?.paymentHash).toEqual(hash);
    const aperture = fromHex("349f9841a5229366dd5cf1bb30aa2e1129e4a1a2c8f2d433d2fe91c07bbb34be");
    expect(identifierOf("aperture, an empty capability list")?.tokenId).toEqual(aperture);
    expect(identifierOf("identifier version 1")).toBeUndefined();
    expect(identifierOf("gob identifier of 231 bytes")).toBeUndefined();
    expect(identifierOf("boltwall, hex text as identifier")).toBeUndefined();
  });
});

test("minting refuses more caveats than a token may hold", () => {
  const caveats = Array.from({ length: 65 }, (_, i) => `other_${i}=1`);
  let code: string | undefined;
  try {
    mintToken(hmac, ring, { paymentHash, tokenId, caveats });
  } catch (error) {
    code = errorCode(error);
  }
  expect(code).toBe("MACAROON_MALFORMED");
});
