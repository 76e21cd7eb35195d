/** Which published event a person means, and where it is. */
import { readFileSync } from "node:fs";
import type { EventFilter } from "../../adapters/nostr/fetch-events.ts";
import type { Dossier } from "../../core/audit/dossier.ts";
import { OracleError } from "../../core/errors.ts";
import { readEntity } from "../../core/nip85/entity.ts";
import { addressOf, type SignedEvent } from "../../core/nip85/event.ts";
import { isNodeKey, NETWORKS, nodeIdentifier, normalizeUrl } from "../../core/nip85/identifier.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { askOrigin } from "./ask-origin.ts";
import { askRelays, freshest, type Relays } from "./gather.ts";

const MAX_EVENTS = 20;
/** More than any event of ours; a file beyond it is not read into a check. */
const MAX_FILE_BYTES = 1_048_576;

/** What to ask relays for, and those that whoever named it says to ask. */
export type Wanted = { readonly filter: EventFilter; readonly relays: readonly string[] };

/** Undefined for a file. @throws SUBJECT_MALFORMED, SUBJECT_UNKNOWN */
export async function whatIsMeant(
  subject: string,
  { author, origin }: { author: string | undefined; origin: string | undefined },
): Promise<Wanted | undefined> {
  const entity = readEntity(subject);
  if (entity?.type === "event") return { filter: { ids: [entity.id], limit: 1 }, relays: entity.relays };
  if (entity?.type === "address") {
    const { kind, pubkey, d, relays } = entity;
    return { filter: { kinds: [kind], authors: [pubkey], "#d": [d], limit: MAX_EVENTS }, relays };
  }
  if (/^[0-9a-f]{64}$/i.test(subject)) return { filter: { ids: [subject.toLowerCase()], limit: 1 }, relays: [] };
  const about = (d: string[]): Wanted => {
    const authors = author === undefined ? {} : { authors: [author] };
    return { filter: { kinds: [KIND.aboutIdentifier], "#d": d, ...authors, limit: MAX_EVENTS }, relays: [] };
  };
  if (/^0[23][0-9a-f]{64}$/i.test(subject)) return about(identifiers(subject));
  if (/^https?:\/\//i.test(subject)) return about([normalizeUrl(subject) ?? subject]);
  if (subject.startsWith("alias@")) return about(identifiers(await keyOf(subject.slice("alias@".length), origin)));
  return undefined;
}

/** The events as they are, unverified: the freshest of all relays, or those of the file, or of the bundle. @throws SUBJECT_UNKNOWN */
export async function findPublished(
  wanted: Wanted,
  { relays, dossier, author }: { relays: Relays | undefined; dossier: Dossier; author: string | undefined },
): Promise<{ events: SignedEvent[]; failures: string[] }> {
  const shown = dossier.events.filter((event) => matches(wanted.filter, event));
  const asked = relays ? await askRelays(relays, wanted.filter) : { events: [], failures: [] };
  const all = [...shown, ...asked.events].filter((event) => author === undefined || event.pubkey === author);
  const events = freshest(all).slice(0, MAX_EVENTS);
  if (events.length > 0) return { events, failures: asked.failures };
  const isAway = relays !== undefined && asked.failures.length === relays.urls.length;
  const where = relays ? relays.urls.join(", ") : "the bundle";
  throw isAway
    ? new OracleError("RELAY_UNAVAILABLE", asked.failures.join("; "))
    : new OracleError("SUBJECT_UNKNOWN", `no such event: ${[where, ...asked.failures].join("; ")}`);
}

/** @throws EVENT_MALFORMED */
export function readEventFile(file: string): string {
  try {
    const text = readFileSync(file === "-" ? 0 : file);
    if (text.length > MAX_FILE_BYTES) throw new Error("too large");
    return text.toString("utf8");
  } catch (cause) {
    const known = "give a file, -, an event id, note, nevent or naddr, a node key, alias@<name> or a URL";
    throw new OracleError("EVENT_MALFORMED", `cannot read ${file}: ${known}`, { cause });
  }
}

function matches({ ids, kinds, authors, "#d": names }: EventFilter, event: SignedEvent): boolean {
  return (
    (ids?.includes(event.id) ?? true) &&
    (kinds?.includes(event.kind) ?? true) &&
    (authors?.includes(event.pubkey) ?? true) &&
    (names?.includes(addressOf(event)) ?? true)
  );
}

/** The node on any network: the relay knows which. */
function identifiers(key: string): string[] {
  const keyHex = key.toLowerCase();
  if (!isNodeKey(keyHex))
    throw new OracleError("SUBJECT_MALFORMED", "this is not a point on the curve, so no node's key");
  return NETWORKS.map((network) => nodeIdentifier(keyHex, network));
}

/** @throws SUBJECT_UNKNOWN, SUBJECT_AMBIGUOUS */
async function keyOf(alias: string, origin: string | undefined): Promise<string> {
  if (origin === undefined) throw new OracleError("SUBJECT_UNKNOWN", "an alias is looked up at --origin");
  const path = `/api/nodes/search?alias=${encodeURIComponent(alias)}`;
  const answer = (await askOrigin(origin, path)) as { data?: { nodes?: { key: string; alias: string }[] } } | undefined;
  const nodes = (answer?.data?.nodes ?? []).filter((node) => node.alias === alias);
  if (nodes.length === 1) return nodes[0]!.key;
  throw new OracleError(
    nodes.length === 0 ? "SUBJECT_UNKNOWN" : "SUBJECT_AMBIGUOUS",
    `${nodes.length} nodes are called ${alias}`,
  );
}
