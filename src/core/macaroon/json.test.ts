/** JSON macaroons: every spelling of one is the same macaroon, and what is not quite one is refused. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64, utf8 } from "../bytes.ts";
import { errorCode } from "../errors.ts";
import { decodeMacaroon } from "./decode.ts";
import { MAX_CAVEATS, MAX_MACAROON_BYTES, type Macaroon } from "./macaroon.ts";

const signature = "s".repeat(32);
const malformed = expect.objectContaining({ code: "MACAROON_MALFORMED" });
const read = (value: unknown) => decodeMacaroon(utf8(JSON.stringify(value)));

describe("read", () => {
  const want = { identifier: utf8("me"), caveats: [{ id: utf8("a=1") }], signature: utf8(signature) };

  test.each([
    { name: "text", json: { v: 2, i: "me", c: [{ i: "a=1" }], s: signature } },
    { name: "base64", json: { v: 2, i64: "bWU=", c: [{ i64: "YT0x" }], s64: btoa(signature) } },
    { name: "no version, as go-macaroon writes", json: { i: "me", c: [{ i: "a=1" }], s: signature } },
    { name: "no padding", json: { i64: "bWU", c: [{ i: "a=1" }], s64: btoa(signature).replace("=", "") } },
    { name: "another order", json: { s: signature, c: [{ i: "a=1" }], i: "me", v: 2 } },
  ])("$name", ({ json }) => {
    expect(read(json)).toEqual(want);
  });

  test("a location, and no list of caveats at all", () => {
    const macaroon = read({ l: "lsat", i: "me", s: signature });
    expect(macaroon).toEqual({ location: "lsat", identifier: utf8("me"), caveats: [], signature: utf8(signature) });
  });

  test("white space and escapes, as JSON allows them", () => {
    const text = `{ "i" :"\\u006de", "c": [ {"i":"a=1"} ],\n"s":"${signature}"}\n`;
    expect(decodeMacaroon(utf8(text))).toEqual(want);
  });
});

describe("refused", () => {
  const good = { v: 2, i: "me", s: signature };
  const caveats = (count: number) => Array.from({ length: count }, () => ({ i: "a" }));

  test.each([
    { name: "version 1", json: { ...good, v: 1 } },
    { name: "a version in text", json: { ...good, v: "2" } },
    { name: "a version of nothing", json: { ...good, v: null } },
    { name: "both spellings of the identifier", json: { ...good, i64: "bWU=" } },
    { name: "both spellings of the signature", json: { ...good, s64: btoa(signature) } },
    { name: "both spellings of a caveat", json: { ...good, c: [{ i: "a", i64: "YQ==" }] } },
    { name: "no identifier", json: { v: 2, s: signature } },
    { name: "no signature", json: { v: 2, i: "me" } },
    { name: "a short signature", json: { ...good, s: "s" } },
    { name: "over-padded base64", json: { v: 2, i64: "bWU==", s: signature } },
    { name: "a number for text", json: { ...good, i: 7 } },
    { name: "a number for base64", json: { v: 2, i64: 7, s: signature } },
    { name: "half a surrogate pair", json: { ...good, i: "\ud800" } },
    { name: "half a surrogate pair in the location", json: { ...good, l: "\udc00" } },
    { name: "a location of nothing", json: { ...good, l: null } },
    { name: "an unknown member", json: { ...good, x: 1 } },
    { name: "an older JSON form", json: { location: "x", identifier: "me", caveats: [], signature: "00" } },
    { name: "an object for the caveats", json: { ...good, c: {} } },
    { name: "nothing for the caveats", json: { ...good, c: null } },
    { name: "a text for a caveat", json: { ...good, c: ["a"] } },
    { name: "a list for a caveat", json: { ...good, c: [["a"]] } },
    { name: "an empty caveat", json: { ...good, c: [{}] } },
    { name: "an unknown member of a caveat", json: { ...good, c: [{ i: "a", x: 1 }] } },
    { name: "a third-party caveat", json: { ...good, c: [{ i: "a", v64: "AA==", l: "there" }] } },
    { name: "a third-party caveat without a place", json: { ...good, c: [{ i: "a", v: "x" }] } },
    { name: "a caveat with a place", json: { ...good, c: [{ i: "a", l: "there" }] } },
    { name: "too many caveats", json: { ...good, c: caveats(MAX_CAVEATS + 1) } },
  ])("$name", ({ json }) => {
    expect(() => read(json)).toThrow(malformed);
  });

  test.each([
    { name: "an end too soon", text: '{"v":2' },
    { name: "something after it", text: `{"i":"me","s":"${signature}"} {}` },
    { name: "an inherited member", text: `{"__proto__":{"i":"me","s":"${signature}"}}` },
    { name: "a member named like an inherited one", text: `{"i":"me","s":"${signature}","constructor":1}` },
    { name: "as many brackets as fit", text: `{"c":${"[".repeat(MAX_MACAROON_BYTES - 5)}` },
    { name: "as many objects as fit", text: '{"c":'.repeat(MAX_MACAROON_BYTES / 5) },
    { name: "a huge number", text: `{"v":2e${"9".repeat(8_000)}}` },
    { name: "white space before it", text: ` {"i":"me","s":"${signature}"}` },
  ])("$name", ({ text }) => {
    expect(() => decodeMacaroon(utf8(text))).toThrow(malformed);
    expect(({} as Record<string, unknown>)["i"]).toBeUndefined();
  });

  test("bytes that are not UTF-8", () => {
    const bytes = utf8(JSON.stringify(good));
    bytes[bytes.indexOf("m".charCodeAt(0))] = 0xff;
    expect(() => decodeMacaroon(bytes)).toThrow(malformed);
  });

  test("and what is wrong is said without repeating the input", () => {
    let message = "";
    try {
      decodeMacaroon(utf8('{"secret-text'));
    } catch (error) {
      message = (error as Error).message + String((error as Error).cause);
    }
    expect(message).toContain("not JSON");
    expect(message).not.toContain("secret");
  });
});

describe("of every macaroon", () => {
  const field = fc.tuple(fc.uint8Array({ maxLength: 80 }), fc.constantFrom("padded", "bare", "url-safe"));
  const write = (name: string, [bytes, dialect]: [Uint8Array, string]) => {
    const base64 = toBase64(bytes);
    const bare = base64.replace(/=+$/, "");
    const urlSafe = bare.replaceAll("+", "-").replaceAll("/", "_");
    return { [`${name}64`]: dialect === "padded" ? base64 : dialect === "bare" ? bare : urlSafe };
  };

  test("its JSON is read as the same macaroon, whatever the dialect of each field", () => {
    const location = fc.string({ unit: "binary", maxLength: 20 });
    fc.assert(
      fc.property(location, field, fc.array(field, { maxLength: 10 }), (l, identifier, caveats) => {
        const json = { l, ...write("i", identifier), c: caveats.map((caveat) => write("i", caveat)), s: signature };
        const want: Macaroon = {
          location: l,
          identifier: identifier[0],
          caveats: caveats.map(([id]) => ({ id })),
          signature: utf8(signature),
        };
        expect(read(json)).toEqual(want);
      }),
    );
  });

  test("any JSON is read or refused by name", () => {
    const name = fc.constantFrom("v", "l", "i", "i64", "c", "s", "s64", "v64", "__proto__", "toString");
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(2, signature, btoa(signature), [{ i: "a" }], "bWU="));
    let readable = 0;
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true }), (json) => {
        try {
          read(json);
          readable++;
        } catch (error) {
          expect(errorCode(error)).toBe("MACAROON_MALFORMED");
        }
      }),
      { numRuns: 3_000, examples: [[{ i: "me", s: signature }]] },
    );
    expect(readable).toBeGreaterThan(0);
  });
});
