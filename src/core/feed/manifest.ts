/** `/.well-known/l402.json`, the L402 manifest 1.0 (lightninglabs/L402 PR 27): what a host says of itself. */
import type { Msat } from "../units.ts";
import { parseUrl } from "../url.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { amount, claimOf, items, line, lower, MOST_CHARACTERS, member, payee } from "./values.ts";

/** @returns undefined for a document of another form: several are published at this path */
export function readManifest(document: unknown, context: FeedContext): Reading | undefined {
  const services = member(document, "services");
  const provider = member(document, "provider");
  const name = line(member(provider, "name"), MOST_CHARACTERS.provider);
  if (member(document, "version") !== "1.0" || !Array.isArray(services) || name === undefined) return undefined;

  const host = new URL(context.url).host;
  const funnel = openFunnel(context, { source: "manifest", reference: context.url, host });
  for (const service of services) {
    const resources = items(member(service, "resources"));
    if (resources.length === 0) funnel.drop("malformed");
    for (const resource of resources) {
      funnel.offer({
        url: member(resource, "path"),
        base: context.url,
        method: member(resource, "method"),
        claim: claimOf({
          name: line(member(service, "name"), MOST_CHARACTERS.name),
          description: line(member(service, "description"), MOST_CHARACTERS.description),
          provider: name,
          price: manifestPrice(member(resource, "pricing")),
          payee: payee(member(provider, "node_pubkey")),
          schemes: ["l402"],
        }),
      });
    }
  }
  return funnel.end();
}

/** A fixed price; one that follows a formula, or is quoted, is not known before. */
export function manifestPrice(pricing: unknown): Msat | undefined {
  return lower(member(pricing, "model")) === "fixed" ? amount(member(pricing, "price_msat"), 1n) : undefined;
}

/** Where a manifest says that the host's OpenAPI document is, if it is on the same host. */
export function openApiOf(document: unknown, url: string): string | undefined {
  const reference = member(document, "openapi");
  if (typeof reference !== "string" || reference.length > 2_048) return undefined;
  const found = parseUrl(reference, url);
  return found?.origin === new URL(url).origin ? found.href : undefined;
}
