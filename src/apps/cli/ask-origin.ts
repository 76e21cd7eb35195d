/** Asks an oracle's site, at the origin that whoever runs the command names. */
import { OracleError } from "../../core/errors.ts";

const TIMEOUT_MS = 30_000;
/** More than any dossier. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The JSON of an answer; undefined where there is none of it (404). @throws SUBJECT_UNKNOWN when nobody answers with JSON */
export async function askOrigin(origin: string, path: string): Promise<unknown> {
  const url = new URL(path, origin);
  try {
    // Somebody else's word would be taken for the origin's if a redirect were followed.
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "error" });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return JSON.parse(await readBounded(response)) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OracleError("SUBJECT_UNKNOWN", `${url.href} does not answer as expected: ${why}`, { cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
