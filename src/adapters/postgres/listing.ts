/** Table `endpoint_listing`, and the rows of `endpoint` that listings are of: what each source says, as it said it last. */
import type { Listing, Source } from "../../core/endpoint/listing.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Queryable } from "./connect.ts";
import { claimText, settleEndpoints } from "./endpoint.ts";

/** How many endpoints of one host may be added: since an instant, and in all. */
export type HostCaps = { perCycle: number; inAll: number };

/** A reading that listings come from, and what it may add. `version` orders what one source says of itself over time. */
export type ListingBatch = {
  feed: string;
  run: bigint;
  startedAt: UnixSeconds;
  listings: readonly (Listing & { version?: number })[];
  caps: HostCaps;
  now: UnixSeconds;
};

/**
 * What a batch did. `added`: endpoints that were not known. Listings of known ones `joined` another source's, `changed`, came `back` after
 * they were gone, or say the `same` as before; one of the same run that is `repeated` is left alone, and a `stale` version as well,
 * which shows that the newer one is not gone. `capped`:
 * the host has enough. `moved`: known endpoints that are held for something else than before.
 */
export type BatchResult = {
  added: number;
  joined: number;
  changed: number;
  back: number;
  same: number;
  capped: number;
  repeated: number;
  stale: number;
  moved: number;
};

/** These speak for their own host: what strangers list of it must not use up its places. */
const OWN_SOURCES: readonly Source[] = ["owner", "manifest", "openapi"];
/** For so long a removed endpoint keeps its place: or else a list that names others each day would fill the table. */
const PLACE_KEPT_SEC = 30 * 86_400;

const ADD = `
  WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS row(url, hash, method, host, nth)
  ), fresh AS (
    SELECT given.*, row_number() OVER (PARTITION BY given.host ORDER BY nth) AS place FROM given
    WHERE NOT EXISTS (SELECT 1 FROM endpoint WHERE url_hash = given.hash AND endpoint.method = given.method)
  ), held AS (
    SELECT hosts.host,
      (SELECT count(*) FROM endpoint e WHERE e.host = hosts.host AND (e.removed_at IS NULL OR e.removed_at > $6::bigint)
        AND (NOT $7::boolean OR EXISTS (SELECT 1 FROM endpoint_listing l WHERE l.endpoint_id = e.endpoint_id AND l.source = ANY ($8::text[])))) AS in_all,
      (SELECT count(*) FROM endpoint e WHERE e.host = hosts.host AND e.listed_at >= $9::bigint
        AND (NOT $7::boolean OR EXISTS (SELECT 1 FROM endpoint_listing l WHERE l.endpoint_id = e.endpoint_id AND l.source = ANY ($8::text[])))) AS since
    FROM (SELECT DISTINCT host FROM fresh) AS hosts
  )
  INSERT INTO endpoint (url, url_hash, method, host, listed_at, changed_at)
  SELECT url, hash, method, fresh.host, $5::bigint, $5::bigint FROM fresh JOIN held USING (host)
  WHERE place <= least($10::bigint - since, $11::bigint - in_all) ORDER BY nth
  RETURNING endpoint_id`;

/** The last part sees the table as it was before the statement. */
const SAVE = `
  WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[])
      AS row(hash, method, source, reference, claim, version)
  ), matched AS (
    SELECT e.endpoint_id, given.*, given.version > 0 AND EXISTS (SELECT 1 FROM endpoint_listing n
      WHERE n.reference = given.reference AND n.source = given.source AND n.version > given.version) AS stale
    FROM given JOIN endpoint e ON e.url_hash = given.hash AND e.method = given.method
  ), saved AS (
    INSERT INTO endpoint_listing AS l (endpoint_id, source, reference, feed, run, version, claim, first_seen_at, seen_at)
    SELECT endpoint_id, source, reference, $7::text, $8::bigint, version, claim, $9::bigint, $9::bigint FROM matched WHERE NOT stale
    ON CONFLICT (endpoint_id, source, reference) DO UPDATE SET claim = excluded.claim, feed = excluded.feed, run = excluded.run,
      version = excluded.version, seen_at = excluded.seen_at, gone_at = NULL
    WHERE NOT (l.feed = excluded.feed AND l.run = excluded.run)
  ), kept AS (
    UPDATE endpoint_listing l SET run = $8::bigint, seen_at = $9::bigint
    WHERE l.version > 0 AND l.gone_at IS NULL AND (l.source, l.reference) IN (SELECT source, reference FROM matched WHERE stale)
  )
  SELECT m.endpoint_id, f.endpoint_id IS NOT NULL AS known, f.gone_at IS NOT NULL AS was_gone,
    f.claim IS DISTINCT FROM m.claim AS differs, f.feed = $7::text AND f.run = $8::bigint AS repeated, m.stale
  FROM matched m LEFT JOIN endpoint_listing f USING (endpoint_id, source, reference)`;

