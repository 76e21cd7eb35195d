/** 402index.io, `GET /api/v1/services`: one page of a long list. Its word on health is its own business, and is not read. */
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { amount, category, claimOf, line, MOST_CHARACTERS, member, schemes } from "./values.ts";

/** @returns undefined for a document of another form, which says nothing about what is listed */
export function readIndex402(document: unknown, context: FeedContext): Reading | undefined {
  const services = member(document, "services");
  if (!Array.isArray(services)) return undefined;
  const funnel = openFunnel(context, { source: "402index", reference: context.url });
  for (const service of services) {
    funnel.offer({
      url: member(service, "url"),
      method: member(service, "http_method"),
      claim: claimOf({
        name: line(member(service, "name"), MOST_CHARACTERS.name),
        description: line(member(service, "description"), MOST_CHARACTERS.description),
        category: category(member(service, "category")),
        provider: line(member(service, "provider"), MOST_CHARACTERS.provider),
        price: amount(member(service, "price_sats"), 1_000n),
        schemes: schemes([member(service, "protocol")]),
      }),
    });
  }
  return funnel.end();
}
