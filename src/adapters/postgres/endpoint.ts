/**
 * Tables `endpoint` and `endpoint_change`: what is held for true, merged anew from the listings wherever these changed. Whoever
 * writes to the catalogue holds {@link lockCatalogue} and so takes turns with the others: what was merged was read under it.
 */
import { type ClaimJson, claimFromJson, claimToJson } from "../../core/endpoint/claim-json.ts";
import type { Claim, Source } from "../../core/endpoint/listing.ts";
import { changesOf, type FieldChange, type Merged, mergeClaims, type SourcedClaim } from "../../core/endpoint/merge.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Queryable } from "./connect.ts";

/** How many endpoints became other than they were: told of other than before, taken out, put in again. */
export type Settled = { changed: number; removed: number; returned: number };

const LOCK = 7_402_415;
/** Endpoints that are merged at a time. */
const BATCH = 1_000;

/** Until the end of the transaction nobody else writes to the catalogue. */
export async function lockCatalogue(client: Queryable): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
}

/** Whom the host names; its file goes before what a single URL of it says. */
const CLAIMANT = `(SELECT c.operator FROM operator_claim c
    WHERE c.subject IN (substring(e.url FROM '^https?://[^/?#]+'), e.url) AND c.ended_at IS NULL
    ORDER BY c.proof = 'file' DESC LIMIT 1)`;

const READ_HELD = `
  SELECT e.endpoint_id, e.operator, ${CLAIMANT} AS claimant, e.name, e.description, e.category, e.tags, e.provider, e.contact, e.price_msat, e.payee, e.schemes,
    e.input, e.promised, e.origin, e.withdrawn_at, e.removed_at, e.listed_at,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('source', l.source, 'reference', l.reference, 'claim', l.claim)), '[]')
      FROM endpoint_listing l WHERE l.endpoint_id = e.endpoint_id AND l.gone_at IS NULL) AS listings,
    (SELECT l.source FROM endpoint_listing l WHERE l.endpoint_id = e.endpoint_id ORDER BY l.seen_at DESC, l.source LIMIT 1) AS newest_source
  FROM endpoint e WHERE e.endpoint_id = ANY ($1::bigint[]) ORDER BY e.endpoint_id`;

const WRITE_HELD = `
  UPDATE endpoint SET name = row.name, description = row.description, category = row.category,
    tags = coalesce(ARRAY(SELECT jsonb_array_elements_text(row.tags)), '{}'), provider = row.provider, contact = row.contact,
    price_msat = row.price, payee = row.payee, schemes = coalesce(ARRAY(SELECT jsonb_array_elements_text(row.schemes)), '{}'),
    input = row.input, promised = row.promised, origin = row.origin, removed_at = row.removed, operator = row.operator,
    changed_at = $15::bigint
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[], $8::bigint[], $9::text[],
    $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::bigint[], $16::text[])
    AS row(id, name, description, category, tags, provider, contact, price, payee, schemes, input, promised, origin, removed, operator)
  WHERE endpoint.endpoint_id = row.id`;

const WRITE_CHANGES = `
  INSERT INTO endpoint_change (endpoint_id, changed_at, field, before, after, source)
  SELECT id, $6::bigint, field, before, after, source
  FROM unnest($1::bigint[], $2::text[], $3::jsonb[], $4::jsonb[], $5::text[]) AS row(id, field, before, after, source)`;

type HeldRow = Record<string, unknown> & {
  endpoint_id: bigint;
  listed_at: bigint;
  removed_at: bigint | null;
  withdrawn_at: bigint | null;
  price_msat: bigint | null;
  operator: string | null;
  claimant: string | null;
  origin: Merged["origin"];
  listings: readonly (Omit<SourcedClaim, "claim"> & { claim: ClaimJson })[];
  newest_source: Source;
};
type Change = { endpointId: bigint; field: string; before: unknown; after: unknown; source: Source };

/** Merges these endpoints anew. An endpoint that nobody lists keeps what was last held of it, and is removed. */
export async function settleEndpoints(client: Queryable, ids: readonly bigint[], now: UnixSeconds): Promise<Settled> {
  const settled: Settled = { changed: 0, removed: 0, returned: 0 };
  const sorted = [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1));
  for (let from = 0; from < sorted.length; from += BATCH) {
    const values = [sorted.slice(from, from + BATCH)];
    const { rows } = await client.query({ name: "endpoint-held", text: READ_HELD, values });
    await settleRows(client, rows, now, settled);
  }
  return settled;
}

