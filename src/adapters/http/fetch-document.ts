/** One small document from a host that the operator has named, such as what a relay says of itself: bounded in size and time. */
import { errors, request } from "undici";

export type DocumentQuestion = { accept: string; timeoutMs: number; maxBytes: number; signal: AbortSignal };

/** The body of a 200 as text; undefined for any other answer, one that is too long or too slow, and none. Redirects are not followed. */
export async function fetchDocument(
  url: string,
  { accept, timeoutMs, maxBytes, signal }: DocumentQuestion,
): Promise<string | undefined> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const { statusCode, body } = await request(url, { headers: { accept }, signal: bounded, reset: true });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      // Leaving the loop closes the connection.
      if (statusCode !== 200 || bytes > maxBytes) return undefined;
      parts.push(part);
    }
    return statusCode === 200 ? Buffer.concat(parts).toString() : undefined;
  } catch (error) {
    if (isOfTheirs(error)) return undefined;
    throw error;
  }
}

/** Everything that a host, its name or its network can do to a request; a fault of this program is none of it. */
function isOfTheirs(error: unknown): boolean {
  if (error instanceof errors.UndiciError || error instanceof DOMException) return true;
  return error instanceof Error && ("code" in error || error instanceof AggregateError || error.name === "AbortError");
}
