/**
 * A relay that takes nothing it should not, keeps events as strfry does, and does on demand what relays do wrong. What is not in `behave`
 * it does by the book: NIP-01, 09, 11, 40, 45, and of 77 the one answer that says all it has.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { loadEventCrypto } from "../adapters/nostr/event-crypto.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { readEvent, type SignedEvent, tagValue } from "../core/nip85/event.ts";
import { retention } from "../core/nip85/kinds.ts";

export type Filter = { ids?: string[]; authors?: string[]; kinds?: number[]; "#d"?: string[]; limit?: number };

/** One connection, as a fault sees it. */
export type Peer = {
  socket: WebSocket;
  say(...message: unknown[]): void;
  ok(event: SignedEvent, accepted: boolean, text?: string): void;
  /** Bytes as they are, past the framing. */
  raw(bytes: Uint8Array): void;
  relay: StrictRelay;
};

/** Each may answer itself; `true` lets the relay go on by the book. */
export type Behaviour = {
  connect?: (peer: Peer) => unknown;
  event?: (peer: Peer, event: SignedEvent) => boolean;
  ask?: (peer: Peer, id: string, filters: Filter[]) => boolean;
  auth?: (peer: Peer, event: SignedEvent) => boolean;
};

export type StrictRelay = {
  url: string;
  behave: Behaviour;
  /** What it says of itself (NIP-11); undefined is a 404. */
  info: object | undefined;
  /** What it would serve, by address or id. */
  held: Map<string, SignedEvent>;
  /** The text of every event it was sent, in order. */
  received: string[];
  connections: number;
  store(event: SignedEvent): { accepted: boolean; text: string };
  stop(): Promise<void>;
};

const MAX_FRAME_BYTES = 131_072;
const MAX_EVENT_BYTES = 65_536;
const MAX_AHEAD_SEC = 900;
const MAX_INDEXED_BYTES = 255;
const MAX_TAG_BYTES = 1_024;
const bytesOf = (text: string) => Buffer.byteLength(text);

export async function startStrictRelay(now: () => number): Promise<StrictRelay> {
  const { verify } = await loadEventCrypto();
  const deletions: { pubkey: string; target: string; at: number }[] = [];
  const server = createServer((_request, response) => {
    if (!relay.info) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/nostr+json" }).end(JSON.stringify(relay.info));
  });
  const sockets = new WebSocketServer({ server, maxPayload: MAX_FRAME_BYTES });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const relay: StrictRelay = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behave: {},
    info: undefined,
    held: new Map(),
    received: [],
    connections: 0,
    store(event) {
      const wrong = faultOf(event, now(), verify);
      if (wrong) return { accepted: false, text: `invalid: ${wrong}` };
      const place = placeOf(event);
      const there = relay.held.get(place);
      if (there?.id === event.id) return { accepted: true, text: "duplicate: have this event" };
      const isDeleted = ({ pubkey, target, at }: (typeof deletions)[number]) =>
        pubkey === event.pubkey && (target === event.id || (target === addressOf(event) && event.created_at <= at));
      if (deletions.some(isDeleted)) return { accepted: false, text: "deleted: user requested deletion" };
      if (there && !isNewer(event, there)) return { accepted: false, text: "replaced: have newer event" };
      if (event.kind === 5) forget(event);
      relay.held.set(place, event);
      return { accepted: true, text: "" };
    },
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  /** An `a` is found only where it is indexed. */
  const forget = (deletion: SignedEvent) => {
    for (const [name, value = ""] of deletion.tags) {
      if (name !== "e" && !(name === "a" && bytesOf(value) <= MAX_INDEXED_BYTES)) continue;
      deletions.push({ pubkey: deletion.pubkey, target: value, at: deletion.created_at });
      for (const [place, event] of relay.held) {
        const named = event.id === value || (addressOf(event) === value && event.created_at <= deletion.created_at);
        if (named && event.pubkey === deletion.pubkey) relay.held.delete(place);
      }
    }
  };

  sockets.on("connection", (socket) => {
    relay.connections += 1;
    const say = (...message: unknown[]) => socket.send(JSON.stringify(message), () => undefined);
    const peer: Peer = {
      socket,
      say,
      ok: (event, accepted, text = "") => say("OK", event.id, accepted, text),
      raw: (bytes) => void (socket as unknown as { _socket: NodeJS.WritableStream })._socket.write(bytes),
      relay,
    };
    socket.on("error", () => undefined);
    socket.on("message", (data) => hear(peer, String(data)));
    relay.behave.connect?.(peer);
  });
  return relay;
}

