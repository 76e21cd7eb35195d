/** The forms in which documents list endpoints, and what is known of each before one is read. */
import type { FeedContext, Reading } from "./funnel.ts";
import { readIndex402 } from "./index402.ts";
import { readL402Directory } from "./l402-directory.ts";
import { readL402Services } from "./l402-services.ts";
import { readManifest } from "./manifest.ts";
import { readOpenApi } from "./openapi.ts";
import { readWellKnownL402 } from "./well-known-l402.ts";

/** Lists that somebody keeps of everybody's endpoints. */
export const DIRECTORY_FORMS = ["402index", "l402.directory"] as const;
export type DirectoryForm = (typeof DIRECTORY_FORMS)[number];

/** Documents in which a host speaks of itself, and where they are. */
export const HOST_DOCUMENTS = {
  "l402.json": "/.well-known/l402.json",
  "l402-services": "/.well-known/l402-services",
  l402: "/.well-known/l402",
  openapi: "/openapi.json",
} as const;
export type HostForm = keyof typeof HOST_DOCUMENTS;
export const HOST_FORMS = Object.keys(HOST_DOCUMENTS) as HostForm[];

export type DocumentForm = DirectoryForm | HostForm;
export type FeedForm = DocumentForm | "announcements";

/** Items that are asked for at a time, of a form that comes in pages. */
export const PAGE_ITEMS = 100;

const READERS: Record<DocumentForm, (document: unknown, context: FeedContext) => Reading | undefined> = {
  "402index": readIndex402,
  "l402.directory": readL402Directory,
  "l402.json": readManifest,
  "l402-services": readL402Services,
  l402: readWellKnownL402,
  openapi: readOpenApi,
};

/** @returns undefined for a document of another form */
export function readForm(form: DocumentForm, document: unknown, context: FeedContext): Reading | undefined {
  return READERS[form](document, context);
}

export function isPaged(form: FeedForm): boolean {
  return form === "402index";
}

/** Whether a document that is not there, or is something else, means that its host says nothing. */
export function isHostForm(form: FeedForm): form is HostForm {
  return Object.hasOwn(HOST_DOCUMENTS, form);
}

/** Where the items from the `place`-th on are. */
export function pageUrl(form: DocumentForm, url: string, place: number): string {
  if (!isPaged(form)) return url;
  const page = new URL(url);
  page.searchParams.set("limit", String(PAGE_ITEMS));
  page.searchParams.set("offset", String(place));
  return page.href;
}
