/** What is answered to whatever a stranger may send. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readMessage } from "./message.ts";

const id = "ab".repeat(32);

test.each([
  ["no JSON", "{", ["NOTICE", "invalid: this is not JSON"]],
  ["nothing", "", ["NOTICE", "invalid: this is not JSON"]],
  ["no list", '{"REQ":1}', ["NOTICE", "invalid: a message is a list that begins with its verb"]],
  ["an empty list", "[]", ["NOTICE", "invalid: a message is a list that begins with its verb"]],
  ["an unknown verb", '["NEG-OPEN","x"]', ["NOTICE", "unsupported: this relay knows REQ, CLOSE, COUNT and EVENT"]],
  ["REQ without a name", '["REQ"]', ["NOTICE", "invalid: REQ needs a name of 1 to 64 characters"]],
  ["an empty name", '["REQ","",{}]', ["NOTICE", "invalid: REQ needs a name of 1 to 64 characters"]],
  [
    "a name too long",
    JSON.stringify(["COUNT", "x".repeat(65), {}]),
    ["NOTICE", "invalid: COUNT needs a name of 1 to 64 characters"],
  ],
  ["REQ without a filter", '["REQ","x"]', ["CLOSED", "x", "invalid: REQ needs a filter"]],
  [
    "too many filters",
    JSON.stringify(["REQ", "x", ...Array(21).fill({})]),
    ["CLOSED", "x", "invalid: REQ takes at most 20 filters"],
  ],
  [
    "a bad filter among good ones",
    '["COUNT","x",{},{"ids":[""]}]',
    ["CLOSED", "x", "invalid: ids is a list of 64 lower-case hex digits each"],
  ],
  ["CLOSE without a name", '["CLOSE",7]', ["NOTICE", "invalid: CLOSE names a subscription"]],
  ["an event", JSON.stringify(["EVENT", { id, kind: 1 }]), ["OK", id, false, "blocked: read-only"]],
  ["an event without an id", '["EVENT",{"id":"x"}]', ["NOTICE", "invalid: this is no event"]],
  ["no event", '["EVENT"]', ["NOTICE", "invalid: this is no event"]],
  ["AUTH", JSON.stringify(["AUTH", { id }]), ["OK", id, false, "error: this relay asks nobody who they are"]],
])("%s", (_, text, answer) => {
  expect(readMessage(text)).toMatchObject({ answer });
});

test("requests are read with their filters", () => {
  const message = readMessage(JSON.stringify(["REQ", "x".repeat(64), { kinds: [1, 1], "#d": ["a"] }, {}]));
  expect(message).toEqual({
    verb: "REQ",
    id: "x".repeat(64),
    filters: [{ kinds: new Set([1]), tags: new Map([["d", new Set(["a"])]]) }, { tags: new Map() }],
  });
  expect(readMessage('["CLOSE","x"]')).toEqual({ verb: "CLOSE", id: "x" });
});

test("whatever comes is read or answered, never with more than twice its length and a sentence", () => {
  const hostile = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.jsonValue()).map((rest) => JSON.stringify(["REQ", ...rest])),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const message = readMessage(text);
      if ("answer" in message) expect(JSON.stringify(message.answer).length).toBeLessThan(2 * text.length + 120);
    }),
    { numRuns: 2_000 },
  );
});