async function settleRows(client: Queryable, rows: readonly HeldRow[], now: UnixSeconds, settled: Settled) {
  const judged = rows.map((row) => judge(row, now));
  for (const { fields, isOut, wasOut } of judged) {
    if (fields.length > 0) settled.changed++;
    if (isOut !== wasOut) settled[isOut ? "removed" : "returned"]++;
  }
  const written = judged.filter(
    ({ row, isNew, fields, isOut, wasOut, before, after }) =>
      isNew || fields.length > 0 || isOut !== wasOut || row.operator !== row.claimant || !sameOrigin(before, after),
  );
  await writeHeld(client, written, now);
  await writeChanges(client, judged.flatMap(changesOfRow), now);
}

type Judged = { row: HeldRow; before: Merged; after: Merged; isNew: boolean; fields: FieldChange[] } & Standing;
type Standing = { isOut: boolean; wasOut: boolean };

function judge(row: HeldRow, now: UnixSeconds): Judged {
  const before = heldOf(row);
  const listings = row.listings.map(({ claim, ...from }) => ({ ...from, claim: claimFromJson(claim) }));
  const after = listings.length === 0 ? before : mergeClaims(listings);
  // What a new endpoint is told to be is its beginning and no change.
  const isNew = Object.keys(before.origin).length === 0 && row.listed_at === BigInt(now);
  const fields = isNew ? [] : changesOf(before, after);
  const isOut = listings.length === 0 || row.withdrawn_at !== null;
  return { row, before, after, isNew, fields, isOut, wasOut: row.removed_at !== null };
}

function changesOfRow({ row, fields, isOut, wasOut }: Judged): Change[] {
  const endpointId = row.endpoint_id;
  const changes: Change[] = fields.map((change) => ({ ...change, endpointId }));
  if (row.operator !== row.claimant)
    changes.push({
      endpointId,
      field: "operator",
      before: row.operator ?? undefined,
      after: row.claimant ?? undefined,
      source: "owner",
    });
  if (isOut !== wasOut)
    changes.push({ endpointId, field: "listed", before: !wasOut, after: !isOut, source: row.newest_source });
  return changes;
}

/** What the row says now, of the fields that some source had a word on. */
function heldOf(row: HeldRow): Merged {
  const values: Record<string, unknown> = { ...row, price: row.price_msat };
  const pairs = Object.keys(row.origin).map((field) => [field, values[field] ?? undefined]);
  return { claim: Object.fromEntries(pairs) as Claim, origin: row.origin };
}

function sameOrigin(a: Merged, b: Merged): boolean {
  const [ofA, ofB] = [Object.entries(a.origin), Object.entries(b.origin)];
  return ofA.length === ofB.length && ofA.every(([field, source]) => b.origin[field as keyof Claim] === source);
}

async function writeHeld(client: Queryable, written: readonly Judged[], now: UnixSeconds): Promise<void> {
  if (written.length === 0) return;
  const claims = written.map(({ after }) => after.claim);
  const texts = (pick: (claim: Claim) => unknown) => claims.map((claim) => pick(claim) ?? null);
  const documents = (pick: (claim: Claim) => unknown) => claims.map((claim) => jsonOrNull(pick(claim)));
  await client.query(WRITE_HELD, [
    written.map(({ row }) => row.endpoint_id),
    texts(({ name }) => name),
    texts(({ description }) => description),
    texts(({ category }) => category),
    documents(({ tags }) => tags ?? []),
    texts(({ provider }) => provider),
    texts(({ contact }) => contact),
    texts(({ price }) => price),
    texts(({ payee }) => payee),
    documents(({ schemes }) => schemes ?? []),
    documents(({ input }) => input),
    documents(({ promised }) => promised),
    written.map(({ after }) => JSON.stringify(after.origin)),
    written.map(({ row, isOut }) => (isOut ? (row.removed_at ?? now) : null)),
    now,
    written.map(({ row }) => row.claimant),
  ]);
}

async function writeChanges(client: Queryable, changes: readonly Change[], now: UnixSeconds): Promise<void> {
  if (changes.length === 0) return;
  await client.query(WRITE_CHANGES, [
    changes.map(({ endpointId }) => endpointId),
    changes.map(({ field }) => field),
    changes.map(({ before }) => jsonOrNull(before)),
    changes.map(({ after }) => jsonOrNull(after)),
    changes.map(({ source }) => source),
    now,
  ]);
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(typeof value === "bigint" ? String(value) : value);
}

/** A claim as it is stored. */
export function claimText(claim: Claim): string {
  return JSON.stringify(claimToJson(claim));
}
