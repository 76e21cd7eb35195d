import fc from "fast-check";
import { expect, test } from "vitest";
import { msat } from "../units.ts";
import { type Claim, SOURCES } from "./listing.ts";
import { changesOf, mergeClaims, NOTHING_HELD, type SourcedClaim } from "./merge.ts";

const claim = fc.record(
  {
    name: fc.string({ minLength: 1, maxLength: 5 }),
    price: fc.integer({ min: 0, max: 5 }).map((value) => msat(BigInt(value))),
    tags: fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 2 }),
    schemes: fc.subarray(["l402" as const, "x402" as const], { minLength: 1 }),
    promised: fc.record({ contentType: fc.constantFrom("application/json", "text/plain") }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Claim>;
const claims: fc.Arbitrary<SourcedClaim[]> = fc.uniqueArray(
  fc.record({ source: fc.constantFrom(...SOURCES), reference: fc.constantFrom("a", "b", "c"), claim }),
  { selector: ({ source, reference }) => `${source} ${reference}`, maxLength: 12 },
);
const shuffled = claims.chain((list) =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
);

test("the order in which sources were read decides nothing", () => {
  fc.assert(
    fc.property(shuffled, ([one, other]) => {
      expect(mergeClaims(other)).toEqual(mergeClaims(one));
    }),
  );
});

test("a field is the word of the most trustworthy source that has one, and says whose it is", () => {
  fc.assert(
    fc.property(claims, (list) => {
      const { claim: held, origin } = mergeClaims(list);
      for (const field of ["name", "price", "tags", "schemes", "promised"] as const) {
        const speakers = list.filter((each) => each.claim[field] !== undefined).map(({ source }) => source);
        expect(origin[field]).toBe(SOURCES.find((source) => speakers.includes(source)));
        if (speakers.length === 0) expect(held[field]).toBeUndefined();
        else expect(list.some((each) => each.source === origin[field] && each.claim[field] === held[field])).toBe(true);
      }
    }),
  );
});

test("a source that falls silent leaves each field to the next, and one that comes back has it again", () => {
  fc.assert(
    fc.property(claims, (list) => {
      const [gone, ...rest] = list;
      if (!gone) return;
      const without = mergeClaims(rest);
      for (const source of Object.values(without.origin))
        expect(rest.some((each) => each.source === source)).toBe(true);
      expect(mergeClaims([...rest, gone])).toEqual(mergeClaims(list));
    }),
  );
});

test("changes lead from one state to the other, and there are none between equal ones", () => {
  fc.assert(
    fc.property(claims, claims, (earlier, later) => {
      const [before, after] = [mergeClaims(earlier), mergeClaims(later)];
      const moved: Record<string, unknown> = { ...before.claim };
      for (const change of changesOf(before, after)) {
        expect(moved[change.field]).toEqual(change.before);
        if (change.after === undefined) delete moved[change.field];
        else moved[change.field] = change.after;
      }
      expect(moved).toEqual(after.claim);
      expect(changesOf(after, structuredClone(after))).toEqual([]);
    }),
  );
});

test("an unknown price stays unknown, and a claim of 0 is a price", () => {
  const list = (price?: bigint): SourcedClaim[] => [
    { source: "owner", reference: "a", claim: { name: "Weather" } },
    { source: "402index", reference: "b", claim: price === undefined ? {} : { price: msat(price) } },
  ];
  expect("price" in mergeClaims(list()).claim).toBe(false);
  expect(mergeClaims(list(0n)).claim.price).toBe(0n);
  expect(mergeClaims([])).toEqual(NOTHING_HELD);
});

test("a price that changes says what it was, what it is, and by whose word", () => {
  const at = (price: bigint) => mergeClaims([{ source: "manifest", reference: "m", claim: { price: msat(price) } }]);
  expect(changesOf(at(10n), at(12n))).toEqual([{ field: "price", before: 10n, after: 12n, source: "manifest" }]);
  expect(changesOf(at(10n), NOTHING_HELD)).toEqual([
    { field: "price", before: 10n, after: undefined, source: "manifest" },
  ]);
});
