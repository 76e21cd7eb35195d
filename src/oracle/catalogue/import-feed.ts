/** Reads what a document lists into the catalogue, page by page, from where the last reading was left. */
import type { Listing } from "../../core/endpoint/listing.ts";
import {
  type DocumentForm,
  type FeedForm,
  isHostForm,
  isPaged,
  PAGE_ITEMS,
  pageUrl,
  readForm,
} from "../../core/feed/forms.ts";
import type { Counts } from "../../core/feed/funnel.ts";
import { openApiOf } from "../../core/feed/manifest.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type AskPorts, type Fetched, fetchDocument } from "./fetch-document.ts";

/** A reading under way. `pages` and `place` (in items) say how far it has come; `isListing`: the catalogue rests on the document. */
export type Run = {
  url: string;
  run: bigint;
  startedAt: UnixSeconds;
  place: number;
  pages: number;
  isPartial: boolean;
  pageDigest: Uint8Array | undefined;
  etag: string | undefined;
  lastModified: string | undefined;
  failures: number;
  isListing: boolean;
};

/** `isCut`: not all of its items were looked at. */
export type Page = { listings: readonly Listing[]; items: number; digest: Uint8Array; isCut: boolean };
export type HostCaps = { perCycle: number; inAll: number };
/** What storing a page did; see `adapters/postgres/listing.ts`. */
export type Saved = Readonly<Record<string, number>>;
export type End = { etag?: string | undefined; lastModified?: string | undefined; nextAt: UnixSeconds };

/** The state of readings. Each is atomic; `adapters/postgres/feed.ts` provides them. */
export type RunPorts = {
  /** Undefined when somebody else has moved on meanwhile. */
  savePage(at: Run, page: Page, caps: HostCaps, now: UnixSeconds): Promise<Saved | undefined>;
  skipPage(at: Run, items: number): Promise<void>;
  complete(at: Run, isWhole: boolean, end: End, now: UnixSeconds): Promise<{ ended: number; removed: number }>;
  unchanged(at: Run, nextAt: UnixSeconds, now: UnixSeconds): Promise<void>;
  fail(at: Run, why: string, nextAt: UnixSeconds): Promise<void>;
  /** Lets others have their turn; the reading is due again then. */
  leave(at: Run, nextAt: UnixSeconds): Promise<void>;
};

export type ImportPorts = RunPorts &
  AskPorts & {
    enrol(feeds: readonly { url: string; form: "openapi" }[], now: UnixSeconds): Promise<void>;
    /** Waits before the next question, so that no host is asked twice in a breath. */
    pause(): Promise<void>;
    mayList(url: URL): boolean;
    now(): UnixSeconds;
    /** Told of every page. */
    imported(form: FeedForm, counts: Counts, saved: Saved): void;
  };

export type ImportRules = { everySec: number; caps: HostCaps; signal: AbortSignal };
export type ImportEnd = "complete" | "partial" | "unchanged" | "failed" | "overtaken" | "stopped" | "continues";

/** A list that is longer never ends. */
const MOST_PAGES = 1_200;
/** After so many the next document gets its turn. */
const PAGES_PER_VISIT = 100;
/** A page that fails so often is left out. */
const MOST_FAILURES = 3;
export const RETRY_SEC = 60;
const MAX_RETRY_SEC = 6 * 3_600;
/** An answer that would empty the catalogue of what a document listed is believed when it has been given three times. */
const CONFIRM_SEC = 3_600;

export async function importFeed(
  ports: ImportPorts,
  form: DocumentForm,
  begun: Run,
  rules: ImportRules,
): Promise<ImportEnd> {
  let at = begun;
  for (let visited = 0; visited < PAGES_PER_VISIT; visited++) {
    if (rules.signal.aborted) return "stopped";
    if (at.pages >= MOST_PAGES) return end(ports, { ...at, isPartial: true }, rules);
    await ports.pause();
    const validators = at.pages === 0 && at.isListing ? { etag: at.etag, lastModified: at.lastModified } : {};
    const url = pageUrl(form, at.url, at.place);
    const fetched = await fetchDocument(ports, { url, ...validators, signal: rules.signal });
    if (rules.signal.aborted) return "stopped";
    const step = await takeIn(ports, form, at, fetched, rules);
    if (typeof step === "string") return step;
    at = step;
  }
  await ports.leave(at, later(ports, 1));
  return "continues";
}

