/**
 * One relay as a publisher sees it: events go out a few at a time, each with its own timeout, and are read back by id.
 * Nothing here throws: whatever a relay does becomes an answer. Source: NIP-01.
 */
import { WebSocket } from "ws";
import { eventId, readEvent } from "../../core/nip85/event.ts";
import { printable, type RelayAnswer, readOk } from "../../core/nip85/relay-answer.ts";

/** A signed event as it is stored, and what identifies it. */
export type OutgoingEvent = { id: string; sig: string; json: string };
/** `present`: ids the relay showed with our content and signature. When not `answered`, absence means nothing. */
export type ReadBack = { present: ReadonlySet<string>; answered: boolean };

export type RelayOptions = { connectTimeoutMs?: number; answerTimeoutMs?: number; window?: number };

export type RelayConnection = {
  readonly url: string;
  /** One answer per event, in order; ids must differ. Connects when needed. Stops sending when the relay falls silent or asks to. */
  publish(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<RelayAnswer[]>;
  /** Asks the relay for these events. Connects when needed. */
  readBack(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<ReadBack>;
  close(): void;
};

const MAX_MESSAGE_BYTES = 262_144;
const IDS_PER_REQUEST = 100;
const DEFAULTS = { connectTimeoutMs: 5_000, answerTimeoutMs: 10_000, window: 16 };

/** A relay by its ws:// or wss:// URL. No connection is made yet; a lost one is made again by the next call. */
export function relayConnection(url: string, options: RelayOptions = {}): RelayConnection {
  const limits = { ...DEFAULTS, ...options };
  let session: Session | undefined;

  const connect = async (): Promise<Session | string> => {
    if (session?.isOpen()) return session;
    const opened = await openSession(url, limits.connectTimeoutMs);
    session = typeof opened === "string" ? undefined : opened;
    return opened;
  };

  return {
    url,
    async publish(events, signal) {
      const connected = await connect();
      if (typeof connected !== "string") return publishAll(connected, events, limits, signal);
      return events.map(() => ({ outcome: "retry", text: `not sent: ${connected}` }));
    },
    async readBack(events, signal) {
      const present = new Set<string>();
      for (let from = 0; from < events.length; from += IDS_PER_REQUEST) {
        const connected = await connect();
        if (typeof connected === "string" || signal.aborted) return { present, answered: false };
        const page = events.slice(from, from + IDS_PER_REQUEST);
        if (!(await requestPage(connected, page, present, limits.answerTimeoutMs, signal)))
          return { present, answered: false };
      }
      return { present, answered: true };
    },
    close() {
      session?.end();
      session = undefined;
    },
  };
}

/** What waits for a message: answers by event id, and subscriptions by their id. */
type Session = {
  isOpen(): boolean;
  send(message: string): void;
  end(): void;
  notice: string;
  answers: Map<string, (answer: RelayAnswer) => void>;
  subscriptions: Map<string, { onEvent(event: unknown): void; onEnd(complete: boolean): void }>;
};

/** A connected session, or why there is none. */
function openSession(url: string, timeoutMs: number): Promise<Session | string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: timeoutMs,
      perMessageDeflate: false,
    });
    const session: Session = {
      isOpen: () => socket.readyState === WebSocket.OPEN,
      send: (message) => socket.send(message, () => undefined),
      end: () => socket.terminate(),
      notice: "",
      answers: new Map(),
      subscriptions: new Map(),
    };
    socket.once("open", () => resolve(session));
    socket.on("message", (data) => dispatch(session, String(data)));
    socket.on("error", (error) => {
      session.notice = printable(error.message);
      resolve(`no connection: ${printable(error.message)}`);
    });
    socket.once("close", () => {
      resolve("no connection: closed");
      answerAll(session, "connection lost");
      for (const subscription of session.subscriptions.values()) subscription.onEnd(false);
    });
  });
}

