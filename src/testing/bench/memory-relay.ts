/** A baseline of the relay bench: @nostr-relay over events in memory, found by their `d` without a search. */
import { type Event, EventRepository, type EventRepositoryUpsertResult, type Filter } from "@nostr-relay/common";
import { NostrRelay } from "@nostr-relay/core";
import { Validator } from "@nostr-relay/validator";
import { WebSocketServer } from "ws";
import { decodeEvent, type SignedEvent, tagValue } from "../../core/nip85/event.ts";

const silent = { setLogLevel() {}, debug() {}, info() {}, warn() {}, error() {} };

class InMemory extends EventRepository {
  readonly #byD = new Map<string, SignedEvent>();
  constructor(bodies: readonly string[]) {
    super();
    for (const event of bodies.map((body) => decodeEvent(body)!)) this.#byD.set(tagValue(event, "d") ?? "", event);
  }
  isSearchSupported(): boolean {
    return false;
  }
  upsert(): EventRepositoryUpsertResult {
    return { isDuplicate: false };
  }
  find(filter: Filter): Event[] {
    const limit = filter.limit ?? 500;
    const ds = filter["#d"];
    if (ds) return ds.flatMap((d) => this.#byD.get(d) ?? []).slice(0, limit);
    return [...this.#byD.values()].slice(0, limit);
  }
  async destroy(): Promise<void> {}
}

/** Serves these events on a server of its own. */
export function serveFromMemory(bodies: readonly string[]): WebSocketServer {
  const relay = new NostrRelay(new InMemory(bodies), { filterResultCacheTtl: 0, logger: silent });
  const validator = new Validator();
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  server.on("connection", (socket) => {
    relay.handleConnection(socket);
    socket.on("close", () => relay.handleDisconnect(socket));
    socket.on("message", async (data) => {
      await relay.handleMessage(socket, await validator.validateIncomingMessage(JSON.parse(String(data))));
    });
  });
  return server;
}
