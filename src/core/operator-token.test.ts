/** The text of an operator token, and what stands against using one. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64, toHex } from "./bytes.ts";
import {
  checkOperatorToken,
  hashOperatorSecret,
  isOperationName,
  isOperatorLabel,
  isOperatorSecret,
  newOperatorToken,
  OPERATOR_TOKEN_RANDOM_BYTES,
  type OperatorToken,
  parseOperatorToken,
  parseOperatorTokenId,
} from "./operator-token.ts";
import { unixSeconds } from "./units.ts";

const now = unixSeconds(1_790_000_000);
const grant = { label: "monitoring", operations: ["resolveIntent"], lifeSec: 60, maxUses: undefined };
const random = fc.uint8Array({ minLength: OPERATOR_TOKEN_RANDOM_BYTES, maxLength: OPERATOR_TOKEN_RANDOM_BYTES });

test("a worked token: the id is six bytes, the secret the other 32, and its hash their SHA-256", () => {
  const bytes = Uint8Array.from({ length: OPERATOR_TOKEN_RANDOM_BYTES }, (_, index) => index);
  const { text, token } = newOperatorToken(bytes, grant, now);
  expect(text).toBe("sro_000102030405_BgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCU");
  expect(toHex(token.secretHash)).toBe(createHash("sha256").update(bytes.subarray(6)).digest("hex"));
  expect(token).toMatchObject({ tokenId: "000102030405", createdAt: now, expiresAt: now + 60, uses: 0 });
});

test("what is made is read back, and its secret alone opens it", () => {
  fc.assert(
    fc.property(random, random, (bytes, other) => {
      const { text, token } = newOperatorToken(bytes, grant, now);
      const read = parseOperatorToken(text);
      expect(read?.tokenId).toBe(token.tokenId);
      expect(read && isOperatorSecret(read.secret, token.secretHash)).toBe(true);
      fc.pre(toHex(other.subarray(6)) !== toHex(bytes.subarray(6)));
      expect(isOperatorSecret(other.subarray(6), token.secretHash)).toBe(false);
    }),
  );
});

test("each secret has one spelling: any other text of the same bytes is no token", () => {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  fc.assert(
    fc.property(random, fc.constantFrom(...digits), (bytes, last) => {
      const { text } = newOperatorToken(bytes, grant, now);
      const other = text.slice(0, -1) + last;
      const same = toHex(fromBase64(other.slice(17))!) === toHex(fromBase64(text.slice(17))!);
      expect(parseOperatorToken(other) !== undefined && same).toBe(other === text);
    }),
  );
});

test.each([
  "",
  "sro_",
  `sro_000102030405_${"A".repeat(42)}`,
  `sro_000102030405_${"A".repeat(44)}`,
  `sro_00010203040_${"A".repeat(43)}`,
  `sro_00010203040G_${"A".repeat(43)}`,
  `SRO_000102030405_${"A".repeat(43)}`,
  ` sro_000102030405_${"A".repeat(43)}`,
  `sro_000102030405_${"A".repeat(43)}\n`,
  `sro_000102030405_${"A".repeat(42)}+`,
])("%j is no token", (text) => {
  expect(parseOperatorToken(text)).toBeUndefined();
});

test("no text makes the reader throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => {
      expect(parseOperatorToken(text)).toBeUndefined();
      expect(parseOperatorToken(`sro_000102030405_${text}`)?.tokenId ?? "000102030405").toBe("000102030405");
    }),
  );
});

test("a whole token in place of its id is taken for the id", () => {
  const { text, token } = newOperatorToken(new Uint8Array(OPERATOR_TOKEN_RANDOM_BYTES), grant, now);
  expect(parseOperatorTokenId(text)).toBe(token.tokenId);
  expect(parseOperatorTokenId(token.tokenId)).toBe(token.tokenId);
  expect(parseOperatorTokenId("0001020304")).toBeUndefined();
});

test("nothing opens what is not there: not even the bytes it is compared with", () => {
  expect(isOperatorSecret("anything", undefined)).toBe(false);
  expect(isOperatorSecret("anything", hashOperatorSecret("anything"))).toBe(true);
  expect(isOperatorSecret("anything", hashOperatorSecret("Anything"))).toBe(false);
  expect(isOperatorSecret("anything", new Uint8Array(31))).toBe(false);
});

const { token: fresh } = newOperatorToken(new Uint8Array(OPERATOR_TOKEN_RANDOM_BYTES), grant, now);
const later = (token: OperatorToken, changes: Partial<OperatorToken>): OperatorToken => ({ ...token, ...changes });

test.each([
  { name: "a fresh token opens what it names", token: fresh, want: undefined },
  { name: "it names nothing else", token: later(fresh, { operations: ["searchNodes"] }), want: "out-of-scope" },
  { name: "an operation is named whole", token: later(fresh, { operations: ["resolve"] }), want: "out-of-scope" },
  { name: "an empty list names nothing", token: later(fresh, { operations: [] }), want: "out-of-scope" },
  { name: "a star names everything", token: later(fresh, { operations: ["*"] }), want: undefined },
  { name: "it lives until the second before it ends", token: later(fresh, { expiresAt: unixSeconds(now + 1) }) },
  { name: "it is dead in the second it names", token: later(fresh, { expiresAt: now }), want: "expired" },
  { name: "its last use is one", token: later(fresh, { maxUses: 5, uses: 4 }), want: undefined },
  { name: "there is none after the last", token: later(fresh, { maxUses: 5, uses: 5 }), want: "used-up" },
  { name: "revoked is the first thing told", token: later(fresh, { revokedAt: now, expiresAt: now }), want: "revoked" },
  {
    name: "revoked in the future is revoked",
    token: later(fresh, { revokedAt: unixSeconds(now + 9) }),
    want: "revoked",
  },
])("$name", ({ token, want }) => {
  expect(checkOperatorToken(token, { operation: "resolveIntent", now })).toBe(want);
});

test("a star among names is all there is, and a name given twice is there once", () => {
  const made = (operations: string[]) =>
    newOperatorToken(new Uint8Array(OPERATOR_TOKEN_RANDOM_BYTES), { ...grant, operations }, now).token.operations;
  expect(made(["a", "*"])).toEqual(["*"]);
  expect(made(["a", "b", "a"])).toEqual(["a", "b"]);
});

test.each([
  { text: "resolveIntent", want: true },
  { text: "*", want: true },
  { text: "", want: false },
  { text: "a b", want: false },
  { text: "a,b", want: false },
  { text: "**", want: false },
  { text: "a\n", want: false },
  { text: "a".repeat(65), want: false },
])("an operation's name: $text is $want", ({ text, want }) => {
  expect(isOperationName(text)).toBe(want);
});

test.each([
  { text: "uptime probe", want: true },
  { text: "⚡".repeat(64), want: true },
  { text: "", want: false },
  { text: "a".repeat(65), want: false },
  { text: "a\u001b[31m", want: false },
])("a label: $text is $want", ({ text, want }) => {
  expect(isOperatorLabel(text)).toBe(want);
});
