/** `/.well-known/l402`, an older manifest: a provider and its endpoints. */

import { parseUrl } from "../url.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { amount, category, claimOf, items, line, MOST_CHARACTERS, member, schemes } from "./values.ts";

/** The most of one document that are looked at. */
const MOST_ENDPOINTS = 500;

/** @returns undefined for a document of another form */
export function readWellKnownL402(document: unknown, context: FeedContext): Reading | undefined {
  const endpoints = member(document, "endpoints");
  const provider = member(document, "provider");
  if (!Array.isArray(endpoints) || provider === undefined) return undefined;

  const host = new URL(context.url).host;
  const funnel = openFunnel(context, { source: "manifest", reference: context.url, host });
  if (!speaksFor(member(provider, "url"), host)) {
    funnel.drop("foreign_host", endpoints.length);
    return funnel.end();
  }
  for (const endpoint of endpoints.slice(0, MOST_ENDPOINTS)) {
    funnel.offer({
      url: member(endpoint, "path") ?? member(endpoint, "url"),
      base: context.url,
      method: member(endpoint, "method"),
      claim: claimOf({
        name: line(member(provider, "name"), MOST_CHARACTERS.name),
        description: line(member(endpoint, "description"), MOST_CHARACTERS.description),
        category: category(member(endpoint, "category")),
        provider: line(member(provider, "name"), MOST_CHARACTERS.provider),
        price: amount(member(endpoint, "price_sats"), 1_000n),
        schemes: schemes([member(document, "protocol"), ...items(member(endpoint, "protocols"))]),
      }),
    });
  }
  funnel.drop("over_cap", Math.max(0, endpoints.length - MOST_ENDPOINTS));
  return funnel.end();
}

/** A copy of another provider's document says nothing of the host that it was copied to. */
function speaksFor(url: unknown, host: string): boolean {
  return url === undefined || (typeof url === "string" && parseUrl(url)?.host === host);
}
