/** Messages of a stream that wait to be taken in. The stream is always read, and what waits is bounded: beyond it the stream is given up. */
import { OracleError } from "../../core/errors.ts";

export type Inbox = ReturnType<typeof openInbox>;

/** Reads `subscribe`'s messages from this moment on. */
export function openInbox(
  subscribe: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  limits: { maxBytes: number; signal: AbortSignal },
) {
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, limits.signal]);
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let received = 0;
  let ended: { error: unknown } | undefined;

  const pump = async () => {
    for await (const message of subscribe(signal)) {
      // A view may keep a whole block of memory from being freed.
      waiting.push(message.slice());
      bytes += message.length;
      received++;
      if (bytes > limits.maxBytes)
        throw new OracleError("OVERLOADED", "changes of the graph came faster than they were stored");
    }
    throw new OracleError("LND_UNAVAILABLE", "the stream of the graph ended");
  };
  const done = pump().catch((error: unknown) => {
    ended = { error };
  });

  return {
    /** Why the stream is over, if it is. */
    ended: () => ended,
    /** Takes what waits; `first` is the number of the first of them, counting from 0. */
    take(): { messages: Uint8Array[]; first: number } {
      const messages = waiting;
      waiting = [];
      bytes = 0;
      return { messages, first: received - messages.length };
    },
    async close(): Promise<void> {
      controller.abort();
      await done;
    },
  };
}
