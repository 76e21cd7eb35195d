/** Table `operator_claim`: who runs a host by that host's word, and what an operator says of its own endpoints by that right. */
import { type ClaimJson, claimFromJson } from "../../core/endpoint/claim-json.ts";
import type { EndpointUrl, Method } from "../../core/endpoint/endpoint.ts";
import type { Claim } from "../../core/endpoint/listing.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Database, inTransaction, type Queryable, translated } from "./connect.ts";
import { lockCatalogue, settleEndpoints } from "./endpoint.ts";
import { endListings, saveListings } from "./listing.ts";

type Proof = "file" | "challenge";
type Proven = { operator: string; proof: Proof; subject: string };
type Named = { endpoint: EndpointUrl; method: Method };
type Terms = { provenAt: UnixSeconds; expiresAt: UnixSeconds; nextCheckAt: UnixSeconds };

const MAX_RUN = 2n ** 62n;

/** What an operator says by the right of one claim ends with it. */
const feedOf = (operator: string, subject: string) => `owner:${operator}:${subject}`.slice(0, 2_000);

const TAKE_DUE = `
  UPDATE operator_claim SET next_check_at = $1::bigint + $2::bigint
  WHERE operator_claim_id IN (SELECT operator_claim_id FROM operator_claim WHERE ended_at IS NULL AND next_check_at <= $1::bigint
    ORDER BY next_check_at LIMIT $3 FOR UPDATE SKIP LOCKED)
  RETURNING *`;

const SUBJECTS = `SELECT endpoint_id FROM endpoint WHERE host = $2 AND $1 IN (substring(url FROM '^https?://[^/?#]+'), url)`;

const BY_NAME = "SELECT endpoint_id FROM endpoint WHERE url_hash = $1 AND method = $2";
const NEXT_RUN = `SELECT coalesce(max(run), 0) + 1 AS run FROM endpoint_listing WHERE source = 'owner' AND reference = $1`;

