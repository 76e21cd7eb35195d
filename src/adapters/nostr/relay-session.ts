/**
 * One WebSocket to one relay: what waits for a message gets it, and what the relay sends is bounded in size and number.
 * Nothing here throws: whatever a relay does ends a wait. Sources: NIP-01, NIP-42, NIP-45, NIP-77.
 */
import { WebSocket } from "ws";
import { printable, type RelayAnswer, readOk } from "../../core/nip85/relay-answer.ts";

/** Hears every message that names its subscription; `LOST` when the connection is. */
export type Listener = (type: string, message: readonly unknown[]) => void;

export type Session = {
  isOpen(): boolean;
  send(message: string): void;
  end(): void;
  /** A new question is asked: what may be received begins anew. */
  renew(): void;
  /** What the relay said last that belongs to no question. */
  notice: string;
  /** What is to be signed to show who we are, as the relay sent it last. */
  challenge: string | undefined;
  onChallenge: (() => void) | undefined;
  /** Who has signed in, and whether it worked; by challenge and key. */
  signedIn: Map<string, Promise<boolean>>;
  /** Waits by event id. */
  answers: Map<string, (answer: RelayAnswer) => void>;
  subscriptions: Map<string, Listener>;
};

const MAX_MESSAGE_BYTES = 262_144;
/** What may come in answer to one question, wanted or not: a page of the largest events, and some talk. */
const MAX_RECEIVED_BYTES = 8_388_608;
const MAX_RECEIVED_MESSAGES = 20_000;
const MAX_CHALLENGE_CHARACTERS = 1_024;

/** A connected session, or why there is none. */
export function openSession(url: string, timeoutMs: number): Promise<Session | string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: timeoutMs,
      perMessageDeflate: false,
    });
    let [bytes, messages] = [0, 0];
    const session: Session = {
      isOpen: () => socket.readyState === WebSocket.OPEN,
      send: (message) => socket.send(message, () => undefined),
      end: () => socket.terminate(),
      renew() {
        [bytes, messages] = [0, 0];
      },
      notice: "",
      challenge: undefined,
      onChallenge: undefined,
      signedIn: new Map(),
      answers: new Map(),
      subscriptions: new Map(),
    };
    socket.once("open", () => resolve(session));
    socket.on("message", (data: Buffer) => {
      bytes += data.length;
      messages += 1;
      if (bytes <= MAX_RECEIVED_BYTES && messages <= MAX_RECEIVED_MESSAGES) return dispatch(session, String(data));
      session.notice = "it sent more than was asked for";
      socket.terminate();
    });
    socket.on("error", (error) => {
      session.notice = printable(error.message);
      resolve(`no connection: ${printable(error.message)}`);
    });
    socket.once("close", () => {
      resolve("no connection: closed");
      answerAll(session, "connection lost");
      for (const listener of [...session.subscriptions.values()]) listener("LOST", []);
    });
  });
}

/** Messages of unknown form are dropped: a relay may say anything at any time. */
function dispatch(session: Session, text: string): void {
  const message = parseArray(text);
  const [type, first, second, third] = message;
  if (typeof type !== "string" || typeof first !== "string") return;
  if (type === "OK") session.answers.get(first)?.(readOk(second === true, typeof third === "string" ? third : ""));
  else if (type === "NOTICE") session.notice = printable(first);
  else if (type === "AUTH") {
    if (first.length > MAX_CHALLENGE_CHARACTERS) return;
    session.challenge = first;
    session.onChallenge?.();
  } else session.subscriptions.get(first)?.(type, message);
}

/** Ends every wait for an answer: what was sent may or may not have arrived. */
export function answerAll(session: Session, text: string): void {
  const answer: RelayAnswer = { outcome: "unknown", text: withNotice(text, session) };
  for (const settle of [...session.answers.values()]) settle(answer);
}

export function withNotice(text: string, session: Session): string {
  return session.notice === "" ? text : printable(`${text} (the relay said: ${session.notice})`);
}

/**
 * Asks one question and listens until `hear` says how it ended, the time is up, the connection is lost or the signal aborts: the last
 * three give undefined. The subscription is closed then.
 */
export function ask<Result>(
  session: Session,
  question: { id: string; open: string; close: "CLOSE" | "NEG-CLOSE"; timeoutMs: number; signal: AbortSignal },
  hear: (type: string, message: readonly unknown[], send: (text: string) => void) => Result | undefined,
): Promise<Result | undefined> {
  const { id, open, close, timeoutMs, signal } = question;
  return new Promise((resolve) => {
    const settle = (result: Result | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      session.subscriptions.delete(id);
      if (session.isOpen()) session.send(JSON.stringify([close, id]));
      resolve(result);
    };
    const giveUp = () => settle(undefined);
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener("abort", giveUp, { once: true });
    session.subscriptions.set(id, (type, message) => {
      if (type === "LOST") return giveUp();
      const result = hear(type, message, session.send);
      if (result !== undefined) settle(result);
    });
    if (signal.aborted) return giveUp();
    session.renew();
    session.send(open);
  });
}

function parseArray(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
