/**
 * What a relay has, page by page, the newest first. Sources: NIP-01 (REQ, EVENT, EOSE, CLOSED), NIP-67 (the end of what is stored).
 * The relay is nobody's friend: it is held to a time, to a number of bytes, and to what it was asked for.
 */
import { type RawData, WebSocket } from "ws";
import { type ErrorCode, OracleError } from "../../core/errors.ts";

/** Conditions of a NIP-01 filter. `since` and `until` are inclusive unix seconds. */
export type PageFilter = {
  kinds: readonly number[];
  authors?: readonly string[];
  since?: number;
  until?: number;
} & { [tag: `#${string}`]: readonly string[] };

/** Parsed JSON, unverified, within the filter's seconds. `resumeAt` is the `until` of the next page, absent after the last one. */
export type Page = { events: unknown[]; resumeAt?: number };

export type RelayReading = {
  /** @throws RELAY_UNAVAILABLE when the relay is away, silent or sends too much, RELAY_REFUSED when it says no */
  pages(filter: PageFilter): AsyncGenerator<Page>;
  close(): void;
};

export type ReadLimits = {
  /** For the connection, and for each answer. */
  answerMs: number;
  /** Of the whole reading. */
  totalMs: number;
  totalBytes: number;
  pageEvents: number;
};

const MAX_MESSAGE_BYTES = 262_144;
const DEFAULTS: ReadLimits = { answerMs: 10_000, totalMs: 60_000, totalBytes: 33_554_432, pageEvents: 500 };

type Answer = { events: unknown[]; isLast: boolean };
type Question = { subscription: string; take(type: unknown, third: unknown): void; fail(error: OracleError): void };

/** Connects with the first question. One question at a time. */
export function readRelay(url: string, signal: AbortSignal, limits: Partial<ReadLimits> = {}): RelayReading {
  const { answerMs, totalMs, totalBytes, pageEvents } = { ...DEFAULTS, ...limits };
  let socket: WebSocket | undefined;
  let asked: Question | undefined;
  let ended: OracleError | undefined;
  let bytes = 0;
  let serial = 0;

  const end = (why: string, code: ErrorCode = "RELAY_UNAVAILABLE") => {
    ended ??= new OracleError(code, `${url}: ${why}`);
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket?.terminate();
    asked?.fail(ended);
  };
  const onAbort = () => end("stopped");
  const timer = setTimeout(() => end(`more than ${totalMs} ms for one reading`), totalMs);
  timer.unref();
  signal.addEventListener("abort", onAbort, { once: true });

  const hear = (data: RawData) => {
    const text = String(data);
    bytes += text.length;
    if (bytes > totalBytes) return end(`more than ${totalBytes} bytes`);
    const [type, subscription, third] = parseMessage(text);
    if (asked && subscription === asked.subscription) asked.take(type, third);
  };
  const connect = () =>
    new Promise<WebSocket>((resolve, reject) => {
      const opening = new WebSocket(url, {
        maxPayload: MAX_MESSAGE_BYTES,
        handshakeTimeout: answerMs,
        perMessageDeflate: false,
      });
      socket = opening;
      asked = { subscription: "", take: () => undefined, fail: reject };
      opening.once("open", () => resolve(opening));
      opening.once("error", (error) => end(error.message));
      opening.once("close", () => end("the relay hung up"));
      opening.on("message", hear);
    });

  /** The stored events of one filter, at most a page. */
  const ask = async (filter: PageFilter): Promise<Answer> => {
    if (signal.aborted) onAbort();
    if (ended) throw ended;
    const open = socket ?? (await connect());
    const subscription = `inbox-${++serial}`;
    const events: unknown[] = [];
    return new Promise<Answer>((resolve, reject) => {
      const silence = setTimeout(() => end(`no answer in ${answerMs} ms`), answerMs);
      const settle = (result: Answer | OracleError) => {
        clearTimeout(silence);
        asked = undefined;
        if (result instanceof OracleError) return reject(result);
        open.send(JSON.stringify(["CLOSE", subscription]), () => undefined);
        resolve(result);
      };
      asked = {
        subscription,
        fail: settle,
        take(type, third) {
          if (type === "EVENT" && events.length < pageEvents) events.push(third);
          // A relay that sends more than a page is not listened to any longer: the next page begins where this one ends.
          if (type === "EOSE") settle({ events, isLast: third === "finish" || isFinished(third) });
          else if (events.length >= pageEvents) settle({ events, isLast: false });
          else if (type === "CLOSED")
            settle(new OracleError("RELAY_REFUSED", `${url}: refused: ${String(third).slice(0, 200)}`));
        },
      };
      open.send(JSON.stringify(["REQ", subscription, { ...filter, limit: pageEvents }]), () => undefined);
    });
  };

  return {
    async *pages(filter) {
      const known = new Set<unknown>();
      let until = filter.until;
      let longest = 0;
      for (;;) {
        const { events, isLast } = await ask({ ...filter, ...(until !== undefined && { until }) });
        const within = events.filter((event) => isWithin(event, filter.since, until));
        const fresh = within.filter(({ id }) => !known.has(id));
        for (const { id } of fresh) known.add(id);
        const oldest = within.reduce(
          (least, { created_at }) => Math.min(least, created_at),
          until ?? Number.POSITIVE_INFINITY,
        );
        // A page that brings nothing new and is shorter than others was not cut: there is nothing older.
        if (isLast || within.length === 0 || (fresh.length === 0 && within.length < longest)) {
          yield { events: fresh };
          return;
        }
        longest = Math.max(longest, within.length);
        // Where one second has more than a page, the rest of it is passed over rather than asked for again and again.
        until = fresh.length === 0 ? oldest - 1 : oldest;
        if (until < (filter.since ?? 0)) {
          yield { events: fresh };
          return;
        }
        yield { events: fresh, resumeAt: until };
      }
    },
    close: () => end("closed"),
  };
}

/** All that a relay has of a filter, up to a limit, as parsed JSON. @throws RELAY_UNAVAILABLE, RELAY_REFUSED */
export async function readWhole(
  url: string,
  { limit, ...filter }: { kinds: number[]; limit: number },
  signal: AbortSignal,
): Promise<unknown[]> {
  const reading = readRelay(url, signal);
  const events: unknown[] = [];
  try {
    for await (const page of reading.pages(filter)) {
      events.push(...page.events);
      if (events.length >= limit) break;
    }
  } finally {
    reading.close();
  }
  return events.slice(0, limit);
}

type Dated = { id: unknown; created_at: number };

/** Whether an event is of the seconds that were asked for: another one would send us back and forth. */
function isWithin(event: unknown, since = 0, until = Number.MAX_SAFE_INTEGER): event is Dated {
  if (typeof event !== "object" || event === null) return false;
  const { created_at: at } = event as Record<string, unknown>;
  return typeof at === "number" && Number.isSafeInteger(at) && at >= since && at <= until;
}

/** NIP-67: `["finish"]` says that nothing is left. */
function isFinished(hint: unknown): boolean {
  return Array.isArray(hint) && hint[0] === "finish";
}

function parseMessage(text: string): unknown[] {
  try {
    const message: unknown = JSON.parse(text);
    return Array.isArray(message) ? message : [];
  } catch {
    return [];
  }
}
