/** One document of a stranger, asked for once: what it says, that it has not changed, that there is none, or why we do not know. */
import { documentDigest, readDocument } from "../../core/feed/document.ts";

/** What asking somebody outside needs. The guarded client provides it; a redirect is not followed. */
export type AskPorts = {
  ask(request: {
    url: string;
    method: "GET";
    headers: Record<string, string>;
    signal: AbortSignal;
    limits: { maxBodyBytes: number; timeoutMs: number };
  }): Promise<
    | { ok: true; answer: { status: number; headers: readonly (readonly [string, string])[]; body: Uint8Array } }
    | { ok: false; failure: { kind: string; detail: string } }
  >;
};

export type Fetched =
  | { kind: "document"; value: unknown; digest: Uint8Array; etag: string | undefined; lastModified: string | undefined }
  | { kind: "unchanged" }
  | { kind: "absent"; why: string }
  | { kind: "failed"; why: string; retryAfterSec: number | undefined };

export type DocumentQuestion = {
  url: string;
  etag?: string | undefined;
  lastModified?: string | undefined;
  signal: AbortSignal;
};

/** Lists of thousands of endpoints are below it. */
const LIMITS = { maxBodyBytes: 4_194_304, timeoutMs: 20_000 };
const MAX_VALIDATOR_CHARACTERS = 500;
const MAX_RETRY_AFTER_SEC = 86_400;

export async function fetchDocument(ports: AskPorts, question: DocumentQuestion): Promise<Fetched> {
  const { url, etag, lastModified, signal } = question;
  const headers = {
    Accept: "application/json",
    ...(etag !== undefined && { "If-None-Match": etag }),
    ...(etag === undefined && lastModified !== undefined && { "If-Modified-Since": lastModified }),
  };
  const asked = await ports.ask({ url, method: "GET", headers, signal, limits: LIMITS });
  if (!asked.ok) return { kind: "failed", why: asked.failure.kind, retryAfterSec: undefined };
  const { status, body } = asked.answer;
  const header = (name: string) => asked.answer.headers.find(([given]) => given.toLowerCase() === name)?.[1];
  if (status === 304 && (etag ?? lastModified) !== undefined) return { kind: "unchanged" };
  if (status === 404 || status === 410) return { kind: "absent", why: `status ${status}` };
  if (status !== 200)
    return { kind: "failed", why: `status ${status}`, retryAfterSec: retryAfter(header("retry-after")) };
  const value = readDocument(body);
  if (value === undefined) return { kind: "absent", why: "no JSON" };
  const validators = { etag: validator(header("etag")), lastModified: validator(header("last-modified")) };
  return { kind: "document", value, digest: documentDigest(body), ...validators };
}

/** What is sent back as it came: printable ASCII and short, or not at all. */
function validator(value: string | undefined): string | undefined {
  return value !== undefined && /^[\x20-\x7e]+$/.test(value) && value.length <= MAX_VALIDATOR_CHARACTERS
    ? value
    : undefined;
}

function retryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Math.min(Number(value), MAX_RETRY_AFTER_SEC) : undefined;
}