function hear(peer: Peer, text: string): void {
  const { relay, say } = peer;
  const [type, first, ...rest] = JSON.parse(text) as [string, unknown, ...unknown[]];
  const event = readEvent(first);
  if (type === "EVENT" && event) {
    relay.received.push(text.slice('["EVENT",'.length, -1));
    if (relay.behave.event?.(peer, event) === false) return;
    const { accepted, text: why } = relay.store(event);
    peer.ok(event, accepted, why);
  } else if (type === "AUTH" && event) {
    if (relay.behave.auth?.(peer, event) !== false) peer.ok(event, true);
  } else if (type === "REQ" || type === "COUNT" || type === "NEG-OPEN") {
    const id = String(first);
    const filters = rest.filter((filter) => typeof filter === "object") as Filter[];
    if (relay.behave.ask?.(peer, id, filters) === false) return;
    const found = [...relay.held.values()].filter((held) => filters.some((filter) => matches(held, filter)));
    if (type === "COUNT") say("COUNT", id, { count: found.length });
    else if (type === "NEG-OPEN") say("NEG-MSG", id, everything(found));
    else {
      for (const held of found) say("EVENT", id, held);
      say("EOSE", id);
    }
  }
}

function matches(event: SignedEvent, { ids, authors, kinds, "#d": ds }: Filter): boolean {
  const d = tagValue(event, "d") ?? "";
  return (
    (ids?.includes(event.id) ?? true) &&
    (authors?.includes(event.pubkey) ?? true) &&
    (kinds?.includes(event.kind) ?? true) &&
    (ds?.includes(bytesOf(d) > MAX_INDEXED_BYTES ? "" : d) ?? true)
  );
}

function faultOf(event: SignedEvent, now: number, verify: (event: SignedEvent) => boolean): string | undefined {
  if (bytesOf(JSON.stringify(event)) > MAX_EVENT_BYTES) return "event too large";
  if (!verify(event)) return "bad event id or signature";
  if (event.created_at > now + MAX_AHEAD_SEC) return "created_at too late";
  if (Number(tagValue(event, "expiration") ?? Infinity) <= now) return "event expired";
  for (const [name = "", value = ""] of event.tags) {
    if ((name === "e" || name === "p") && !/^[0-9a-f]{64}$/.test(value))
      return `unexpected size for fixed-size tag: ${name}`;
    if (name.length === 1 && bytesOf(value) > MAX_TAG_BYTES) return "tag val too large";
    if (event.kind === 5 && name === "a" && value.split(":")[1] !== event.pubkey) return "foreign a in a deletion";
  }
  return undefined;
}

/** What is newer stays; of one second, the lowest id. */
function isNewer(event: SignedEvent, there: SignedEvent): boolean {
  return event.created_at > there.created_at || (event.created_at === there.created_at && event.id < there.id);
}

/** A longer `d` is not indexed: all such events of a key and kind are one address. */
function addressOf(event: SignedEvent): string {
  const d = retention(event.kind) === "newest-per-d" ? (tagValue(event, "d") ?? "") : "";
  return `${event.kind}:${event.pubkey}:${bytesOf(d) > MAX_INDEXED_BYTES ? "" : d}`;
}

function placeOf(event: SignedEvent): string {
  return retention(event.kind) === "all" ? event.id : addressOf(event);
}

/** NIP-77: version 1, one range without an end, as the list of its ids. */
function everything(events: readonly SignedEvent[]): string {
  const size: number[] = [events.length % 128];
  for (let rest = Math.floor(events.length / 128); rest > 0; rest = Math.floor(rest / 128))
    size.unshift(128 + (rest % 128));
  const ids = events.map(({ id }) => id).join("");
  return `61000002${toHex(Uint8Array.from(size))}${toHex(fromHex(ids) ?? new Uint8Array())}`;
}
