/** A hundred thousand made-up credentials: accepted if, and only if, the reference accepts them. `make fuzz` runs more. */
import { expect, test } from "vitest";
import { Random } from "./random.ts";
import { chain, decode, encodeBinary, encodeJson, encodePackets, hmac, type Parts } from "./reference.ts";
import { fuzzCredentials } from "./run.ts";

const COUNT = 100_000;
const SEED = 20_260_301;

test("no credential is accepted that should not be, none refused that should be accepted, and none takes long", {
  timeout: 240_000,
}, () => {
  const { answers, changes, undecided } = fuzzCredentials(COUNT, SEED);
  // A generator that only makes rubbish would prove nothing: each answer must be common.
  for (const name of ["accepted", "forged", "unknown-key", "malformed", "unreadable", "no credential"]) {
    expect(answers[name], name).toBeGreaterThan(COUNT / 100);
  }
  expect(undecided).toBeLessThan(COUNT / 20);
  expect(Object.keys(changes).length).toBeGreaterThan(40);
  for (const [name, { inputs }] of Object.entries(changes)) expect(inputs, name).toBeGreaterThan(COUNT / 500);
});

test("one seed makes one run", () => {
  const [one, same, other] = [7, 7, 8].map((seed) => ({ ...fuzzCredentials(300, seed), slowestMs: 0 }));
  expect(one).toEqual(same);
  expect(one).not.toEqual(other);
});

test("the reference reproduces libmacaroons and the project's vectors", () => {
  const key = Buffer.from("this is our super secret key; only we should know it");
  const signature = chain(key, Buffer.from("we used our secret key"), [Buffer.from("account = 3735928559")]);
  expect(signature.toString("hex")).toBe("1efe4763f290dbce0c1d08477367e11f4eee456a64933cf662d79772dbb82128");
  const root = Buffer.alloc(32, 0x11);
  const derived = hmac(Buffer.from("macaroons-key-generator"), root);
  expect(derived.toString("hex")).toBe("e4c2e35123e64e548d11ee82113824361aaf453043c600b0b741a963c8d41898");
});

test("the reference reads each form it writes", () => {
  const random = new Random(1);
  for (let i = 0; i < 200; i++) {
    const parts: Parts = {
      location: Buffer.from("lsat"),
      identifier: random.bytes(random.below(300)),
      caveats: Array.from({ length: random.below(5) }, () => ({ id: random.bytes(random.below(200)) })),
      signature: random.bytes(32),
    };
    expect(decode(encodeBinary(parts))).toEqual(parts);
    expect(decode(encodeBinary(parts, 2))).toEqual(parts);
    expect(decode(encodePackets(parts))).toEqual(parts);
    expect(decode(encodeJson(parts, "base64url"))).toEqual(parts);
  }
});