/** What one answer means for the reading: where it goes on, or how it ended. */
async function takeIn(
  ports: ImportPorts,
  form: DocumentForm,
  at: Run,
  fetched: Fetched,
  rules: ImportRules,
): Promise<Run | ImportEnd> {
  if (fetched.kind === "unchanged") {
    await ports.unchanged(at, later(ports, rules.everySec), ports.now());
    return "unchanged";
  }
  if (fetched.kind === "failed") return retry(ports, at, fetched.why, fetched.retryAfterSec);
  const context = { url: at.url, now: ports.now(), mayList: ports.mayList };
  const reading = fetched.kind === "document" ? readForm(form, fetched.value, context) : undefined;
  if (!reading || fetched.kind !== "document") {
    const why = fetched.kind === "absent" ? fetched.why : "a document of another form";
    return isHostForm(form) ? endEmpty(ports, at, why, rules) : retry(ports, at, why, undefined);
  }
  if (reading.items === 0 && at.pages === 0) return endEmpty(ports, at, "it lists nothing", rules);
  if (reading.items === 0) return end(ports, at, rules);
  if (isRepeated(at, fetched.digest)) return end(ports, { ...at, isPartial: at.isPartial || at.pages > 1 }, rules);

  const { listings, items, counts } = reading;
  const page = { listings, items, digest: fetched.digest, isCut: counts.over_cap > 0 };
  const saved = await ports.savePage(at, page, rules.caps, ports.now());
  if (!saved) return "overtaken";
  ports.imported(form, counts, saved);
  await followManifest(ports, form, at, fetched.value);
  const next = moved(at, page);
  return isPaged(form) ? next : end(ports, next, rules, fetched);
}

function moved(at: Run, { items, digest, isCut }: Page): Run {
  const isPartial = at.isPartial || isCut;
  return { ...at, place: at.place + items, pages: at.pages + 1, failures: 0, isPartial, pageDigest: digest };
}

/** The second page that is the first again means that there is but one; later, that the list goes in circles. */
function isRepeated({ pages, pageDigest }: Run, digest: Uint8Array): boolean {
  return pages > 0 && pageDigest !== undefined && digest.every((byte, index) => byte === pageDigest[index]);
}

async function end(ports: ImportPorts, at: Run, { everySec }: ImportRules, validators: Partial<End> = {}) {
  const { etag, lastModified } = validators;
  const isWhole = !at.isPartial;
  await ports.complete(at, isWhole, { etag, lastModified, nextAt: later(ports, everySec) }, ports.now());
  return isWhole ? "complete" : "partial";
}

async function endEmpty(ports: ImportPorts, at: Run, why: string, rules: ImportRules): Promise<ImportEnd> {
  if (!at.isListing || at.failures + 1 >= MOST_FAILURES) return end(ports, at, rules);
  await ports.fail(at, why, later(ports, CONFIRM_SEC));
  return "failed";
}

/** Later, from the same place; or behind a page of many that never comes. */
async function retry(ports: ImportPorts, at: Run, why: string, afterSec: number | undefined): Promise<Run | ImportEnd> {
  if (at.pages > 0 && at.failures + 1 >= MOST_FAILURES) {
    await ports.skipPage(at, PAGE_ITEMS);
    return { ...at, place: at.place + PAGE_ITEMS, pages: at.pages + 1, failures: 0, isPartial: true };
  }
  const pauseSec = Math.min(RETRY_SEC * 2 ** Math.min(at.failures, 20), MAX_RETRY_SEC);
  await ports.fail(at, why, later(ports, Math.max(pauseSec, afterSec ?? 0)));
  return "failed";
}

/** A manifest may name its host's OpenAPI document, which shows how calls are made. */
async function followManifest(ports: ImportPorts, form: DocumentForm, at: Run, document: unknown): Promise<void> {
  const url = form === "l402.json" ? openApiOf(document, at.url) : undefined;
  if (url !== undefined) await ports.enrol([{ url, form: "openapi" }], ports.now());
}

function later(ports: Pick<ImportPorts, "now">, sec: number): UnixSeconds {
  return unixSeconds(ports.now() + sec);
}
