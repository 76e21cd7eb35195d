/** Published macaroons, a second implementation, and what must hold of every macaroon. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64, fromHex, toHex, utf8 } from "../bytes.ts";
import { errorCode } from "../errors.ts";
import { encodeMacaroon } from "./binary.ts";
import { attenuate, type Hmac, mintMacaroon, signatureHolds } from "./chain.ts";
import { decodeMacaroon } from "./decode.ts";
import { MAX_CAVEATS, MAX_MACAROON_BYTES, type Macaroon } from "./macaroon.ts";

type Vector = {
  name: string;
  source: string;
  form: "binary" | "packets" | "json";
  text: string;
  keyText?: string;
  key?: string;
  location: string;
  identifier?: string;
  identifierText?: string;
  caveats: string[];
  signature?: string;
};
const vectors = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8")) as {
  valid: Vector[];
  forged: Vector[];
  refused: Vector[];
};

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const bytesOf = (text: string) => fromBase64(text) as Uint8Array;
const keyOf = (vector: Vector) => (vector.key ? (fromHex(vector.key) as Uint8Array) : utf8(vector.keyText ?? ""));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const malformed = expect.objectContaining({ code: "MACAROON_MALFORMED" });

const rootKey = new Uint8Array(32).fill(0x11);
const identifier = new Uint8Array(66).fill(0x33);
const sample = mintMacaroon(hmac, rootKey, { location: "lsat", identifier, caveats: ["a=1", "b=2", "c=3"] });

describe("published macaroons", () => {
  test.each(vectors.valid)("$source: $name ($form) is read", (vector) => {
    const macaroon = decodeMacaroon(bytesOf(vector.text));

    expect(macaroon.location).toBe(vector.location);
    expect(macaroon.caveats.map(({ id }) => text(id))).toEqual(vector.caveats);
    if (vector.identifier) expect(toHex(macaroon.identifier)).toBe(vector.identifier);
    if (vector.identifierText) expect(text(macaroon.identifier)).toBe(vector.identifierText);
    if (vector.signature) expect(toHex(macaroon.signature)).toBe(vector.signature);
    if (vector.form === "binary") expect(encodeMacaroon(macaroon)).toEqual(bytesOf(vector.text));
  });

  test.each(vectors.valid.filter((vector) => vector.key ?? vector.keyText))(
    "$source: $name ($form) holds",
    (vector) => {
      const macaroon = decodeMacaroon(bytesOf(vector.text));
      expect(signatureHolds(hmac, macaroon, keyOf(vector))).toBe(true);
      expect(signatureHolds(hmac, macaroon, utf8("this is not the key"))).toBe(false);
    },
  );

  test.each(vectors.valid.filter(({ signature }) => signature))("$source: $name ($form) is minted alike", (vector) => {
    const { identifier, ...read } = decodeMacaroon(bytesOf(vector.text));
    const minted = mintMacaroon(hmac, keyOf(vector), {
      location: vector.location,
      identifier,
      caveats: vector.caveats,
    });
    expect(toHex(minted.signature)).toBe(vector.signature);
    expect(minted).toEqual({ identifier, ...read });
  });

  test.each(vectors.forged)("$source: $name does not hold", (vector) => {
    expect(signatureHolds(hmac, decodeMacaroon(bytesOf(vector.text)), keyOf(vector))).toBe(false);
  });

  test.each(vectors.refused)("$source: $name is refused", (vector) => {
    expect(() => decodeMacaroon(bytesOf(vector.text))).toThrow(malformed);
  });

  test("libmacaroons README: each caveat moves the signature as printed", () => {
    const key = utf8("this is our super secret key; only we should know it");
    const parts = { location: "http://mybank/", identifier: utf8("we used our secret key"), caveats: [] };
    const root = mintMacaroon(hmac, key, parts);
    const account = attenuate(hmac, root, "account = 3735928559");
    const time = attenuate(hmac, account, "time < 2020-01-01T00:00");
    const email = attenuate(hmac, time, "email = alice@example.org");
    expect([root, account, time, email, attenuate(hmac, root, "test = caveat")].map((m) => toHex(m.signature))).toEqual(
      [
        "e3d9e02908526c4c0039ae15114115d97fdd68bf2ba379b342aaf0f617d0552f",
        "1efe4763f290dbce0c1d08477367e11f4eee456a64933cf662d79772dbb82128",
        "b5f06c8c8ef92f6c82c6ff282cd1f8bd1849301d09a2db634ba182536a611c49",
        "ddf553e46083e55b8d71ab822be3d8fcf21d6bf19c40d617bb9fb438934474b6",
        "197bac7a044af33332865b9266e26d493bdd668a660e44d88ce1a998c23dbd67",
      ],
    );
  });

  test("libmacaroons README: the chain of a discharge is one like any other", () => {
    const parts = {
      location: "http://auth.mybank/",
      identifier: utf8("this was how we remind auth of key/pred"),
      caveats: ["time < 2020-01-01T00:00"],
    };
    const discharge = mintMacaroon(hmac, utf8("4; guaranteed random by a fair toss of the dice"), parts);
    expect(toHex(discharge.signature)).toBe("2ed1049876e9d5840950274b579b0770317df54d338d9d3039c7c67d0d91d63c");
  });

  test("libmacaroons README: the chain holds up to the third-party caveat, which is refused", () => {
    const key = utf8("this is a different super-secret key; never use the same secret twice");
    const parts = {
      location: "http://mybank/",
      identifier: utf8("we used our other secret key"),
      caveats: ["account = 3735928559"],
    };
    const minted = mintMacaroon(hmac, key, parts);
    expect(toHex(minted.signature)).toBe("1434e674ad84fdfdc9bc1aa00785325c8b6d57341fc7ce200ba4680c80786dda");
    const written = vectors.refused.find(({ name }) => name === "a third-party caveat")?.text ?? "";
    expect(toHex(bytesOf(written))).toContain(toHex(encodeMacaroon(minted).subarray(0, -35)));
    expect(() => decodeMacaroon(bytesOf(written))).toThrow(/third-party/);
  });

  test.each(["account = 0000000000", "account = 3735928559 "])(
    "libmacaroons: caveat_1 rewritten as %o does not hold",
    (id) => {
      const vector = vectors.valid.find(({ name }) => name === "caveat_1") as Vector;
      const macaroon = decodeMacaroon(bytesOf(vector.text));
      expect(signatureHolds(hmac, { ...macaroon, caveats: [{ id: utf8(id) }] }, keyOf(vector))).toBe(false);
    },
  );

  test.each([
    { input: "", want: "" },
    { input: "Z29+IQ==", want: "go~!" },
    { input: "Z29-IQ==", want: "go~!" },
    { input: "Z29+IQ", want: "go~!" },
    { input: "Z29-IQ", want: "go~!" },
    { input: "Z29+IQ===", want: undefined },
  ])("go-macaroon: base64 $input", ({ input, want }) => {
    const bytes = fromBase64(input);
    expect(bytes && text(bytes)).toBe(want);
  });
});

describe("bad bytes are refused", () => {
  const good = encodeMacaroon(sample);
  const v1 = bytesOf(vectors.valid.find(({ form }) => form === "packets")?.text ?? "");
  const packets = (...lines: string[]) =>
    utf8(lines.map((line) => `${(line.length + 5).toString(16).padStart(4, "0")}${line}\n`).join(""));
  const signature = `signature ${"s".repeat(32)}`;
  const caveats = (count: number) => Array.from({ length: count }, () => [2, 1, 0x61, 0]).flat();
  const withCaveats = (count: number) =>
    Uint8Array.from([2, 2, 1, 0x78, 0, ...caveats(count), 0, 6, 32, ...new Uint8Array(32)]);

  test.each([
    { name: "nothing", bytes: new Uint8Array() },
    { name: "version 3", bytes: Uint8Array.from([3, ...good.subarray(1)]) },
    { name: "a byte too few", bytes: good.subarray(0, -1) },
    { name: "a byte too many", bytes: Uint8Array.from([...good, 0]) },
    { name: "no identifier", bytes: Uint8Array.from([2, 0, 0, 6, 32, ...new Uint8Array(32)]) },
    { name: "a signature of 31 bytes", bytes: Uint8Array.from([2, 2, 1, 0x78, 0, 0, 6, 31, ...new Uint8Array(31)]) },
    { name: "a number of six bytes", bytes: Uint8Array.from([2, 2, 0x81, 0x80, 0x80, 0x80, 0x80, 0, 0x78, 0, 0]) },
    { name: "a length above 31 bits", bytes: Uint8Array.from([2, 2, 0xff, 0xff, 0xff, 0xff, 0x0f]) },
    { name: "a location that is not UTF-8", bytes: Uint8Array.from([2, 1, 1, 0xff, ...good.subarray(7)]) },
    { name: `${MAX_CAVEATS + 1} caveats`, bytes: withCaveats(MAX_CAVEATS + 1) },
    { name: "more than 8 KiB", bytes: new Uint8Array(MAX_MACAROON_BYTES + 1).fill(2) },
    { name: "packets cut short", bytes: v1.subarray(0, -1) },
    { name: "bytes after the packets", bytes: Uint8Array.from([...v1, 0x0a]) },
    { name: "packets without an identifier", bytes: packets("location here", signature) },
    { name: "packets without a signature", bytes: packets("identifier x", "cid a=1") },
    { name: "packets out of order", bytes: packets("identifier x", signature, "cid a=1") },
    { name: "a packet that ends elsewhere", bytes: utf8("0010identifier xx") },
    { name: "a packet of length 0", bytes: utf8("0000identifier x\n") },
    { name: "a packet without a name", bytes: packets("identifierx") },
    { name: "a third-party caveat in packets", bytes: packets("identifier x", "cid a", "vid b", "cl c", signature) },
    {
      name: "too many packets",
      bytes: packets("identifier x", ...Array.from({ length: MAX_CAVEATS + 1 }, () => "cid a"), signature),
    },
  ])("$name", ({ bytes }) => {
    expect(() => decodeMacaroon(bytes)).toThrow(malformed);
  });

  test("as many caveats as allowed are read, and one more is neither written nor added", () => {
    const full = decodeMacaroon(withCaveats(MAX_CAVEATS));
    expect(full.caveats).toHaveLength(MAX_CAVEATS);
    expect(() => attenuate(hmac, full, "a=1")).toThrow(malformed);
    expect(() => encodeMacaroon({ ...full, caveats: [...full.caveats, { id: utf8("a") }] })).toThrow(malformed);
    expect(() => encodeMacaroon({ ...full, identifier: new Uint8Array(MAX_MACAROON_BYTES) })).toThrow(malformed);
    expect(() => encodeMacaroon({ ...full, signature: new Uint8Array(31) })).toThrow(malformed);
  });

  test("lengths need not be minimal", () => {
    const bytes = Uint8Array.from([2, 2, 0x81, 0, 0x78, 0, 0, 6, 32, ...new Uint8Array(32)]);
    expect(decodeMacaroon(bytes).identifier).toEqual(utf8("x"));
  });
});

describe("of every macaroon", () => {
  const arbitrary: fc.Arbitrary<Macaroon> = fc
    .record(
      {
        location: fc.string({ unit: "binary", maxLength: 40 }),
        identifier: fc.uint8Array({ maxLength: 300 }),
        caveats: fc.array(fc.record({ id: fc.uint8Array({ maxLength: 200 }) }), { maxLength: 20 }),
        signature: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      },
      { requiredKeys: ["identifier", "caveats", "signature"] },
    )
    .map((record) => record as Macaroon);

  test("decoding what was encoded gives it back", () => {
    fc.assert(
      fc.property(arbitrary, (macaroon) => {
        expect(decodeMacaroon(encodeMacaroon(macaroon))).toEqual(macaroon);
      }),
    );
  });

  test("packets of a macaroon are read as the same macaroon", () => {
    fc.assert(
      fc.property(arbitrary, ({ location = "", ...rest }) => {
        expect(decodeMacaroon(encodePackets({ location, ...rest }))).toEqual({ location, ...rest });
      }),
    );
  });

  test("a flipped bit does not survive, unless in the location, which is a hint and not signed", () => {
    const bytes = encodeMacaroon(sample);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const read = decodeOrCode(flipped);
      if (read === "MACAROON_MALFORMED" || !signatureHolds(hmac, read, rootKey)) continue;
      expect({ ...read, location: "" }).toEqual({ ...sample, location: "" });
      expect(bit >> 3).toBeGreaterThanOrEqual(3);
      expect(bit >> 3).toBeLessThan(3 + "lsat".length);
    }
  });

  test("any bytes are read or refused by name", () => {
    const near = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 })).map(([at, patch]) => {
      const bytes = encodeMacaroon(sample);
      bytes.set(patch, at % (bytes.length - patch.length));
      return bytes;
    });
    const packetLike = fc
      .array(fc.constantFrom("0010", "001f", "identifier ", "cid ", "signature ", "location ", "\n", "x"))
      .map((parts) => utf8(parts.join("")));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), near, packetLike);
    fc.assert(
      fc.property(bytes, (input) => {
        decodeOrCode(input);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a caveat cannot be taken away, exchanged or moved", () => {
    const [a, b, c] = sample.caveats as [{ id: Uint8Array }, { id: Uint8Array }, { id: Uint8Array }];
    for (const caveats of [[a, b], [b, c], [b, a, c], [a, b, c, c], []]) {
      expect(signatureHolds(hmac, { ...sample, caveats }, rootKey)).toBe(false);
    }
    expect(signatureHolds(hmac, sample, rootKey)).toBe(true);
  });
});

describe("npm macaroon 3.0.4", () => {
  const require = createRequire(import.meta.url);
  const { importMacaroon } = require("macaroon");

  test("verifies what we mint and attenuate, and sees the same caveats", () => {
    const caveats = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), caveats, (key, conditions) => {
        let macaroon = mintMacaroon(hmac, key, { location: "lsat", identifier, caveats: conditions });
        macaroon = attenuate(hmac, macaroon, "added=1");
        const seen: string[] = [];
        importMacaroon(encodeMacaroon(macaroon)).verify(key, (condition: string) => {
          seen.push(condition);
          return null;
        });
        expect(seen).toEqual([...conditions, "added=1"]);
      }),
      { numRuns: 50 },
    );
  });

  test("refuses what we refuse", () => {
    const forged = importMacaroon(encodeMacaroon({ ...sample, signature: new Uint8Array(32) }));
    expect(() => forged.verify(rootKey, () => null)).toThrow();
    expect(signatureHolds(hmac, { ...sample, signature: new Uint8Array(32) }, rootKey)).toBe(false);
  });
});

function decodeOrCode(bytes: Uint8Array): Macaroon | "MACAROON_MALFORMED" {
  try {
    return decodeMacaroon(bytes);
  } catch (error) {
    if (errorCode(error) !== "MACAROON_MALFORMED") throw error;
    return "MACAROON_MALFORMED";
  }
}

/** The version 1 form, which only tests write. */
function encodePackets(macaroon: Macaroon): Uint8Array {
  const packet = (name: string, data: Uint8Array) => {
    const length = 4 + name.length + 1 + data.length + 1;
    return [...utf8(`${length.toString(16).padStart(4, "0")}${name} `), ...data, 0x0a];
  };
  const bytes = Uint8Array.from([
    ...packet("location", utf8(macaroon.location ?? "")),
    ...packet("identifier", macaroon.identifier),
    ...macaroon.caveats.flatMap(({ id }) => packet("cid", id)),
    ...packet("signature", macaroon.signature),
  ]);
  return bytes;
}