const END = `
  UPDATE endpoint_listing SET gone_at = $3::bigint WHERE feed = $1 AND run < $2::bigint AND gone_at IS NULL RETURNING endpoint_id`;

/** Stores what a page lists and merges what that changes. In the caller's transaction, under the catalogue's lock. */
export async function saveListings(client: Queryable, batch: ListingBatch): Promise<BatchResult> {
  const { listings, feed, run, now } = batch;
  const added = await addEndpoints(client, batch);
  const column = <Value>(pick: (listing: ListingBatch["listings"][number]) => Value) => listings.map(pick);
  const { rows } = await client.query({
    name: "listing-save",
    text: SAVE,
    values: [
      column(({ endpoint }) => endpoint.id),
      column(({ method }) => method),
      column(({ source }) => source),
      column(({ reference }) => reference),
      column(({ claim }) => claimText(claim)),
      column(({ version }) => version ?? 0),
      feed,
      run,
      now,
    ],
  });
  const result = { added: added.size, joined: 0, changed: 0, back: 0, same: 0, repeated: 0, stale: 0, moved: 0 };
  const touched: bigint[] = [];
  for (const row of rows) {
    const kind = kindOf(row);
    if (!added.has(row.endpoint_id)) result[kind]++;
    if (added.has(row.endpoint_id) || kind === "joined" || kind === "changed" || kind === "back")
      touched.push(row.endpoint_id);
  }
  const { changed } = await settleEndpoints(client, touched, now);
  return { ...result, capped: listings.length - rows.length, moved: changed };
}

/** What a source did not name in a run is gone. @returns how many listings ended, and endpoints that nobody lists any more */
export async function endListings(client: Queryable, feed: string, beforeRun: bigint, now: UnixSeconds) {
  const { rows } = await client.query(END, [feed, beforeRun, now]);
  const ids = rows.map(({ endpoint_id }) => endpoint_id as bigint);
  const { removed } = await settleEndpoints(client, ids, now);
  return { ended: ids.length, removed };
}

type Kind = "joined" | "changed" | "back" | "same" | "repeated" | "stale";

function kindOf(row: { known: boolean; was_gone: boolean; differs: boolean; repeated: boolean; stale: boolean }): Kind {
  if (row.stale) return "stale";
  if (!row.known) return "joined";
  if (row.repeated) return "repeated";
  if (row.was_gone) return "back";
  return row.differs ? "changed" : "same";
}

async function addEndpoints(client: Queryable, { listings, caps, startedAt, now }: ListingBatch): Promise<Set<bigint>> {
  const added = new Set<bigint>();
  for (const isOwn of [true, false]) {
    const given = onePerName(listings.filter(({ source }) => OWN_SOURCES.includes(source) === isOwn));
    if (given.length === 0) continue;
    const values = [
      given.map(({ endpoint }) => endpoint.url),
      given.map(({ endpoint }) => endpoint.id),
      given.map(({ method }) => method),
      given.map(({ endpoint }) => endpoint.host),
      now,
      now - PLACE_KEPT_SEC,
      isOwn,
      OWN_SOURCES,
      startedAt,
      caps.perCycle,
      caps.inAll,
    ];
    const { rows } = await client.query({ name: "endpoint-add", text: ADD, values });
    for (const { endpoint_id } of rows) added.add(endpoint_id);
  }
  return added;
}

/** In the order of names, so that which of a host's endpoints get a place does not depend on the order of a list. */
function onePerName(listings: readonly Listing[]): Listing[] {
  const named = new Map(listings.map((listing) => [`${listing.endpoint.url} ${listing.method}`, listing]));
  return [...named].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, listing]) => listing);
}
