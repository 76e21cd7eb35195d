import fc from "fast-check";
import { expect, test } from "vitest";
import { STAGES } from "../endpoint/call.ts";
import { METHODS } from "../endpoint/endpoint.ts";
import { msat, unixSeconds } from "../units.ts";
import { CALL_SOURCES, type CallEvidence, decodeCall, encodeCall } from "./call.ts";
import { decodeEvidence } from "./canonical.ts";

const paid: CallEvidence = {
  observedAt: unixSeconds(1_800_000_000),
  source: "probe",
  attempt: "ab".repeat(32),
  witness: `02${"cd".repeat(32)}`,
  call: {
    endpoint: "ef".repeat(32),
    method: "POST",
    stage: "quality",
    good: true,
    code: "OK",
    price: msat(21_000n),
    payee: `03${"12".repeat(32)}`,
    latencyMs: 431,
  },
};

test("the text of an entry", () => {
  expect(encodeCall(paid)).toBe(
    `[2,1800000000,"probe","${"ab".repeat(32)}","02${"cd".repeat(32)}","call","${"ef".repeat(32)}","POST","quality",true,"OK","21000","03${"12".repeat(32)}",431]`,
  );
});

const digits = (count: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: count, maxLength: count });

const call = fc.record(
  {
    endpoint: digits(64),
    method: fc.constantFrom(...METHODS),
    stage: fc.constantFrom(...STAGES),
    good: fc.boolean(),
    code: fc.constantFrom("OK", "STATUS_5XX", "AMOUNT_DIFFERS"),
    price: fc.bigInt({ min: 0n, max: 10n ** 15n }).map(msat),
    payee: digits(66),
    latencyMs: fc.integer({ min: 0, max: 86_400_000 }),
  },
  { requiredKeys: ["endpoint", "method", "stage", "good", "code"] },
);
const entry = fc
  .record({
    observedAt: fc.integer({ min: 0, max: 2 ** 40 }).map(unixSeconds),
    source: fc.constantFrom(...CALL_SOURCES),
    attempt: digits(64),
    witness: digits(66),
    call,
  })
  .map((each) => ({ ...each, witness: each.source === "probe" ? each.witness : each.witness.slice(2) }));

test("what is written is read back", () => {
  fc.assert(
    fc.property(entry, (each) => {
      expect(decodeCall(encodeCall(each))).toEqual(each);
    }),
  );
});

const text = encodeCall(paid);
test.each([
  ["another form", text.replace("[2,", "[1,")],
  ["a cell too many", text.replace("431]", "431,null]")],
  ["a space", text.replace("[2,", "[2, ")],
  ["capital hex", text.replace("abab", "ABAB")],
  ["a source that nobody has", text.replace('"probe"', '"friend"')],
  ["a reporter's name on a probe", text.replace(`"02${"cd".repeat(32)}"`, `"${"cd".repeat(32)}"`)],
  ["a method that is none", text.replace('"POST"', '"HEAD"')],
  ["a stage that is none", text.replace('"quality"', '"taste"')],
  ["a word for good", text.replace("true", '"true"')],
  ["a price that is a number", text.replace('"21000"', "21000")],
  ["a price with a zero before it", text.replace('"21000"', '"021000"')],
  ["a latency below zero", text.replace("431]", "-1]")],
  ["a latency in parts", text.replace("431]", "431.5]")],
  ["nothing", ""],
])("%s is no entry", (_name, wrong) => expect(() => decodeCall(wrong)).toThrow("cannot be read"));

test("the two forms are never taken for one another", () => {
  expect(() => decodeEvidence(text)).toThrow("cannot be read");
});
