/** One request of a call, over the guarded client. */
import type { AskOutside, OutsideFailure, OutsideHead } from "../core/egress.ts";
import type { Exchange, HttpAnswer } from "../core/inspect/judged.ts";
import type { CallRequest } from "../core/inspect/request.ts";

/** A customer would wait about as long, and keep about as much. A redirect is the answer: credentials go no further. */
const LIMITS = {
  timeoutMs: 20_000,
  connectMs: 5_000,
  maxBodyBytes: 4 * 1_048_576,
  maxHeaderBytes: 65_536,
  maxRedirects: 0,
};

/** Throws for nothing that the other side does. */
export function askEndpoint(ask: AskOutside) {
  return async ({ url, method, headers, body }: CallRequest, signal: AbortSignal): Promise<Exchange> => {
    const result = await ask({ url, method, headers: Object.fromEntries(headers), body, signal, limits: LIMITS });
    if (result.ok) {
      const { body: received, totalMs } = result.answer;
      return { answered: true, answer: readAnswer(result.answer, received, totalMs) };
    }
    return readFailure(result.failure);
  };
}

const PAYMENT_REQUIRED = 402;

/** A challenge is whole with its head: what its body does no longer matters to whoever pays. */
function readFailure({ head, kind, blame }: OutsideFailure): Exchange {
  if (head?.status === PAYMENT_REQUIRED)
    return { answered: true, answer: readAnswer(head, new Uint8Array(), head.firstByteMs) };
  return { answered: false, kind: kind.toUpperCase().replaceAll("-", "_"), blame };
}

function readAnswer({ status, headers }: OutsideHead, body: Uint8Array, ms: number): HttpAnswer {
  const lines = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  return { status, headers: lines, body, latencyMs: Math.round(ms) };
}
