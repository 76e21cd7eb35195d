/** Every spelling of a credential, and the strings that are none. */
import { readFileSync } from "node:fs";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64, fromHex, toBase64, toHex, utf8 } from "../bytes.ts";
import { encodeMacaroon } from "../macaroon/binary.ts";
import { attenuate, type Hmac, mintMacaroon } from "../macaroon/chain.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { parseCredential } from "./authorization.ts";

type Vectors = {
  valid: { name: string; form: string; text: string }[];
  header: { hex: string; aperture: string };
  credentials: { name: string; preimage?: string }[];
};
const vectors = JSON.parse(readFileSync(new URL("../macaroon/vectors.json", import.meta.url), "utf8")) as Vectors;
const vector = (name: string, form = "binary") =>
  vectors.valid.find((each) => each.name === name && each.form === form)?.text as string;

const hmac: Hmac = (key, message) => nobleHmac(sha256, key, message);
const preimage = "2f".repeat(32);
// These bytes make both of the letters that the two base64 alphabets spell differently, and need padding.
const minted = mintMacaroon(hmac, utf8("key"), {
  location: "lsat",
  identifier: Uint8Array.from({ length: 66 }, (_, i) => (i % 2 ? 0xfb : 0xff)),
  caveats: ["services=satrank:0", "a=12"],
});
const standard = toBase64(encodeMacaroon(minted));
const urlSafe = standard.replaceAll("+", "-").replaceAll("/", "_");
const unpadded = (text: string) => text.replace(/=+$/, "");
const withPreimage = (...proofs: string[]) =>
  proofs.reduce((macaroon, proof) => attenuate(hmac, macaroon, `preimage=${proof}`), minted);
const hexOf = (macaroon: typeof minted) => toHex(encodeMacaroon(macaroon));

const parse = (authorization: string[], grpcMetadataMacaroon: string[] = [], macaroon: string[] = []) =>
  parseCredential({ authorization, grpcMetadataMacaroon, macaroon });
const credential = (macaroon = minted) => ({ kind: "credential", macaroon, preimage: fromHex(preimage) });

test("the sample needs both alphabets and padding", () => {
  expect(standard).toMatch(/^(?=.*\+)(?=.*\/).*=$/);
});

describe("accepted in Authorization", () => {
  test.each([
    { name: "L402", lines: [`L402 ${standard}:${preimage}`] },
    { name: "LSAT", lines: [`LSAT ${standard}:${preimage}`] },
    { name: "lower case", lines: [`l402 ${standard}:${preimage}`] },
    { name: "mixed case", lines: [`Lsat ${standard}:${preimage}`] },
    { name: "several spaces", lines: [`L402   ${standard}:${preimage}`] },
    { name: "a tab", lines: [`L402\t${standard}:${preimage}`] },
    { name: "spaces around it", lines: [`  L402 ${standard}:${preimage}  `] },
    { name: "base64 without padding", lines: [`L402 ${unpadded(standard)}:${preimage}`] },
    { name: "url-safe base64", lines: [`L402 ${urlSafe}:${preimage}`] },
    { name: "url-safe base64 without padding", lines: [`L402 ${unpadded(urlSafe)}:${preimage}`] },
    { name: "a preimage in upper case", lines: [`L402 ${standard}:${preimage.toUpperCase()}`] },
    {
      name: "both schemes, as aperture sends",
      lines: [`LSAT ${standard}:${preimage}`, `L402 ${standard}:${preimage}`],
    },
    {
      name: "two lines in different base64",
      lines: [`LSAT ${standard}:${preimage}`, `L402 ${unpadded(urlSafe)}:${preimage.toUpperCase()}`],
    },
    { name: "two lines that a proxy joined", lines: [`LSAT ${standard}:${preimage}, L402 ${standard}:${preimage}`] },
    { name: "beside a Bearer line", lines: ["Bearer abc", `L402 ${standard}:${preimage}`] },
  ])("$name", ({ lines }) => {
    expect(parse(lines)).toEqual(credential());
  });

  test("with the preimage appended as a caveat, as lnget sends", () => {
    const appended = withPreimage(preimage);
    expect(parse([`L402 ${toBase64(encodeMacaroon(appended))}:${preimage}`])).toEqual(credential(appended));
  });

  test("version 1 packets", () => {
    const found = parse([`L402 ${vector("p2", "packets")}:${"22".repeat(32)}`]);
    const want = decodeMacaroon(fromBase64(vector("p2")) as Uint8Array);
    expect(found).toEqual({ kind: "credential", macaroon: want, preimage: new Uint8Array(32).fill(0x22) });
  });
});

test("Fewsats' credential is read: url-safe, unpadded, with a preimage that pays for it", () => {
  const fewsats = vectors.credentials.find(({ name }) => name === "66-byte identifier");
  const text = vector("66-byte identifier");
  const found = parse([`L402 ${text}:${fewsats?.preimage}`]);
  expect(found).toMatchObject({ kind: "credential", preimage: fromHex(fewsats?.preimage ?? "") });
});