/** Messages of unknown form are dropped: a relay may say anything at any time. */
function dispatch(session: Session, text: string): void {
  const message = parseArray(text);
  const [type, first, second, third] = message;
  if (typeof first !== "string") return;
  if (type === "OK") session.answers.get(first)?.(readOk(second === true, typeof third === "string" ? third : ""));
  else if (type === "EVENT") session.subscriptions.get(first)?.onEvent(second);
  else if (type === "EOSE") session.subscriptions.get(first)?.onEnd(true);
  else if (type === "CLOSED") session.subscriptions.get(first)?.onEnd(false);
  else if (type === "NOTICE") session.notice = printable(first);
}

type Limits = { answerTimeoutMs: number; window: number };

/** Keeps up to `window` events in flight until all are sent, or sending on makes no sense. */
async function publishAll(session: Session, events: readonly OutgoingEvent[], limits: Limits, signal: AbortSignal) {
  const answers: RelayAnswer[] = [];
  let next = 0;
  let stop: RelayAnswer | undefined;

  const sendOn = async (): Promise<void> => {
    while (next < events.length) {
      const index = next++;
      if (signal.aborted) stop ??= { outcome: "retry", text: "not sent: stopping" };
      if (!session.isOpen()) stop ??= { outcome: "retry", text: withNotice("not sent: connection lost", session) };
      const answer = stop ?? (await publishOne(session, events[index]!, limits.answerTimeoutMs));
      stop ??= stopAfter(answer);
      answers[index] = answer;
    }
  };
  const onAbort = () => answerAll(session, "stopped before the answer came");
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.all(Array.from({ length: limits.window }, sendOn));
  signal.removeEventListener("abort", onAbort);
  return answers;
}

/** Ends every wait of the session: what was sent may or may not have arrived. */
function answerAll(session: Session, text: string): void {
  for (const answer of session.answers.values()) answer({ outcome: "unknown", text: withNotice(text, session) });
}

/** What the events not yet sent are told when the relay fell silent, or asked for a pause; undefined to send on. */
function stopAfter(answer: RelayAnswer): RelayAnswer | undefined {
  if (answer.outcome === "unknown") return { outcome: "retry", text: `not sent: ${answer.text}` };
  if ("pauseSec" in answer) return { outcome: "retry", text: `not sent: ${answer.text}`, pauseSec: answer.pauseSec! };
  return undefined;
}

function publishOne(session: Session, event: OutgoingEvent, timeoutMs: number): Promise<RelayAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: RelayAnswer) => {
      clearTimeout(timer);
      session.answers.delete(event.id);
      resolve(answer);
    };
    const timer = setTimeout(
      () => settle({ outcome: "unknown", text: withNotice(`no answer in ${timeoutMs} ms`, session) }),
      timeoutMs,
    );
    session.answers.set(event.id, settle);
    session.send(`["EVENT",${event.json}]`);
  });
}

/** Collects what the relay shows of one page; false when it did not come to an end. */
function requestPage(
  session: Session,
  page: readonly OutgoingEvent[],
  present: Set<string>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = new Map(page.map((event) => [event.id, event.sig]));
  const subscription = `read-${page[0]!.id.slice(0, 16)}`;
  let seen = 0;
  return new Promise((resolve) => {
    const settle = (complete: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      session.subscriptions.delete(subscription);
      if (session.isOpen()) session.send(JSON.stringify(["CLOSE", subscription]));
      resolve(complete);
    };
    const onAbort = () => settle(false);
    const timer = setTimeout(() => settle(false), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    session.subscriptions.set(subscription, {
      onEvent(value) {
        // A relay that sends more than was asked for is not waited for.
        if (++seen > 2 * page.length) return settle(false);
        const event = readEvent(value);
        if (event && wanted.get(event.id) === event.sig && eventId(event) === event.id) present.add(event.id);
      },
      onEnd: settle,
    });
    session.send(JSON.stringify(["REQ", subscription, { ids: [...wanted.keys()], limit: wanted.size }]));
  });
}

function withNotice(text: string, session: Session): string {
  return session.notice === "" ? text : printable(`${text} (the relay said: ${session.notice})`);
}

function parseArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
