import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_MSAT } from "../../core/units.ts";
import {
  type Answer,
  booleanField,
  bytesField,
  countField,
  decodeAnswer,
  hexField,
  messageField,
  messagesField,
  msatField,
  nodeKeyField,
  ratioField,
  textField,
  uint64Field,
  wordField,
} from "./fields.ts";
import { methodOf } from "./rpcs.ts";

const answer = (value: unknown): Answer => ({ rpc: "GetInfo", fields: { field: value } });
const key = `02${"ab".repeat(32)}`;

describe("each reader takes its own shape and refuses every other, naming the field", () => {
  const readers = {
    bytes: (a: Answer) => bytesField(a, "field", 32),
    hex: (a: Answer) => hexField(a, "field", 32),
    nodeKey: (a: Answer) => nodeKeyField(a, "field"),
    text: (a: Answer) => textField(a, "field", 5),
    boolean: (a: Answer) => booleanField(a, "field"),
    count: (a: Answer) => countField(a, "field", 100),
    msat: (a: Answer) => msatField(a, "field"),
    uint64: (a: Answer) => uint64Field(a, "field"),
    ratio: (a: Answer) => ratioField(a, "field"),
    word: (a: Answer) => wordField(a, "field", { OPEN: "open" }),
    message: (a: Answer) => messageField(a, "field"),
    messages: (a: Answer) => messagesField(a, "field", 2),
  };
  test.each([
    { reader: "bytes", good: Buffer.alloc(32), bad: [Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(0), "ab", null] },
    {
      reader: "hex",
      good: "ab".repeat(32),
      bad: ["ab".repeat(31), "AB".repeat(32), "zz".repeat(32), "", 5, undefined],
    },
    { reader: "nodeKey", good: key, bad: [key.slice(2), `05${key.slice(2)}`, key.toUpperCase(), `${key}00`, ""] },
    { reader: "text", good: "alias", bad: ["aliase", 5, null, undefined] },
    { reader: "boolean", good: false, bad: ["false", 0, null] },
    { reader: "count", good: "100", bad: ["101", "-1", "1.5", "", "1e2", " 1", -1, 1.5, Number.NaN, null] },
    { reader: "msat", good: "5", bad: ["-1", `${MAX_MSAT + 1n}`, "9".repeat(40), "0x10", null, {}] },
    { reader: "uint64", good: "18446744073709551615", bad: ["-1", "1".repeat(21), ""] },
    { reader: "ratio", good: 1, bad: [1.001, -0.1, Number.NaN, "1"] },
    { reader: "word", good: "OPEN", bad: ["SHUT", 9, "toString", "__proto__", null] },
    { reader: "message", good: {}, bad: ["text", 5] },
    { reader: "messages", good: [{}, {}], bad: [[{}, {}, {}], {}, null, "ab"] },
  ] as const)("$reader", ({ reader, good, bad }) => {
    expect(() => readers[reader](answer(good))).not.toThrow();
    for (const value of bad) {
      const wanted = expect.objectContaining({ code: "LND_REFUSED", message: expect.stringContaining("wrong field") });
      expect(() => readers[reader](answer(value)), String(value)).toThrow(wanted);
    }
  });
});

test("any amount LND can send is read exactly", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: MAX_MSAT }), (amount) => {
      expect(msatField(answer(amount.toString()), "field")).toBe(amount);
    }),
  );
});

test("bytes that are no message are LND_REFUSED, and any bytes either decode or are", () => {
  expect(() => decodeAnswer("GetInfo", Buffer.from("ffffffff", "hex"))).toThrow(
    expect.objectContaining({ code: "LND_REFUSED" }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeAnswer("LookupInvoice", Buffer.from(bytes));
      } catch (error) {
        expect(error).toMatchObject({ code: "LND_REFUSED" });
      }
    }),
  );
});

test("64-bit integers survive the wire", () => {
  const bytes = methodOf("QueryRoutes").responseSerialize({
    routes: [{ hops: [{ chan_id: "18446744073709551615" }] }],
  });
  const [route] = messagesField(decodeAnswer("QueryRoutes", bytes), "routes", 1);
  const [hop] = messagesField(route as Answer, "hops", 1);
  expect(uint64Field(hop as Answer, "chan_id")).toBe(18_446_744_073_709_551_615n);
});
