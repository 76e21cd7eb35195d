/** The relay's side of each connection: one message in, its answers out, and new events to whoever asked for them. */
import {
  type Client,
  createOutgoingEventMessage,
  createOutgoingNoticeMessage,
  createOutgoingOkMessage,
  type IncomingMessage,
} from "@nostr-relay/common";
import type { NostrRelay } from "@nostr-relay/core";
import type { Validator } from "@nostr-relay/validator";
import type { WebSocket, WebSocketServer } from "ws";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { type Acceptance, acceptEvent } from "./accept-event.ts";
import type { EventJournal } from "./event-journal.ts";
import { type EventFilter, type EventStore, matches } from "./event-store.ts";

export type RelayWorld = {
  store: EventStore;
  journal: EventJournal;
  verify: (event: SignedEvent) => boolean;
  now: () => number;
  requests: NostrRelay;
  validator: Validator;
};

export const MAX_SUBSCRIPTIONS = 20;
const MAX_CLIENTS = 200;
const MAX_UNREAD_BYTES = 8_388_608;

/** One connected client. Its subscriptions are kept here too, because the library's live tail ignores tag conditions. */
type Connection = { client: Client; subscriptions: Map<string, EventFilter[]> };

/** Serves every connection of this server. */
export function serveClients(sockets: WebSocketServer, world: RelayWorld): void {
  const connections = new Set<Connection>();
  sockets.on("connection", (socket, request) => {
    if (connections.size >= MAX_CLIENTS) return socket.close(1013, "too many clients");
    const connection = { client: bounded(socket), subscriptions: new Map<string, EventFilter[]>() };
    connections.add(connection);
    world.requests.handleConnection(connection.client, request.socket.remoteAddress);
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      connections.delete(connection);
      world.requests.handleDisconnect(connection.client);
    });
    socket.on("message", (data) => {
      handle(String(data), connection, connections, world).catch((error: Error) => {
        send(connection.client, createOutgoingNoticeMessage(`error: ${error.message}`));
      });
    });
  });
}

async function handle(
  text: string,
  connection: Connection,
  connections: ReadonlySet<Connection>,
  world: RelayWorld,
): Promise<void> {
  const message = await parse(text, connection.client, world.validator);
  if (!message) return;
  if (message[0] === "EVENT") {
    const event = message[1] as SignedEvent;
    const acceptance = accept(event, world);
    send(connection.client, createOutgoingOkMessage(event.id, acceptance.accepted, acceptance.message));
    if (acceptance.isNew) tell(connections, event);
    return;
  }
  if (message[0] === "CLOSE") connection.subscriptions.delete(message[1]);
  if (message[0] === "REQ") subscribe(connection, message[1], message.slice(2) as EventFilter[]);
  await world.requests.handleMessage(connection.client, message);
}

function accept(event: SignedEvent, world: RelayWorld): Acceptance {
  try {
    return acceptEvent(event, { ...world, now: world.now() });
  } catch {
    return { accepted: false, message: "error: could not be stored", isNew: false };
  }
}

/** A message of a known form; otherwise undefined, and the client was told what is wrong with it. */
async function parse(text: string, client: Client, validator: Validator): Promise<IncomingMessage | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(text);
    return await validator.validateIncomingMessage(value as object);
  } catch (error) {
    const reason = `invalid: ${error instanceof Error ? error.message.replace(/^invalid: /i, "") : "message"}`;
    const id = Array.isArray(value) && value[0] === "EVENT" ? value[1]?.id : undefined;
    send(
      client,
      typeof id === "string" ? createOutgoingOkMessage(id, false, reason) : createOutgoingNoticeMessage(reason),
    );
    return undefined;
  }
}

/** The oldest subscription makes room for a new one. */
function subscribe(connection: Connection, id: string, filters: EventFilter[]): void {
  connection.subscriptions.delete(id);
  connection.subscriptions.set(id, filters);
  const [oldest] = connection.subscriptions.keys();
  if (connection.subscriptions.size > MAX_SUBSCRIPTIONS && oldest !== undefined)
    connection.subscriptions.delete(oldest);
}

function tell(connections: ReadonlySet<Connection>, event: SignedEvent): void {
  for (const { client, subscriptions } of connections) {
    for (const [id, filters] of subscriptions) {
      if (filters.some((filter) => matches(event, filter))) send(client, createOutgoingEventMessage(id, event));
    }
  }
}

function send(client: Client, message: unknown[]): void {
  if (client.readyState === 1) client.send(JSON.stringify(message));
}

/** A client that does not read is let go, before what waits for it fills the memory. */
function bounded(socket: WebSocket): Client {
  return {
    get readyState() {
      return socket.readyState;
    },
    send(data) {
      if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
      else socket.send(data, () => undefined);
    },
  };
}
