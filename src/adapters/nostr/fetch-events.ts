/** One question to one relay: the stored events that match a filter. Source: NIP-01 (REQ, EVENT, EOSE, CLOSED). */
import { WebSocket } from "ws";
import { type ErrorCode, OracleError } from "../../core/errors.ts";

/** Conditions of a NIP-01 filter; `limit` bounds what is kept, whatever the relay sends. */
export type EventFilter = {
  ids?: string[];
  kinds?: number[];
  authors?: string[];
  "#d"?: string[];
  "#a"?: string[];
  limit: number;
};

const MAX_MESSAGE_BYTES = 262_144;

/** The events as parsed JSON, unverified, in the relay's order. @throws RELAY_UNAVAILABLE when it cannot be asked, RELAY_REFUSED when it says no */
export function fetchEvents(url: string, filter: EventFilter, timeoutMs = 10_000): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const events: unknown[] = [];
    const socket = new WebSocket(url, {
      maxPayload: MAX_MESSAGE_BYTES,
      handshakeTimeout: timeoutMs,
      perMessageDeflate: false,
    });
    const timer = setTimeout(() => fail("RELAY_UNAVAILABLE", "no answer in time"), timeoutMs);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
      socket.terminate();
    };
    const fail = (code: ErrorCode, why: string) => end(() => reject(new OracleError(code, `${url}: ${why}`)));
    socket.once("open", () => socket.send(JSON.stringify(["REQ", "satrank", filter]), () => undefined));
    socket.once("error", (error) => fail("RELAY_UNAVAILABLE", error.message));
    socket.once("close", () => fail("RELAY_UNAVAILABLE", "the relay hung up"));
    socket.on("message", (data) => {
      const [type, , third] = parseMessage(String(data));
      if (type === "EVENT" && events.length < filter.limit) events.push(third);
      else if (type === "EOSE" || events.length >= filter.limit) end(() => resolve(events));
      else if (type === "CLOSED") fail("RELAY_REFUSED", `refused: ${String(third).slice(0, 200)}`);
    });
  });
}

function parseMessage(text: string): unknown[] {
  try {
    const message: unknown = JSON.parse(text);
    return Array.isArray(message) ? message : [];
  } catch {
    return [];
  }
}
