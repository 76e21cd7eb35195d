/** `/.well-known/l402-services`, as ngx_l402 publishes it: the priced paths of one host. */
import type { Msat } from "../units.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { amount, claimOf, items, line, lower, MOST_CHARACTERS, member, schemes } from "./values.ts";

/** @returns undefined for a document of another form */
export function readL402Services(document: unknown, context: FeedContext): Reading | undefined {
  const routes = member(document, "routes");
  if (member(document, "version") !== "1" || !Array.isArray(routes)) return undefined;

  const service = member(document, "service");
  const offered = schemes(items(member(document, "payment_methods")).map((method) => member(method, "type")));
  const host = new URL(context.url).host;
  const funnel = openFunnel(context, { source: "manifest", reference: context.url, host });
  for (const route of routes) {
    funnel.offer({
      url: member(route, "path"),
      base: context.url,
      claim: claimOf({
        name: line(member(service, "name"), MOST_CHARACTERS.name),
        description: line(member(service, "description"), MOST_CHARACTERS.description),
        provider: line(member(service, "operator"), MOST_CHARACTERS.provider),
        contact: line(member(service, "contact"), MOST_CHARACTERS.contact),
        price: price(member(route, "price")),
        schemes: offered,
      }),
    });
  }
  return funnel.end();
}

function price(value: unknown): Msat | undefined {
  return lower(member(value, "type")) === "static" ? amount(member(value, "amount_msat"), 1n) : undefined;
}
