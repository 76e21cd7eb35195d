/** One round of the catalogue: every document that is due, one after the other; what fails stops none of the others. */
import {
  DIRECTORY_FORMS,
  type DirectoryForm,
  type FeedForm,
  HOST_DOCUMENTS,
  HOST_FORMS,
} from "../../core/feed/forms.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type AnnouncementPorts, importAnnouncements } from "./import-announcements.ts";
import { type HostCaps, type ImportEnd, type ImportPorts, importFeed, RETRY_SEC, type Run } from "./import-feed.ts";

export type RoundPorts = ImportPorts &
  AnnouncementPorts & {
    enrol(feeds: readonly { url: string; form: FeedForm }[], now: UnixSeconds): Promise<void>;
    enrolHosts(kept: readonly string[], now: UnixSeconds): Promise<void>;
    dropOthers(forms: readonly FeedForm[], kept: readonly string[], now: UnixSeconds): Promise<number>;
    take(
      forms: readonly FeedForm[],
      leaseSec: number,
      now: UnixSeconds,
    ): Promise<(Run & { form: FeedForm }) | undefined>;
    /** Told when a document ended a reading, one way or the other. */
    read(form: FeedForm, url: string, end: ImportEnd): void;
    importFailed(error: unknown): void;
  };

/** `hosts` are origins whose documents are read though they may have no endpoints yet. */
export type RoundRules = {
  feeds: readonly { url: string; form: DirectoryForm }[];
  hosts: readonly string[];
  relays: readonly string[];
  everySec: number;
  caps: HostCaps;
  signal: AbortSignal;
};

/** The name under which the announcements of all relays are one feed. */
const ANNOUNCEMENTS = "nostr:31402";
const ALL_FORMS: readonly FeedForm[] = [...DIRECTORY_FORMS, ...HOST_FORMS, "announcements"];
/** Documents of one round: the rest is due in the next. */
const MOST_VISITS = 60;
/** Nobody else reads a document for so long; a process that died has let go of it by then. */
const LEASE_SEC = 900;

/** @returns how many readings ended in which way */
export async function importCatalogue(ports: RoundPorts, rules: RoundRules): Promise<Record<string, number>> {
  await enrolAll(ports, rules);
  const ends: Record<string, number> = {};
  for (let visits = 0; visits < MOST_VISITS && !rules.signal.aborted; visits++) {
    const due = await ports.take(ALL_FORMS, LEASE_SEC, ports.now());
    if (!due) break;
    const end = await visit(ports, due, rules);
    ends[end] = (ends[end] ?? 0) + 1;
    ports.read(due.form, due.url, end);
  }
  return ends;
}

async function enrolAll(ports: RoundPorts, { feeds, hosts, relays }: RoundRules): Promise<void> {
  const now = ports.now();
  const seeds = hosts.flatMap((origin) =>
    HOST_FORMS.map((form) => ({ url: `${origin}${HOST_DOCUMENTS[form]}`, form })),
  );
  const announced = relays.length > 0 ? [{ url: ANNOUNCEMENTS, form: "announcements" as const }] : [];
  const named = [...feeds, ...seeds, ...announced];
  await ports.enrol(named, now);
  const kept = named.map(({ url }) => url);
  await ports.dropOthers([...DIRECTORY_FORMS, "announcements"], kept, now);
  await ports.enrolHosts(kept, now);
}

async function visit(ports: RoundPorts, due: Run & { form: FeedForm }, rules: RoundRules): Promise<ImportEnd> {
  try {
    if (due.form === "announcements") return await importAnnouncements(ports, due, rules);
    return await importFeed(ports, due.form, due, rules);
  } catch (error) {
    ports.importFailed(error);
    await ports.fail(due, "a fault of ours", unixSeconds(ports.now() + RETRY_SEC)).catch(() => undefined);
    return "failed";
  }
}