describe("JSON macaroons are accepted", () => {
  const json = utf8(
    JSON.stringify({
      l: "lsat",
      i64: toBase64(minted.identifier),
      c: minted.caveats.map(({ id }) => ({ i: new TextDecoder().decode(id) })),
      s64: toBase64(minted.signature),
    }),
  );

  test("in Authorization", () => {
    expect(parse([`L402 ${toBase64(json)}:${preimage}`])).toEqual(credential());
  });

  test("but not beside the same macaroon in binary: lines agree to the byte", () => {
    const found = parse([`L402 ${toBase64(json)}:${preimage}`, `LSAT ${standard}:${preimage}`]);
    expect(found).toEqual({ kind: "malformed", detail: expect.stringContaining("disagree") });
  });
});

// After aperture's auth/authenticator_test.go.
test.each([
  { name: "no header", headers: [[], [], []], want: "none" },
  { name: "an empty Authorization", headers: [[""], [], []], want: "none" },
  { name: "an Authorization of foo", headers: [["foo"], [], []], want: "none" },
  { name: "an empty Grpc-Metadata-Macaroon", headers: [[], [""], []], want: "none" },
  { name: "a Grpc-Metadata-Macaroon of foo", headers: [[], ["foo"], []], want: "malformed" },
  { name: "an empty Macaroon", headers: [[], [], [""]], want: "none" },
  { name: "a Macaroon of foo", headers: [[], [], ["foo"]], want: "malformed" },
])("aperture: $name is $want", ({ headers: [authorization = [], grpc = [], macaroon = []], want }) => {
  expect(parse(authorization, grpc, macaroon).kind).toBe(want);
});

describe("accepted as a macaroon header", () => {
  test.each([
    { name: "Grpc-Metadata-Macaroon", headers: [[], [vectors.header.hex], []] },
    { name: "Macaroon", headers: [[], [], [vectors.header.hex]] },
    { name: "upper case", headers: [[], [vectors.header.hex.toUpperCase()], []] },
    { name: "the same twice", headers: [[], [vectors.header.hex, vectors.header.hex], []] },
    { name: "beside an Authorization of another scheme", headers: [["Basic YTpi"], [], [vectors.header.hex]] },
  ])("$name", ({ headers: [authorization = [], grpc = [], macaroon = []] }) => {
    const want = decodeMacaroon(fromBase64(vector("p3")) as Uint8Array);
    const got = parse(authorization, grpc, macaroon);
    expect(got).toEqual({ kind: "credential", macaroon: want, preimage: new Uint8Array(32).fill(0x22) });
  });

  test("aperture's own, whose identifier is for the verifier to refuse", () => {
    const found = parse([], [vectors.header.aperture]);
    const want = fromHex("49349dfea4abed3cd14f6d356afa83de9787b609f088c8df09bacc7b4bd21b39");
    expect(found).toMatchObject({ kind: "credential", preimage: want });
  });

  test("the last of several preimages counts", () => {
    const macaroon = withPreimage("00".repeat(32), preimage);
    expect(parse([], [hexOf(macaroon)])).toEqual(credential(macaroon));
  });

  test("Authorization comes first", () => {
    expect(parse([`L402 ${standard}:${preimage}`], [vectors.header.hex])).toEqual(credential());
    expect(parse(["L402 nonsense"], [vectors.header.hex]).kind).toBe("malformed");
  });
});

test.each([
  { name: "no header", lines: [] },
  { name: "an empty header", lines: [""] },
  { name: "a word", lines: ["foo"] },
  { name: "Bearer", lines: ["Bearer abc.def"] },
  { name: "Basic", lines: ["Basic dXNlcjpwYXNz"] },
  { name: "Nostr", lines: ["Nostr eyJpZCI6IiJ9"] },
  { name: "Digest with parameters", lines: ['Digest username="a", realm="b", uri="/"'] },
  { name: "a scheme that only begins like ours", lines: [`L4020 ${standard}:${preimage}`] },
  { name: "no scheme at all", lines: [`${standard}:${preimage}`] },
])("nothing presented: $name", ({ lines }) => {
  expect(parse(lines)).toEqual({ kind: "none" });
});

