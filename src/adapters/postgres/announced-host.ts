/** Table `announced_host`: when a host with an announced API (kind 31402) is asked whom it names. */
import { type EndpointUrl, type Method, readEndpointUrl } from "../../core/endpoint/endpoint.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type Database, translated } from "./connect.ts";

/** Of each host any of its announced endpoints, another one each time, as long as one of them is not its operator's. */
const TAKE = `
  WITH announced AS (
    SELECT substring(e.url FROM '^https?://[^/?#]+') AS origin, e.url, e.method, split_part(l.reference, ':', 2) AS pubkey,
      e.operator IS DISTINCT FROM split_part(l.reference, ':', 2) AS open
    FROM endpoint_listing l JOIN endpoint e USING (endpoint_id)
    WHERE l.source = 'announcement' AND l.gone_at IS NULL AND e.removed_at IS NULL
  ), due AS (
    SELECT DISTINCT ON (a.origin) a.origin, a.url, a.method FROM announced a LEFT JOIN announced_host h USING (origin)
    WHERE a.open AND coalesce(h.next_at, 0) <= $2::bigint AND octet_length(a.origin) BETWEEN 8 AND 300 ORDER BY a.origin, random() LIMIT $1
  ), taken AS (
    INSERT INTO announced_host (origin, next_at) SELECT origin, $2::bigint + $3::bigint FROM due
    ON CONFLICT (origin) DO UPDATE SET next_at = excluded.next_at RETURNING origin
  )
  SELECT d.url, d.method, ARRAY(SELECT DISTINCT a.pubkey FROM announced a WHERE a.origin = d.origin) AS announcers
  FROM due d JOIN taken USING (origin) ORDER BY d.origin`;

export function announcedHostTable(database: Database) {
  return {
    async takeAnnouncedHosts(limit: number, againSec: number, now: UnixSeconds) {
      const { rows } = await translated(database.query(TAKE, [limit, now, againSec]));
      return rows.flatMap(({ url, method, announcers }) => {
        const endpoint: EndpointUrl | string = readEndpointUrl(url);
        if (typeof endpoint === "string") return [];
        return [{ endpoint, method: method as Method, announcers: announcers as string[] }];
      });
    },
  };
}
