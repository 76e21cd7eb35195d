/** Nostr kind 31402 (nostr-protocol/nips PR 2291): anybody's word that an API is paid for, signed by whoever gives it. */

import { utf8 } from "../bytes.ts";
import type { Claim } from "../endpoint/listing.ts";
import { addressOf, type SignedEvent, tagValue } from "../nip85/event.ts";
import { isPrintable } from "../subject.ts";
import { type Msat, msat } from "../units.ts";
import { parseUrl } from "../url.ts";
import { readDocument } from "./document.ts";
import { type FeedContext, openFunnel, type Reading } from "./funnel.ts";
import { claimOf, items, line, MOST_CHARACTERS, member, msatPerUnit, schemes, tags } from "./values.ts";

export const ANNOUNCEMENT_KIND = 31_402;
/** Tags and capabilities beyond it are not looked at. */
const MOST_OF_EACH = 100;

/** `kind:pubkey:d`, under which relays keep the newest of them. */
export function announcementAddress(event: SignedEvent): string {
  return `${ANNOUNCEMENT_KIND}:${event.pubkey}:${addressOf(event)}`;
}

/** Whether an event is an announcement under a name of its own, as far as can be seen without its signature. */
export function isNamedAnnouncement(event: SignedEvent): boolean {
  const address = announcementAddress(event);
  return event.kind === ANNOUNCEMENT_KIND && addressOf(event) !== "" && address.length <= 500 && isPrintable(address);
}

/** What an announcement lists, whose signature is checked before. `context.url` is its address. */
export function readAnnouncement(event: SignedEvent, context: FeedContext): Reading {
  const funnel = openFunnel(context, { source: "announcement", reference: context.url });
  const urls = values(event, "url").map(([url]) => url);
  const offers = offersOf(event, urls);
  const expires = Number(tagValue(event, "expiration") ?? Number.POSITIVE_INFINITY);
  if (!(expires > context.now)) funnel.drop("withdrawn", offers.length);
  else for (const offer of offers) funnel.offer(offer);
  return funnel.end();
}

/** The capabilities that say where they are; or else the first address of the service, whose others are ways to the same. */
function offersOf(event: SignedEvent, urls: readonly unknown[]) {
  const content = readDocument(utf8(event.content));
  const capabilities = items(member(content, "capabilities")).slice(0, MOST_OF_EACH);
  const placed = capabilities.filter((capability) => typeof member(capability, "endpoint") === "string");
  const [base] = urls.filter((url) => typeof url === "string" && parseUrl(url));
  if (placed.length === 0) return [{ url: urls[0], claim: claim(event, undefined) }];
  return placed.map((capability) => {
    const [, verb, path] = /^(?:([A-Za-z]+)\s+)?(\S*)$/.exec(String(member(capability, "endpoint"))) ?? [];
    const method =
      member(capability, "method") ?? verb ?? (member(capability, "schema") === undefined ? "GET" : "POST");
    return { url: path, base: typeof base === "string" ? base : "invalid:", method, claim: claim(event, capability) };
  });
}

function claim(event: SignedEvent, capability: unknown): Claim {
  const about = tagValue(event, "summary") ?? tagValue(event, "about");
  return claimOf({
    name: line(tagValue(event, "name"), MOST_CHARACTERS.name),
    description: line(member(capability, "description") ?? about, MOST_CHARACTERS.description),
    tags: tags(values(event, "t").map(([topic]) => topic)),
    price: price(event, member(capability, "name")),
    schemes: schemes(values(event, "pmi").map(([rail]) => rail)),
  });
}

/** The price of one capability; the only one there is, where the service is one. */
function price(event: SignedEvent, capability: unknown): Msat | undefined {
  const prices = values(event, "price");
  const mine =
    capability === undefined && prices.length === 1 ? prices[0] : prices.find(([name]) => name === capability);
  const [, text = "", currency] = mine ?? [];
  const unit = msatPerUnit(currency);
  return unit && /^(?:0|[1-9]\d{0,14})$/.test(text) ? msat(BigInt(text) * unit) : undefined;
}

function values(event: SignedEvent, name: string): string[][] {
  return event.tags
    .filter(([tag]) => tag === name)
    .slice(0, MOST_OF_EACH)
    .map((tag) => tag.slice(1));
}
