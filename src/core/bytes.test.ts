/** Text forms of bytes, held against Node's own. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, utf8 } from "./bytes.ts";

const someBytes = fc.uint8Array({ maxLength: 200 });

describe("of all bytes", () => {
  test("hex is read back in either case, and is Node's", () => {
    fc.assert(
      fc.property(someBytes, (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test("base64 is read back in every dialect, and is Node's", () => {
    fc.assert(
      fc.property(someBytes, (bytes) => {
        const padded = Buffer.from(bytes).toString("base64");
        expect(toBase64(bytes)).toBe(padded);
        const urlSafe = padded.replaceAll("+", "-").replaceAll("/", "_");
        for (const text of [padded, urlSafe, padded.replace(/=+$/, ""), urlSafe.replace(/=+$/, "")]) {
          expect(fromBase64(text)).toEqual(bytes);
        }
      }),
    );
  });

  test("UTF-8 is read as Node reads it, whether short, long or broken", () => {
    const text = fc.string({ unit: "binary", maxLength: 90 });
    fc.assert(
      fc.property(fc.oneof(someBytes, text.map(utf8)), (bytes) => {
        expect(fromUtf8(bytes)).toBe(Buffer.from(bytes).toString("utf8"));
      }),
    );
  });
});

test.each(["0", "0g", "g0", "0x", " 00", "00 ", "\u0660\u0660", "\ud83d\udd11", "00\0"])("%j is not hex", (text) => {
  expect(fromHex(text)).toBeUndefined();
});

test.each([
  "A",
  "AAAAA",
  "A=",
  "AA=",
  "AAA==",
  "AAAA=",
  "AAAA==",
  "=",
  "==",
  "A A=",
  "AA\n=",
  "AA.=",
  "\u0100\u0100==",
  "A=A=",
])("%j is not base64", (text) => {
  expect(fromBase64(text)).toBeUndefined();
});

test("spare bits of the last digit are ignored", () => {
  expect(fromBase64("AB==")).toEqual(fromBase64("AA=="));
});

test("bytes are equal when all of them are", () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalBytes(new Uint8Array(), new Uint8Array())).toBe(true);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalBytes(Uint8Array.of(3, 2), Uint8Array.of(1, 2))).toBe(false);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false);
});
