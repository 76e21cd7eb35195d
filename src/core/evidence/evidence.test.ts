/** The canonical form keeps every entry apart, and the chain shows every change. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../bytes.ts";
import { msat, unixSeconds } from "../units.ts";
import { decodeEvidence, encodeEvidence } from "./canonical.ts";
import { CHAIN_START, type Link, linkHash, verifyChain } from "./chain.ts";
import { type Evidence, type Observation, POLICY_FAULTS } from "./observation.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `02${toHex(bytes)}`);
const amount = fc.bigInt({ min: 0n, max: 2_100_000_000_000_000_000n }).map(msat);
const channelId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const seconds = fc.nat(4_000_000_000).map(unixSeconds);
const small = fc.nat(0xffff_ffff);
const code = fc.constantFrom("UNKNOWN_NEXT_PEER", "CODE_77", "TEMPORARY_CHANNEL_FAILURE");
const direction = { channelId, from: key, to: key };
const policy = fc.record({
  feeBaseMsat: small,
  feePpm: small,
  cltvDelta: fc.nat(0xffff),
  minHtlc: amount,
  maxHtlc: amount,
  disabled: fc.boolean(),
  updatedAt: seconds,
});
const kind = <Kind extends Observation["kind"]>(name: Kind) => ({ kind: fc.constant(name) });

const observation: fc.Arbitrary<Observation> = fc.oneof(
  fc.record({ ...kind("holds-at-least"), ...direction, amount }),
  fc.record({ ...kind("holds-below"), ...direction, amount }),
  fc.record({ ...kind("pair-holds-at-least"), from: key, to: key, amount }),
  fc.record({ ...kind("online"), node: key }),
  fc.record({ ...kind("offline"), node: key, seenBy: key }),
  fc.record({ ...kind("channel-gone"), ...direction }),
  fc.record({ ...kind("policy-stale"), ...direction, fault: fc.constantFrom(...POLICY_FAULTS) }),
  fc.record({ ...kind("policy-stale"), ...direction, fault: fc.constantFrom(...POLICY_FAULTS), policy }),
  fc.record({ ...kind("reached"), node: key, amount, code }),
  fc.record({ ...kind("node-fault"), node: key, code }),
  fc.record({ ...kind("unattributed"), code }),
  fc.record({ ...kind("unattributed"), code, node: key }),
  fc.record({ ...kind("own-failure"), code }),
);
const evidence: fc.Arbitrary<Evidence> = fc.record({
  observedAt: seconds,
  source: fc.constant("probe" as const),
  attempt: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
  vantage: key,
  observation,
});

const example: Evidence = {
  observedAt: unixSeconds(1_790_000_000),
  source: "probe",
  attempt: "ab".repeat(32),
  vantage: `02${"aa".repeat(32)}`,
  observation: {
    kind: "holds-below",
    channelId: 871_000_000_000_000_001n,
    from: `02${"bb".repeat(32)}`,
    to: `03${"cc".repeat(32)}`,
    amount: msat(100_000_000n),
  },
};
const EXAMPLE_TEXT = `[1,1790000000,"probe","${"ab".repeat(32)}","02${"aa".repeat(32)}","holds-below","02${"bb".repeat(32)}","03${"cc".repeat(32)}","871000000000000001","100000000",null,null]`;

describe("the canonical form", () => {
  test("of an example is this text, and its first hash this", () => {
    expect(encodeEvidence(example)).toBe(EXAMPLE_TEXT);
    expect(toHex(linkHash(CHAIN_START.hash, EXAMPLE_TEXT))).toBe(
      "0eeb43ee49c0beef67072ee8ca46624fe4ef2b330705674411e88c03499974db",
    );
  });

  test("comes back as it was", () => {
    fc.assert(
      fc.property(evidence, (entry) => {
        expect(decodeEvidence(encodeEvidence(entry))).toEqual(entry);
      }),
    );
  });

  test("of different entries differs", () => {
    fc.assert(
      fc.property(evidence, evidence, (a, b) => {
        fc.pre(JSON.stringify(a, text) !== JSON.stringify(b, text));
        expect(encodeEvidence(a)).not.toBe(encodeEvidence(b));
      }),
    );
    function text(_key: string, value: unknown) {
      return typeof value === "bigint" ? `${value}n` : value;
    }
  });

  test.each([
    { name: "text that is no JSON", text: "[1," },
    { name: "another version", text: EXAMPLE_TEXT.replace("[1,", "[2,") },
    { name: "spaces", text: EXAMPLE_TEXT.replace(",", ", ") },
    { name: "an amount with a leading zero", text: EXAMPLE_TEXT.replace('"100000000"', '"0100000000"') },
    { name: "an unknown kind", text: EXAMPLE_TEXT.replace("holds-below", "holds-about") },
    { name: "a field too many", text: EXAMPLE_TEXT.replace("]", ",null]") },
    { name: "a field of another kind", text: EXAMPLE_TEXT.replace("null,null]", '"CODE_1",null]') },
    { name: "a key in upper case", text: EXAMPLE_TEXT.replace(`"02${"bb".repeat(32)}"`, `"02${"BB".repeat(32)}"`) },
  ])("$name is refused", ({ text }) => {
    expect(() => decodeEvidence(text)).toThrow(expect.objectContaining({ code: "EVIDENCE_MALFORMED" }));
  });
});

describe("the chain", () => {
  const chain = fc.array(evidence, { minLength: 2, maxLength: 12 }).map((entries) => {
    const links: Link[] = [];
    let head = CHAIN_START;
    for (const entry of entries) {
      const text = encodeEvidence(entry);
      head = { position: head.position + 1n, hash: linkHash(head.hash, text) };
      links.push({ ...head, text });
    }
    return links;
  });

  test("holds as it was made, in one piece or in pages", () => {
    fc.assert(
      fc.property(chain, fc.nat(11), (links, cut) => {
        const whole = verifyChain(links);
        expect(whole).toEqual({ ok: true, head: { position: BigInt(links.length), hash: links.at(-1)!.hash } });
        const first = verifyChain(links.slice(0, cut));
        expect(first.ok && verifyChain(links.slice(cut), first.head)).toEqual(whole);
      }),
    );
  });

  test("shows an entry that was changed, left out, doubled or moved, and where", () => {
    fc.assert(
      fc.property(chain, fc.nat(10), evidence, (links, pick, other) => {
        const at = pick % (links.length - 1);
        const text = encodeEvidence(other);
        fc.pre(text !== links[at]!.text);
        const broken = (changed: Link[]) => expect(verifyChain(changed)).toMatchObject({ ok: false });
        const position = BigInt(at + 1);
        const changed = links.with(at, { ...links[at]!, text });
        expect(verifyChain(changed)).toEqual({ ok: false, position, reason: "hash" });
        // Whoever also mends the hash of the changed entry breaks the next one.
        const before = at === 0 ? CHAIN_START.hash : links[at - 1]!.hash;
        const mended = links.with(at, { position, text, hash: linkHash(before, text) });
        expect(verifyChain(mended)).toEqual({ ok: false, position: position + 1n, reason: "hash" });
        expect(verifyChain(links.toSpliced(at, 1))).toEqual({ ok: false, position, reason: "gap" });
        broken(links.toSpliced(at, 0, links[at]!));
        const renumbered = links.toSpliced(at, 1).map((link, i) => ({ ...link, position: BigInt(i + 1) }));
        broken(renumbered);
      }),
    );
  });
});