export function claimTable(database: Database, mostPerHost: number) {
  return {
    async findClaims(origin: string, url: string, now: UnixSeconds) {
      const text = `SELECT subject, operator, proof, expires_at FROM operator_claim
        WHERE subject = ANY ($1) AND ended_at IS NULL AND expires_at > $2 ORDER BY proof = 'file' DESC`;
      const { rows } = await translated(database.query({ name: "claim-find", text, values: [[origin, url], now] }));
      return rows.map(({ subject, operator, proof, expires_at }) => ({
        subject: subject as string,
        operator: operator as string,
        proof: proof as Proof,
        expiresAt: unixSeconds(Number(expires_at)),
      }));
    },

    /** Writes down whom the host named. Anybody it named before has no claim any more. */
    async saveClaim({ operator, proof, subject }: Proven, named: Named, terms: Terms): Promise<void> {
      await inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const live = "SELECT operator_claim_id, operator FROM operator_claim WHERE subject = $1 AND ended_at IS NULL";
        const { rows } = await client.query(live, [subject]);
        const { provenAt, expiresAt, nextCheckAt } = terms;
        if (rows[0] && rows[0].operator !== operator)
          await end(client, rows[0].operator_claim_id, "replaced", provenAt);
        const text = `INSERT INTO operator_claim (subject, url, method, operator, proof, claimed_at, proven_at, expires_at, next_check_at)
          VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)
          ON CONFLICT (subject) WHERE ended_at IS NULL DO UPDATE SET proven_at = excluded.proven_at, expires_at = excluded.expires_at,
            next_check_at = excluded.next_check_at, misses = 0`;
        const { url, host } = named.endpoint;
        await client.query(text, [subject, url, named.method, operator, proof, provenAt, expiresAt, nextCheckAt]);
        await settleSubject(client, subject, host, provenAt);
      });
    },

    async ownerClaim({ endpoint, method }: Named, operator: string): Promise<Claim | undefined> {
      const text = `SELECT claim FROM endpoint_listing JOIN endpoint USING (endpoint_id)
        WHERE url_hash = $1 AND method = $2 AND source = 'owner' AND reference = $3 AND gone_at IS NULL`;
      const { rows } = await translated(database.query(text, [endpoint.id, method, operator]));
      return rows[0] && claimFromJson(rows[0].claim as ClaimJson);
    },

    /** "unclaimed" when the host has stopped naming the operator meanwhile: nothing is said then. */
    async saveOwnerClaim({ endpoint, method }: Named, operator: string, claim: Claim, now: UnixSeconds) {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        const subject = await subjectOf(client, endpoint.url, operator);
        if (subject === undefined) return "unclaimed" as const;
        const back =
          "UPDATE endpoint SET withdrawn_at = NULL WHERE url_hash = $1 AND method = $2 AND withdrawn_at IS NOT NULL";
        await client.query(back, [endpoint.id, method]);
        const { rows } = await client.query(NEXT_RUN, [operator]);
        const listing = { endpoint, method, source: "owner" as const, reference: operator, claim };
        const caps = { perCycle: mostPerHost, inAll: mostPerHost };
        const feed = feedOf(operator, subject);
        const saved = await saveListings(client, {
          feed,
          run: rows[0].run,
          startedAt: now,
          listings: [listing],
          caps,
          now,
        });
        if (saved.capped > 0) return "capped" as const;
        const found = await client.query(BY_NAME, [endpoint.id, method]);
        await settleEndpoints(client, [found.rows[0].endpoint_id], now);
        return saved.added > 0 ? ("added" as const) : ("known" as const);
      });
    },

    /** Takes an endpoint out. False when it is not in the catalogue, or the host has stopped naming the operator. */
    async withdraw({ endpoint, method }: Named, operator: string, now: UnixSeconds): Promise<boolean> {
      return inTransaction(database, async (client) => {
        await lockCatalogue(client);
        if ((await subjectOf(client, endpoint.url, operator)) === undefined) return false;
        const out = `UPDATE endpoint SET withdrawn_at = $3
          WHERE url_hash = $1 AND method = $2 AND withdrawn_at IS NULL AND removed_at IS NULL RETURNING endpoint_id`;
        const { rows } = await client.query(out, [endpoint.id, method, now]);
        await settleEndpoints(
          client,
          rows.map(({ endpoint_id }) => endpoint_id),
          now,
        );
        return rows.length > 0;
      });
    },

    async takeDueClaims(limit: number, leaseSec: number, now: UnixSeconds) {
      const { rows } = await translated(database.query(TAKE_DUE, [now, leaseSec, limit]));
      return rows.map((row) => ({
        id: row.operator_claim_id as bigint,
        subject: row.subject as string,
        url: row.url as string,
        method: row.method as Method,
        operator: row.operator as string,
        expiresAt: unixSeconds(Number(row.expires_at)),
        misses: row.misses as number,
      }));
    },

    async renewClaim(id: bigint, { provenAt, expiresAt, nextCheckAt }: Terms): Promise<void> {
      const text = `UPDATE operator_claim SET proven_at = $2, expires_at = $3, next_check_at = $4, misses = 0
        WHERE operator_claim_id = $1 AND ended_at IS NULL`;
      await translated(database.query(text, [id, provenAt, expiresAt, nextCheckAt]));
    },

    async doubtClaim(id: bigint, misses: number, nextCheckAt: UnixSeconds): Promise<void> {
      const text =
        "UPDATE operator_claim SET misses = $2, next_check_at = $3 WHERE operator_claim_id = $1 AND ended_at IS NULL";
      await translated(database.query(text, [id, misses, nextCheckAt]));
    },

    async endClaim(id: bigint, why: "removed" | "expired", now: UnixSeconds): Promise<void> {
      await inTransaction(database, async (client) => {
        await lockCatalogue(client);
        await end(client, id, why, now);
      });
    },
  };
}

/** Ends a claim: what its operator said is gone, what it took out is back where others list it. */
async function end(client: Queryable, id: bigint, why: string, now: UnixSeconds): Promise<void> {
  const text = `UPDATE operator_claim SET ended_at = $2, ended_why = $3 WHERE operator_claim_id = $1 AND ended_at IS NULL
    RETURNING subject, operator, url`;
  const { rows } = await client.query(text, [id, now, why]);
  if (!rows[0]) return;
  const { subject, operator, url } = rows[0];
  const host = new URL(url).hostname;
  await client.query(`UPDATE endpoint SET withdrawn_at = NULL WHERE endpoint_id IN (${SUBJECTS}) AND operator = $3`, [
    subject,
    host,
    operator,
  ]);
  await endListings(client, feedOf(operator, subject), MAX_RUN, now);
  await settleSubject(client, subject, host, now);
}

async function settleSubject(client: Queryable, subject: string, host: string, now: UnixSeconds): Promise<void> {
  const { rows } = await client.query(SUBJECTS, [subject, host]);
  await settleEndpoints(
    client,
    rows.map(({ endpoint_id }) => endpoint_id),
    now,
  );
}

/** The claim by whose right an operator speaks of a URL: that on its whole host first. */
async function subjectOf(client: Queryable, url: string, operator: string): Promise<string | undefined> {
  const text = `SELECT subject FROM operator_claim WHERE subject = ANY ($1) AND operator = $2 AND ended_at IS NULL
    ORDER BY proof = 'file' DESC LIMIT 1`;
  const { rows } = await client.query(text, [[new URL(url).origin, url], operator]);
  return rows[0]?.subject;
}