const other = toBase64(encodeMacaroon(attenuate(hmac, minted, "a=1")));
test.each([
  { name: "a scheme alone", lines: ["L402"], detail: "expected L402" },
  { name: "a macaroon without a preimage", lines: [`L402 ${standard}`], detail: "expected L402" },
  { name: "a preimage alone", lines: [`L402 deposit:${preimage}`], detail: "macaroon" },
  { name: "an empty macaroon", lines: [`L402 :${preimage}`], detail: "not a macaroon" },
  { name: "a short preimage", lines: [`L402 ${standard}:${preimage.slice(2)}`], detail: "64 hex digits" },
  { name: "a preimage that is not hex", lines: [`L402 ${standard}:${"g".repeat(64)}`], detail: "64 hex digits" },
  { name: "two colons", lines: [`L402 ${standard}:${preimage}:`], detail: "expected L402" },
  { name: "too much padding", lines: [`L402 ${unpadded(standard)}====:${preimage}`], detail: "not base64" },
  { name: "JSON in base64", lines: [`L402 ${btoa('{"v":2}')}:${preimage}`], detail: "not a macaroon" },
  { name: "two macaroons", lines: [`L402 ${standard},${standard}:${preimage}`], detail: "several macaroons" },
  {
    name: "two macaroons and a space",
    lines: [`L402 ${standard}, ${standard}:${preimage}`],
    detail: "several macaroons",
  },
  {
    name: "two macaroons that differ",
    lines: [`L402 ${standard}:${preimage}`, `LSAT ${other}:${preimage}`],
    detail: "disagree",
  },
  {
    name: "two preimages",
    lines: [`L402 ${standard}:${preimage}`, `LSAT ${standard}:${"00".repeat(32)}`],
    detail: "disagree",
  },
  { name: "a good line and a bad one", lines: [`L402 ${standard}:${preimage}`, "LSAT x"], detail: "expected L402" },
  { name: "five lines", lines: Array(5).fill(`L402 ${standard}:${preimage}`), detail: "more than 4" },
  { name: "a line too long", lines: [`L402 ${"A".repeat(16_384)}:${preimage}`], detail: "longer than" },
  { name: "a macaroon too long", lines: [`L402 Ag${"A".repeat(12_000)}:${preimage}`], detail: "longer than" },
])("malformed: $name", ({ lines, detail }) => {
  const found = parse(lines);
  expect(found).toEqual({ kind: "malformed", detail: expect.stringContaining(detail) });
  expect(JSON.stringify(found)).not.toContain(preimage);
});

test.each([
  { name: "base64", text: standard },
  { name: "half a byte", text: vectors.header.hex.slice(1) },
  { name: "no preimage inside", text: hexOf(minted) },
  { name: "a preimage that is not hex inside", text: hexOf(withPreimage(preimage, "x")) },
  { name: "not a macaroon", text: "00ff" },
])("malformed macaroon header: $name", ({ text }) => {
  expect(parse([], [text]).kind).toBe("malformed");
  expect(parse([], [], [text]).kind).toBe("malformed");
});

describe("of every header", () => {
  const piece = fc.oneof(
    fc.constantFrom("L402", "LSAT", "l402", "Bearer", " ", "\t", "  ", ",", ", ", ":", "=", "\u00a0", "é", '"'),
    fc.constantFrom(standard, urlSafe, unpadded(standard), other, preimage, preimage.toUpperCase(), preimage.slice(1)),
    fc.constantFrom(vectors.header.hex, hexOf(minted), "AgEE", "preimage=", "00"),
    fc.string({ maxLength: 12 }),
  );
  const line = fc.oneof(
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
    fc
      .tuple(fc.constantFrom("L402 ", "lsat  "), piece, fc.constantFrom(":", ""), piece, fc.constantFrom("", " ", "x"))
      .map((pieces) => pieces.join("")),
    fc.string({ unit: "binary", maxLength: 60 }),
  );
  const lines = fc.array(line, { maxLength: 5 });
  const pair = /^(?:l402|lsat)[ \t]+([A-Za-z0-9+/_-]+={0,2}):([0-9a-f]{64})$/i;

  test("a credential is only found where one is written, and nothing is ever thrown", () => {
    const kinds = { none: 0, malformed: 0, credential: 0 };
    fc.assert(
      fc.property(lines, lines, lines, (authorization, grpcMetadataMacaroon, macaroon) => {
        const found = parseCredential({ authorization, grpcMetadataMacaroon, macaroon });
        kinds[found.kind]++;
        if (found.kind !== "credential") return;
        const written = encodeMacaroon(found.macaroon);
        const isWritten = [...authorization.flatMap((text) => text.split(","))].some((text) => {
          const [, token = "", proof] = pair.exec(text.trim()) ?? [];
          return (
            proof?.toLowerCase() === toHex(found.preimage) && toHex(fromBase64(token) ?? written) === toHex(written)
          );
        });
        const asHex = [...grpcMetadataMacaroon, ...macaroon].some(
          (text) => text.trim().toLowerCase() === toHex(written),
        );
        expect(isWritten || asHex).toBe(true);
        expect(found.preimage).toHaveLength(32);
      }),
      // Chance finds a whole credential rarely: one is given, so that each kind is met in every run.
      { numRuns: 3_000, examples: [[[`L402 ${standard}:${preimage}`], [], []]] },
    );
    for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(0);
  });

  test("a credential with one character changed is another credential or none", () => {
    const text = `L402 ${standard}:${preimage}`;
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const found = parse([changed]);
        if (found.kind !== "credential") return;
        const same =
          toHex(encodeMacaroon(found.macaroon)) === toHex(encodeMacaroon(minted)) && toHex(found.preimage) === preimage;
        // Equal only where the two spellings mean the same: letter case of scheme and hex, or the other base64 alphabet.
        if (same) expect(normal(changed)).toBe(normal(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

function normal(text: string): string {
  const [scheme = "", body = ""] = text.split(/[ \t]+/);
  const [token = "", proof = ""] = body.split(":");
  const base64 = token.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  // The last letter before padding carries bits that no byte holds.
  return [scheme.toLowerCase(), base64.slice(0, -1), proof.toLowerCase()].join(" ");
}
