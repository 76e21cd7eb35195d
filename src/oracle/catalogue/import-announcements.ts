/** Takes what is announced on Nostr (kind 31402) into the catalogue: of each announcement the newest version any relay has. */

import { utf8 } from "../../core/bytes.ts";
import type { Listing } from "../../core/endpoint/listing.ts";
import {
  ANNOUNCEMENT_KIND,
  announcementAddress,
  isNamedAnnouncement,
  readAnnouncement,
} from "../../core/feed/announcement.ts";
import { documentDigest } from "../../core/feed/document.ts";
import type { FeedForm } from "../../core/feed/forms.ts";
import type { Counts } from "../../core/feed/funnel.ts";
import { readEvent, type SignedEvent } from "../../core/nip85/event.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import type { HostCaps, ImportEnd, Run, Saved } from "./import-feed.ts";

type Versioned = Listing & { version: number };
type Page = { listings: readonly Versioned[]; items: number; digest: Uint8Array; isCut: boolean };

export type AnnouncementPorts = {
  /** Events as parsed JSON, unverified, at most `limit`. @throws when the relay cannot be asked */
  fetchEvents(relay: string, filter: { kinds: number[]; limit: number }): Promise<unknown[]>;
  /** Whether the id is the event's and the signature its author's. */
  verify(event: SignedEvent): boolean;
  /** Notes where the newest version of an announcement was found. */
  noteRelay(address: string, relay: string, now: UnixSeconds): Promise<void>;
  savePage(at: Run, page: Page, caps: HostCaps, now: UnixSeconds): Promise<Saved | undefined>;
  complete(at: Run, isWhole: boolean, end: { nextAt: UnixSeconds }, now: UnixSeconds): Promise<unknown>;
  fail(at: Run, why: string, nextAt: UnixSeconds): Promise<void>;
  mayList(url: URL): boolean;
  now(): UnixSeconds;
  imported(form: FeedForm, counts: Counts, saved: Saved): void;
  relayFailed(error: unknown): void;
};

export type AnnouncementRules = { relays: readonly string[]; everySec: number; caps: HostCaps; signal: AbortSignal };

/** Events of one relay. More of them than that are not all seen, and then nothing is taken to have vanished. */
const MOST_EVENTS = 1_000;
/** An event dated later was not made when it says. */
const MAX_AHEAD_SEC = 900;
const RETRY_SEC = 600;

export async function importAnnouncements(
  ports: AnnouncementPorts,
  at: Run,
  rules: AnnouncementRules,
): Promise<ImportEnd> {
  const { events, isWhole, answered } = await collect(ports, rules);
  if (rules.signal.aborted) return "stopped";
  if (answered === 0) {
    await ports.fail(at, "no relay answered", unixSeconds(ports.now() + RETRY_SEC));
    return "failed";
  }
  let pages = at.pages;
  for (const { event, relay } of events) {
    const url = announcementAddress(event);
    const { listings, counts, items } = readAnnouncement(event, { url, now: ports.now(), mayList: ports.mayList });
    const page = {
      listings: listings.map((listing) => ({ ...listing, version: event.created_at })),
      items,
      digest: documentDigest(utf8(event.id)),
      isCut: counts.over_cap > 0,
    };
    const saved = await ports.savePage({ ...at, pages }, page, rules.caps, ports.now());
    if (!saved) return "overtaken";
    await ports.noteRelay(url, relay, ports.now());
    pages++;
    ports.imported("announcements", counts, saved);
    if (rules.signal.aborted) return "stopped";
  }
  await ports.complete({ ...at, pages }, isWhole, { nextAt: unixSeconds(ports.now() + rules.everySec) }, ports.now());
  return isWhole ? "complete" : "partial";
}

type Found = { event: SignedEvent; relay: string };

/** The newest version of each announcement, in the order of addresses; `isWhole` when every relay has shown all it has. */
async function collect(ports: AnnouncementPorts, { relays, signal }: AnnouncementRules) {
  const newest = new Map<string, Found>();
  let isWhole = true;
  let answered = 0;
  for (const relay of relays) {
    if (signal.aborted) break;
    try {
      const given = await ports.fetchEvents(relay, { kinds: [ANNOUNCEMENT_KIND], limit: MOST_EVENTS });
      answered++;
      if (given.length >= MOST_EVENTS) isWhole = false;
      for (const value of given) keepNewer(ports, newest, value, relay);
    } catch (error) {
      isWhole = false;
      ports.relayFailed(error);
    }
  }
  const events = [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
  return { events, isWhole, answered };
}

/** Of two versions the later one, and of two of one second the one with the lower id (NIP-01). The signature is checked last. */
function keepNewer(ports: AnnouncementPorts, newest: Map<string, Found>, value: unknown, relay: string): void {
  const event = readEvent(value);
  if (!event || !isNamedAnnouncement(event) || event.created_at > ports.now() + MAX_AHEAD_SEC) return;
  const address = announcementAddress(event);
  const held = newest.get(address)?.event;
  const isNewer =
    !held || event.created_at > held.created_at || (event.created_at === held.created_at && event.id < held.id);
  if (isNewer && ports.verify(event)) newest.set(address, { event, relay });
}
