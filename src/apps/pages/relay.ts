/** Relays as a page asks them: a question or an event each, bounded in time and size. Nothing here throws. */
import { readEvent, type SignedEvent } from "../../core/nip85/event.ts";

const TIMEOUT_MS = 10_000;
const MAX_EVENTS = 50;
const MAX_MESSAGE_CHARS = 262_144;

/** `answered` is false where absence means nothing: the relay did not come to an end. */
export type Asked = { readonly url: string; readonly events: readonly SignedEvent[]; readonly answered: boolean };

export function askRelay(url: string, filter: object): Promise<Asked> {
  const events: SignedEvent[] = [];
  return talk<Asked>(
    url,
    ["REQ", "list", { ...filter, limit: MAX_EVENTS }],
    ([type, , value]) => {
      const event = type === "EVENT" ? readEvent(value) : undefined;
      if (event) events.push(event);
      if (type === "EOSE" || events.length >= MAX_EVENTS) return { url, events, answered: true };
      return type === "CLOSED" ? { url, events, answered: false } : undefined;
    },
    { url, events, answered: false },
  );
}

/** What the relay says; undefined when it says nothing. */
export function sendEvent(url: string, event: SignedEvent): Promise<{ taken: boolean; text: string }> {
  return talk(
    url,
    ["EVENT", event],
    ([type, id, taken, text]) =>
      type === "OK" && id === event.id ? { taken: taken === true, text: String(text ?? "").slice(0, 200) } : undefined,
    { taken: false, text: "no answer: it may have it or not" },
  );
}

function talk<Answer>(
  url: string,
  message: unknown[],
  read: (message: unknown[]) => Answer | undefined,
  otherwise: Answer,
): Promise<Answer> {
  return new Promise((resolve) => {
    let socket: WebSocket;
    const settle = (answer: Answer) => {
      clearTimeout(timer);
      resolve(answer);
      socket?.close();
    };
    const timer = setTimeout(() => settle(otherwise), TIMEOUT_MS);
    try {
      socket = new WebSocket(url);
    } catch {
      return settle(otherwise);
    }
    socket.onopen = () => socket.send(JSON.stringify(message));
    socket.onerror = () => settle(otherwise);
    socket.onclose = () => settle(otherwise);
    socket.onmessage = ({ data }) => {
      const answer = String(data).length > MAX_MESSAGE_CHARS ? undefined : read(messageOf(String(data)));
      if (answer !== undefined) settle(answer);
    };
  });
}

/** A relay may say anything at any time: what is no message is none. */
function messageOf(text: string): unknown[] {
  try {
    const message: unknown = JSON.parse(text);
    return Array.isArray(message) ? message : [];
  } catch {
    return [];
  }
}
