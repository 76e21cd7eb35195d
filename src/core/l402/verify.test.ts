/** Published L402 credentials: what they hold is read, and those that are not ours are refused by name. */
import { readFileSync } from "node:fs";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, test } from "vitest";
import { decodeInvoice } from "../bolt11/decode.ts";
import { fromBase64, fromHex, toHex } from "../bytes.ts";
import type { Hmac } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { parseCredential } from "./authorization.ts";
import { decodeIdentifier } from "./identifier.ts";
import { authenticateToken } from "./verify.ts";

type Published = {
  name: string;
  hash: string;
  tokenId?: string;
  preimage?: string;
  invoice?: string;
  hexIdentifier?: boolean;
};
const vectors = JSON.parse(readFileSync(new URL("../macaroon/vectors.json", import.meta.url), "utf8")) as {
  valid: { name: string; source: string; form: string; text: string }[];
  forged: { name: string; text: string }[];
  header: { hex: string; aperture: string };
  credentials: Published[];
};
const textOf = (name: string) => vectors.valid.find((each) => each.name === name)?.text ?? "";
const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const someKey = new Uint8Array(32).fill(0xa1);
/** One ring that knows every key id, so that nothing is refused for its first byte alone. */
const ring = { currentKeyId: 0, keys: Array.from({ length: 256 }, (_, keyId) => ({ keyId, key: someKey })) };
const noRing = { currentKeyId: 0, keys: [] };

describe("the identifier of", () => {
  test.each(vectors.credentials)("$name names the hash that was paid", ({ name, hash, tokenId, hexIdentifier }) => {
    const { identifier } = decodeMacaroon(fromBase64(textOf(name)) as Uint8Array);
    if (hexIdentifier) {
      expect(decodeIdentifier(identifier)).toBeUndefined();
      expect(new TextDecoder().decode(identifier)).toContain(hash);
      return;
    }
    const read = decodeIdentifier(identifier);
    expect(toHex(read!.paymentHash)).toBe(hash);
    if (tokenId) expect(toHex(read!.tokenId)).toBe(tokenId);
  });

  test.each(vectors.credentials.filter(({ preimage }) => preimage))("$name has this preimage", ({ hash, preimage }) => {
    expect(toHex(sha256(fromHex(preimage!)!))).toBe(hash);
  });

  test.each(vectors.credentials.filter(({ invoice }) => invoice))(
    "$name was sold with this invoice",
    ({ hash, invoice, hexIdentifier }) => {
      // Older than payment secrets, without which an invoice must not be paid any more.
      if (hexIdentifier) expect(() => decodeInvoice(invoice!)).toThrow(/no payment secret/);
      else expect(toHex(decodeInvoice(invoice!).paymentHash)).toBe(hash);
    },
  );
});

describe("refused", () => {
  const verdicts = (text: string, preimage = "22".repeat(32)) => {
    const found = parseCredential({
      authorization: [`L402 ${text}:${preimage}`],
      grpcMetadataMacaroon: [],
      macaroon: [],
    });
    if (found.kind !== "credential") return found.kind;
    return [ring, noRing].map((keys) => {
      const result = authenticateToken(hmac, keys, found);
      return result.ok ? "ok" : result.reason;
    });
  };

  test.each([
    { name: "identifier version 1" },
    { name: "gob identifier of 231 bytes" },
    { name: "boltwall, hex text as identifier" },
  ])("$name is malformed", ({ name }) => {
    expect(verdicts(textOf(name))).toEqual(["malformed", "malformed"]);
  });

  test("aperture's dummy of a 4-byte identifier is malformed, under either header name", () => {
    for (const headers of [
      { grpcMetadataMacaroon: [vectors.header.aperture], macaroon: [] },
      { grpcMetadataMacaroon: [], macaroon: [vectors.header.aperture] },
    ]) {
      const found = parseCredential({ authorization: [], ...headers });
      if (found.kind !== "credential") throw new Error(found.kind);
      expect(authenticateToken(hmac, ring, found)).toEqual({ ok: false, reason: "malformed" });
    }
  });

  test.each(vectors.valid)("$source: $name ($form) was not minted here", ({ text }) => {
    const [known, unknown] = verdicts(text);
    expect(["malformed", "forged"]).toContain(known);
    expect(["malformed", "unknown-key"]).toContain(unknown);
  });

  test.each(vectors.forged)("$name", ({ text }) => {
    expect(["malformed", "forged"]).toContain(verdicts(text)[0]);
  });
});
