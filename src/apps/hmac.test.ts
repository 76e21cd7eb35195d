/** The one-shot HMAC against Node's own and against RFC 4231. */
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../core/bytes.ts";
import { serverHmac } from "./hmac.ts";

const hex = (text: string) => fromHex(text) as Uint8Array;

test.each([
  {
    name: "RFC 4231 case 1",
    key: hex("0b".repeat(20)),
    message: utf8("Hi There"),
    want: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  },
  {
    name: "RFC 4231 case 2: a key shorter than the digest",
    key: utf8("Jefe"),
    message: utf8("what do ya want for nothing?"),
    want: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  },
  {
    name: "RFC 4231 case 3",
    key: hex("aa".repeat(20)),
    message: hex("dd".repeat(50)),
    want: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  },
  {
    name: "RFC 4231 case 6: a key longer than a block",
    key: hex("aa".repeat(131)),
    message: utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
    want: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  },
])("$name", ({ key, message, want }) => {
  expect(toHex(serverHmac(key, message))).toBe(want);
});

test("it is createHmac for every length of key and message", () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
  fc.assert(
    fc.property(bytes(130), fc.oneof(bytes(200), bytes(1_100)), (key, message) => {
      const want = createHmac("sha256", key).update(message).digest("hex");
      expect(toHex(serverHmac(key, message))).toBe(want);
    }),
  );
  for (const [keyLength, messageLength] of [
    [0, 0],
    [64, 1_024],
    [65, 1_024],
    [64, 1_025],
  ] as const) {
    const [key, message] = [Buffer.alloc(keyLength, 7), Buffer.alloc(messageLength, 9)];
    expect(toHex(serverHmac(key, message))).toBe(createHmac("sha256", key).update(message).digest("hex"));
  }
});

test("an earlier result does not change with the next call", () => {
  const first = serverHmac(utf8("key"), utf8("first"));
  const kept = toHex(first);
  serverHmac(utf8("key"), utf8("second"));
  expect(toHex(first)).toBe(kept);
});
