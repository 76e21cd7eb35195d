/** Every answer a relay may give, and what it means to us. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { asksToSignIn, asksToSlowDown, isOurFault, readOk } from "./relay-answer.ts";

test.each([
  { accepted: true, message: "", want: { outcome: "acked" } },
  { accepted: true, message: "duplicate: the event already exists", want: { outcome: "duplicate" } },
  { accepted: false, message: "duplicate: have it", want: { outcome: "duplicate" } },
  { accepted: false, message: "rate-limited: you are noting too much", want: { outcome: "retry", pauseSec: 60 } },
  { accepted: false, message: "error: disk full", want: { outcome: "retry" } },
  { accepted: false, message: "no", want: { outcome: "retry" } },
  { accepted: false, message: "constructor: no", want: { outcome: "retry" } },
  { accepted: false, message: "invalid: id is wrong", want: { outcome: "refused-for-good" } },
  { accepted: false, message: "replaced: have newer event", want: { outcome: "outdated" } },
  { accepted: false, message: "deleted: user requested deletion", want: { outcome: "outdated" } },
  { accepted: false, message: "pow: 28 bits needed. (2)", want: { outcome: "work", bits: 28 } },
  { accepted: false, message: "pow: difficulty 18<20", want: { outcome: "work", bits: 20 } },
  { accepted: false, message: "pow: more than 99999999999 of it", want: { outcome: "work", bits: undefined } },
  { accepted: false, message: "blocked: read-only", want: { outcome: "refused-for-good", pauseSec: 86_400 } },
  { accepted: false, message: "restricted: members", want: { outcome: "refused-for-good", pauseSec: 86_400 } },
  { accepted: false, message: "auth-required: sign in", want: { outcome: "refused-for-good", pauseSec: 86_400 } },
  { accepted: false, message: "mute: nobody sees you", want: { outcome: "refused-for-good", pauseSec: 86_400 } },
])("$accepted $message", ({ accepted, message, want }) => {
  expect(readOk(accepted, message)).toEqual({ ...want, text: message });
});

test("only a rate limit asks us to slow down", () => {
  expect(asksToSlowDown(readOk(false, "rate-limited: wait"))).toBe(true);
  expect(asksToSlowDown(readOk(false, "error: rate-limited: no"))).toBe(false);
});

test("only a request to sign in is one, and only an invalid event is our fault", () => {
  const messages = ["auth-required: who", "restricted: members", "invalid: sig", "blocked: you", "error: invalid: x"];
  expect(messages.filter((message) => asksToSignIn(readOk(false, message)))).toEqual(["auth-required: who"]);
  expect(messages.filter((message) => isOurFault(readOk(false, message)))).toEqual(["invalid: sig"]);
});

test("whatever a relay writes becomes one short printable line", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.string({ unit: "binary", maxLength: 1000 }), (accepted, message) => {
      expect(readOk(accepted, message).text).toMatch(/^[\x20-\x7e]{0,200}$/);
    }),
  );
});
