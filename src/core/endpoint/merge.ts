/**
 * What is held for true of an endpoint: of each field the word of the most trustworthy source that has one. The order in which
 * sources were read decides nothing, and a source that falls silent leaves the field to the next.
 */
import { type Claim, SOURCES, type Source } from "./listing.ts";

/** One source's word. Of two with the same source, the `reference` that sorts first goes first: any fixed rule will do. */
export type SourcedClaim = { readonly source: Source; readonly reference: string; readonly claim: Claim };

const CLAIM_FIELDS = [
  "name",
  "description",
  "category",
  "tags",
  "provider",
  "contact",
  "price",
  "payee",
  "schemes",
  "input",
  "promised",
] as const satisfies readonly (keyof Claim)[];
export type ClaimField = (typeof CLAIM_FIELDS)[number];

/** `origin` says which source each field was taken from. */
export type Merged = { readonly claim: Claim; readonly origin: Readonly<Partial<Record<ClaimField, Source>>> };

/** A field that is held for something else than before; undefined where nothing is known. */
export type FieldChange = {
  readonly field: ClaimField;
  readonly before: Claim[ClaimField];
  readonly after: Claim[ClaimField];
  /** Whose word it is now; who had it before, where nobody has any more. */
  readonly source: Source;
};

export const NOTHING_HELD: Merged = { claim: {}, origin: {} };

export function mergeClaims(claims: readonly SourcedClaim[]): Merged {
  const ranked = [...claims].sort(
    (a, b) => SOURCES.indexOf(a.source) - SOURCES.indexOf(b.source) || compare(a.reference, b.reference),
  );
  const held: Record<string, unknown> = {};
  const origin: Partial<Record<ClaimField, Source>> = {};
  for (const field of CLAIM_FIELDS) {
    const first = ranked.find(({ claim }) => claim[field] !== undefined);
    if (!first) continue;
    held[field] = first.claim[field];
    origin[field] = first.source;
  }
  return { claim: held as Claim, origin };
}

/** What changed of the claim, in the order of the fields. A field with another source and the same value has not changed. */
export function changesOf(before: Merged, after: Merged): FieldChange[] {
  return CLAIM_FIELDS.flatMap((field) => {
    const [was, is] = [before.claim[field], after.claim[field]];
    const source = after.origin[field] ?? before.origin[field];
    return isSame(was, is) || !source ? [] : [{ field, before: was, after: is, source }];
  });
}

/** Values of claims are texts, amounts, lists, and objects of both. The order of an object's members says nothing. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [ofA, ofB] = [Object.entries(a), Object.entries(b)];
  return ofA.length === ofB.length && ofA.every(([name, value]) => isSame(value, (b as Record<string, unknown>)[name]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
