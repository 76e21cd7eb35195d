/** l402.directory, `GET /api/services`: services with their endpoints, all in one document. */
import type { Claim } from "../endpoint/listing.ts";
import type { Msat, UnixSeconds } from "../units.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import {
  amount,
  category,
  claimOf,
  items,
  line,
  lower,
  MOST_CHARACTERS,
  member,
  msatPerUnit,
  payee,
  schemes,
  tags,
} from "./values.ts";

/** How a price may be meant for its amount to be the price of one call. */
const PER_CALL = new Set(["", "fixed", "flat", "static", "per_call", "per-call", "per_request", "per-request"]);

/** @returns undefined for a document of another form, which says nothing about what is listed */
export function readL402Directory(document: unknown, context: FeedContext): Reading | undefined {
  const services = member(document, "services");
  if (!Array.isArray(services)) return undefined;
  const funnel = openFunnel(context, { source: "l402.directory", reference: context.url });
  for (const service of services) {
    const endpoints = items(member(service, "endpoints"));
    if (endpoints.length === 0) funnel.drop("malformed");
    else if (!isOffered(service, context.now)) funnel.drop("withdrawn", endpoints.length);
    else for (const endpoint of endpoints) funnel.offer(offerOf(endpoint, service));
  }
  return funnel.end();
}

function isOffered(service: unknown, now: UnixSeconds): boolean {
  const status = member(service, "status");
  if (status !== undefined && lower(status) !== "live") return false;
  const expires = instant(member(service, "expires_at"));
  return expires === undefined || expires > now;
}

/** Unix seconds or an ISO 8601 text; anything else does not say when. */
function instant(value: unknown): number | undefined {
  const seconds = typeof value === "string" && value.length <= 40 ? Date.parse(value) / 1000 : value;
  return typeof seconds === "number" && Number.isFinite(seconds) ? seconds : undefined;
}

function offerOf(endpoint: unknown, service: unknown) {
  return { url: member(endpoint, "url"), method: member(endpoint, "method"), claim: claim(endpoint, service) };
}

function claim(endpoint: unknown, service: unknown): Claim {
  const provider = member(service, "provider");
  const categories = items(member(service, "categories"));
  const description = member(endpoint, "description") ?? member(service, "description");
  return claimOf({
    name: line(member(service, "name"), MOST_CHARACTERS.name),
    description: line(description, MOST_CHARACTERS.description),
    category: categories.map(category).find((name) => name !== undefined),
    tags: tags(categories),
    provider: line(member(provider, "name"), MOST_CHARACTERS.provider),
    contact: line(member(provider, "contact"), MOST_CHARACTERS.contact),
    price: price(member(endpoint, "pricing")),
    payee: payee(member(service, "destination_pubkey")),
    schemes: schemes(items(member(service, "payment_methods"))),
  });
}

function price(pricing: unknown): Msat | undefined {
  const unit = msatPerUnit(member(pricing, "currency"));
  return unit && PER_CALL.has(lower(member(pricing, "model"))) ? amount(member(pricing, "amount"), unit) : undefined;
}
