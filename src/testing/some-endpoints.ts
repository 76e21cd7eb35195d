/** Rows of the catalogue for tests and benches, as if they had been imported. */
import type { Queryable } from "../adapters/postgres/connect.ts";
import { readEndpointUrl } from "../core/endpoint/endpoint.ts";

export type SomeEndpoint = {
  url: string;
  method?: string;
  category?: string | null;
  name?: string;
  description?: string;
  tags?: string[];
  priceMsat?: bigint | null;
  payee?: string | null;
  operator?: string | null;
  changedAt?: number;
};

/** Inserts them, and says how each is called: in the log by `urlHash`, in tables by `id`. */
export async function insertEndpoints(
  database: Queryable,
  endpoints: readonly SomeEndpoint[],
): Promise<{ id: bigint; urlHash: string }[]> {
  const rows = endpoints.map((each) => {
    const read = readEndpointUrl(each.url);
    if (typeof read === "string") throw new Error(`${each.url}: ${read}`);
    const { changedAt = 1_000 } = each;
    return {
      url: read.url,
      url_hash: read.id,
      host: read.host,
      method: each.method ?? "GET",
      category: each.category === undefined ? "data" : each.category,
      name: each.name ?? null,
      description: each.description ?? null,
      tags: each.tags ?? [],
      price_msat: each.priceMsat === undefined ? "10000" : each.priceMsat === null ? null : String(each.priceMsat),
      payee: each.payee ?? null,
      operator: each.operator ?? null,
      listed_at: changedAt,
      changed_at: changedAt,
    };
  });
  const text = `INSERT INTO endpoint (url, url_hash, host, method, category, name, description, tags, price_msat, payee, operator, listed_at, changed_at)
    SELECT url, url_hash, host, method, category, name, description, tags, price_msat, payee, operator, listed_at, changed_at
    FROM jsonb_to_recordset($1::jsonb) AS r(url text, url_hash text, host text, method text, category text, name text, description text,
      tags text[], price_msat bigint, payee text, operator text, listed_at bigint, changed_at bigint)
    RETURNING endpoint_id, url_hash`;
  const inserted = await database.query(text, [JSON.stringify(rows)]);
  return inserted.rows.map((row) => ({ id: row.endpoint_id, urlHash: row.url_hash }));
}
