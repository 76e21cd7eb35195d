/** Endpoints as one list would name them, for tests of what is made of a catalogue. */
import type pg from "pg";
import { inTransaction } from "../adapters/postgres/connect.ts";
import { lockCatalogue } from "../adapters/postgres/endpoint.ts";
import { saveListings } from "../adapters/postgres/listing.ts";
import { type Method, readEndpointUrl } from "../core/endpoint/endpoint.ts";
import type { Claim, Listing } from "../core/endpoint/listing.ts";
import { unixSeconds } from "../core/units.ts";

export function someListing(url: string, claim: Claim = {}, method: Method = "GET"): Listing {
  const endpoint = readEndpointUrl(url);
  if (typeof endpoint === "string") throw new Error(`${url}: ${endpoint}`);
  return { endpoint, method, source: "402index", reference: "https://index.example/", claim };
}

/** Lists them all, as a reading of `https://index.example/` at an instant does. */
export async function listEndpoints(
  database: pg.Pool,
  listings: readonly Listing[],
  at = 1_790_000_000,
): Promise<void> {
  const now = unixSeconds(at);
  const caps = { perCycle: 1_000_000, inAll: 1_000_000 };
  await inTransaction(database, async (client) => {
    await lockCatalogue(client);
    await saveListings(client, { feed: "https://index.example/", run: 1n, startedAt: now, listings, caps, now });
  });
}
