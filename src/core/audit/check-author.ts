/** Whether an author speaks for an oracle: by the list of the key people follow (kind 10040), or by the oracle's own host (NIP-05). */
import { eventId, type SignedEvent, signatureHolds } from "../nip85/event.ts";
import { npub } from "../nip85/key-text.ts";
import { isAssertion, KIND } from "../nip85/kinds.ts";
import { parseUrl } from "../url.ts";
import type { Dossier } from "./dossier.ts";
import { type Finding, found, open } from "./finding.ts";

/** `brand`: 64 lower-case hex digits. `origin`: of the oracle's site. */
export type Announcer = { readonly brand?: string | undefined; readonly origin?: string | undefined };

/** One finding for each announcer that was named; an open one when there is none. */
export function checkAuthor(event: SignedEvent, dossier: Dossier, { brand, origin }: Announcer): Finding[] {
  const findings = [
    ...(brand === undefined ? [] : [byList(event, dossier, brand)]),
    ...(origin === undefined ? [] : [byHost(event, dossier, origin)]),
  ];
  return findings.length > 0
    ? findings
    : [open("announced", "name the key or the site that should announce the author")];
}

/** The newest genuine event of a kind by an author. */
export function newestOf(events: readonly SignedEvent[], kind: number, pubkey: string): SignedEvent | undefined {
  const candidates = events
    .filter((event) => event.kind === kind && event.pubkey === pubkey)
    .sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  return candidates.find(isGenuine);
}

export function isGenuine(event: SignedEvent): boolean {
  return eventId(event) === event.id && signatureHolds(event);
}

function byList(event: SignedEvent, { events }: Dossier, brand: string): Finding {
  if (event.pubkey === brand) return found("announced", true, "the author is the key itself");
  const list = newestOf(events, KIND.providers, brand);
  if (!list) return open("announced", `no list of ${npub(brand)} (kind 10040) is at hand`);
  const slots = list.tags.filter(([, key]) => key === event.pubkey).map(([slot = ""]) => slot);
  const fits = isAssertion(event.kind) ? slots.filter((slot) => slot.startsWith(`${event.kind}:`)) : slots;
  return fits.length > 0
    ? found("announced", true, `${npub(brand)} lists the author for ${fits.join(", ")}`)
    : found("announced", false, `${npub(brand)} does not list the author for kind ${event.kind}`);
}

function byHost(event: SignedEvent, { events, names }: Dossier, origin: string): Finding {
  const given = names.find((each) => parseUrl(each.origin)?.origin === parseUrl(origin)?.origin);
  if (!given) return open("host", `no /.well-known/nostr.json of ${origin} is at hand`);
  const [name] = Object.entries(given.names).find(([, key]) => key === event.pubkey) ?? [];
  if (name === undefined) return found("host", false, `${origin} does not name the author`);
  const profile = newestOf(events, KIND.profile, event.pubkey);
  const claimed = profile && nip05Of(profile.content);
  const expected = `${name}@${parseUrl(origin)?.host}`;
  if (claimed === undefined)
    return found("host", true, `${origin} names the author ${name}; its profile is not at hand`);
  return found("host", claimed === expected, `${origin} names the author ${name}, and its profile says ${claimed}`);
}

function nip05Of(content: string): string | undefined {
  try {
    const { nip05 } = JSON.parse(content) as { nip05?: unknown };
    return typeof nip05 === "string" ? nip05.slice(0, 200) : "nothing";
  } catch {
    return "nothing";
  }
}
