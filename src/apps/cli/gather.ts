/** Brings together what an event is checked by: from relays, and from the oracle's site. */
import { type EventFilter, fetchEvents } from "../../adapters/nostr/fetch-events.ts";
import { isGenuine } from "../../core/audit/check-author.ts";
import { addressOf, readEvent, type SignedEvent } from "../../core/nip85/event.ts";
import { HEARTBEAT_NAME } from "../../core/nip85/heartbeat.ts";
import { KIND, retention } from "../../core/nip85/kinds.ts";
import { NIP05_NAME } from "../../core/nip85/roles.ts";
import { askOrigin } from "./ask-origin.ts";

export type Relays = { readonly urls: readonly string[]; readonly timeoutMs: number };
export type Asked = { readonly events: SignedEvent[]; readonly failures: string[] };

const TAKEN_BACK = 100;
/** Entries of the log that are asked for at a time. */
const PAGE = 1_000;

/** What all relays have of a filter, each event once. A relay that does not answer is named. */
export async function askRelays({ urls, timeoutMs }: Relays, filter: EventFilter): Promise<Asked> {
  const answers = await Promise.allSettled(urls.map((url) => fetchEvents(url, filter, timeoutMs)));
  const events = new Map<string, SignedEvent>();
  const failures: string[] = [];
  for (const answer of answers) {
    if (answer.status === "rejected") failures.push(answer.reason instanceof Error ? answer.reason.message : "failed");
    else
      for (const each of answer.value) {
        const event = readEvent(each);
        // The signature tells copies apart: one of them may be forged.
        if (event) events.set(`${event.id} ${event.sig}`, event);
      }
  }
  return { events: [...events.values()], failures };
}

/** Of each author and address the newest event that is genuine; of those that are not, all: they are to be shown as such. */
export function freshest(events: readonly SignedEvent[]): SignedEvent[] {
  const newest = new Map<string, SignedEvent>();
  const forged: SignedEvent[] = [];
  for (const event of events) {
    if (!isGenuine(event)) {
      forged.push(event);
      continue;
    }
    const all = retention(event.kind) === "all";
    const address = all ? event.id : `${event.kind}:${event.pubkey}:${addressOf(event)}`;
    const other = newest.get(address);
    const isNewer =
      !other || event.created_at > other.created_at || (event.created_at === other.created_at && event.id < other.id);
    if (isNewer) newest.set(address, event);
  }
  return newest.size > 0 ? [...newest.values()] : forged;
}

/** What relays have beside an event: who its author is, what it takes back, how much it says, and who announces it. */
export async function besideEvent(
  relays: Relays,
  event: SignedEvent,
  brand: string | undefined,
): Promise<SignedEvent[]> {
  const { pubkey, kind } = event;
  const address = `${kind}:${pubkey}:${addressOf(event)}`;
  const filters: EventFilter[] = [
    { authors: [pubkey], kinds: [KIND.profile, KIND.relayList], limit: 4 },
    { authors: [pubkey], kinds: [KIND.heartbeat], "#d": [HEARTBEAT_NAME], limit: 4 },
    { authors: [pubkey], kinds: [KIND.deletion], "#a": [address], limit: TAKEN_BACK },
    { authors: [pubkey], kinds: [kind], "#d": [addressOf(event)], limit: 4 },
    ...(brand === undefined ? [] : [{ authors: [brand], kinds: [KIND.profile, KIND.providers], limit: 4 }]),
  ];
  const answers = await Promise.all(filters.map((filter) => askRelays(relays, filter)));
  return answers.flatMap(({ events }) => events);
}

/** What the site has: a dossier of the event, the names of its keys, and all of the log when it is to be read whole. */
export async function besideOrigin(
  origin: string,
  event: SignedEvent,
  { wholeLog, progress }: { wholeLog: boolean; progress(text: string): void },
): Promise<unknown[]> {
  const dossier = (await askOrigin(origin, `/api/audit/dossier/${event.id}`)) as
    | { data?: { lines?: unknown[] } }
    | undefined;
  const names = await Promise.all(Object.values(NIP05_NAME).map((name) => namedBy(origin, name)));
  const lines = Array.isArray(dossier?.data?.lines) ? dossier.data.lines : [];
  const log = wholeLog ? await readLog(origin, progress) : [];
  return [...lines, ...log, { names: { origin, names: Object.assign({}, ...names) } }];
}

/** What the site's document says of one name: a site may answer for the name alone that is asked for. */
async function namedBy(origin: string, name: string): Promise<object> {
  const document = (await askOrigin(origin, `/.well-known/nostr.json?name=${name}`)) as { names?: unknown } | undefined;
  return typeof document?.names === "object" && document.names !== null ? document.names : {};
}

type Page = { data?: { entries?: { position: string; entry: string }[]; next?: string | null } };

async function readLog(origin: string, progress: (text: string) => void): Promise<unknown[]> {
  const lines: unknown[] = [];
  for (let after: string | null = "0"; after !== null; ) {
    progress(`reading the evidence log after entry ${after} ...`);
    const page: Page | undefined = (await askOrigin(origin, `/api/audit/entries?after=${after}&limit=${PAGE}`)) as Page;
    for (const { position, entry } of page?.data?.entries ?? []) lines.push({ entry: { position, entry } });
    const next: string | null = page?.data?.next ?? null;
    // An origin that sends the same page for ever is not read for ever.
    after = next !== null && BigInt(next) > BigInt(after) ? next : null;
  }
  return lines;
}
