/**
 * One relay as a publisher sees it: events go out a few at a time, each with its own timeout, and are read back by id.
 * Nothing here throws: whatever a relay does becomes an answer. Sources: NIP-01, NIP-42, NIP-45.
 */
import { decodeEvent, eventId, readEvent } from "../../core/nip85/event.ts";
import type { RelayAnswer } from "../../core/nip85/relay-answer.ts";
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { type AuditFilter, type AuditItem, findMissing } from "./negentropy.ts";
import { type OutgoingEvent, publishAll } from "./publish-all.ts";
import { ask, openSession, type Session } from "./relay-session.ts";
import { type Identity, signIn } from "./sign-in.ts";

/** `present`: ids the relay showed with our content and signature. When not `answered`, absence means nothing. */
export type ReadBack = { present: ReadonlySet<string>; answered: boolean };

export type RelayOptions = {
  connectTimeoutMs?: number;
  answerTimeoutMs?: number;
  window?: number;
  /** Shows who we are when the relay asks; without it nobody signs in. */
  identity?: Identity;
};

export type RelayConnection = {
  readonly url: string;
  /** One answer per event, in order; ids must differ. Connects when needed. Stops sending when the relay falls silent or asks to. */
  publish(events: readonly OutgoingEvent[], signal: AbortSignal, info?: RelayInfo): Promise<RelayAnswer[]>;
  /** Asks the relay for these events. Connects when needed. */
  readBack(events: readonly OutgoingEvent[], signal: AbortSignal, info?: RelayInfo): Promise<ReadBack>;
  /** How many events it says it has; undefined when it does not say. */
  count(filter: AuditFilter, signal: AbortSignal): Promise<number | undefined>;
  /** The ids among `items` that it lacks; undefined when it does not come to an end. */
  findMissing(
    filter: AuditFilter,
    items: readonly AuditItem[],
    signal: AbortSignal,
    info?: RelayInfo,
  ): Promise<string[] | undefined>;
  close(): void;
};

const IDS_PER_REQUEST = 100;
const DEFAULTS = { connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, window: 16 };

/** A relay by its ws:// or wss:// URL. No connection is made yet; a lost one is made again by the next call. */
export function relayConnection(url: string, options: RelayOptions = {}): RelayConnection {
  const limits = { ...DEFAULTS, ...options, url };
  let session: Session | undefined;

  const connect = async (): Promise<Session | string> => {
    if (session?.isOpen()) return session;
    const opened = await openSession(url, limits.connectTimeoutMs);
    session = typeof opened === "string" ? undefined : opened;
    return opened;
  };

  return {
    url,
    async publish(events, signal, info) {
      const connected = await connect();
      if (typeof connected !== "string") return publishAll(connected, events, { ...limits, signal, info });
      return events.map(() => ({ outcome: "retry", text: `not sent: ${connected}` }));
    },
    async readBack(events, signal, info) {
      const present = new Set<string>();
      const most = Math.min(IDS_PER_REQUEST, info?.maxLimit ?? IDS_PER_REQUEST);
      for (let from = 0; from < events.length; from += most) {
        const connected = await connect();
        if (typeof connected === "string" || signal.aborted) return { present, answered: false };
        const page = events.slice(from, from + most);
        if (!(await readPage(connected, page, present, { ...limits, signal, info })))
          return { present, answered: false };
      }
      return { present, answered: true };
    },
    async count(filter, signal) {
      const connected = await connect();
      if (typeof connected === "string") return undefined;
      const id = "count";
      const question = { id, open: JSON.stringify(["COUNT", id, filter]), close: "CLOSE" as const, signal };
      const answer = await ask(connected, { ...question, timeoutMs: limits.answerTimeoutMs }, (type, [, , told]) => {
        if (type === "COUNT") return { count: (told as { count?: unknown } | null)?.count };
        return type === "CLOSED" ? { count: undefined } : undefined;
      });
      return Number.isSafeInteger(answer?.count) ? (answer?.count as number) : undefined;
    },
    async findMissing(filter, items, signal, info) {
      const connected = await connect();
      if (typeof connected === "string") return undefined;
      return findMissing(connected, filter, items, { timeoutMs: limits.answerTimeoutMs, signal, info });
    },
    close() {
      session?.end();
      session = undefined;
    },
  };
}

type Reading = {
  url: string;
  answerTimeoutMs: number;
  identity?: Identity;
  signal: AbortSignal;
  info: RelayInfo | undefined;
};

/** Collects what the relay shows of one page; false when it did not come to an end. A relay that asks who we are is told, once. */
async function readPage(
  session: Session,
  page: readonly OutgoingEvent[],
  present: Set<string>,
  { url, answerTimeoutMs: timeoutMs, identity, signal, info }: Reading,
): Promise<boolean> {
  const wanted = new Map(page.map((event) => [event.id, event.sig]));
  const id = `read-${page[0]!.id.slice(0, 16)}`.slice(0, info?.maxSubscriptionIdCharacters);
  const filter = { ids: [...wanted.keys()], limit: wanted.size };
  const question = { id, open: JSON.stringify(["REQ", id, filter]), close: "CLOSE" as const, timeoutMs, signal };
  const read = () => {
    let seen = 0;
    return ask(session, question, (type, [, , third]): "end" | "no" | "who" | undefined => {
      if (type === "EOSE") return "end";
      if (type === "CLOSED") return typeof third === "string" && third.startsWith("auth-required:") ? "who" : "no";
      if (type !== "EVENT") return undefined;
      // A relay that sends more than was asked for is not waited for.
      if (++seen > 2 * page.length) return "no";
      const event = readEvent(third);
      if (event && wanted.get(event.id) === event.sig && eventId(event) === event.id) present.add(event.id);
      return undefined;
    });
  };
  const first = await read();
  if (first !== "who" || !identity) return first === "end";
  const pubkey = decodeEvent(page[0]!.json)?.pubkey;
  if (pubkey === undefined || !(await signIn(session, { url, pubkey, identity, timeoutMs }))) return false;
  return (await read()) === "end";
}
