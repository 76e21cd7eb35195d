/** The server process of the relay bench: our own relay on the Postgres of the bench, and its baselines over the same WebSocket library. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { openDatabase } from "../../adapters/postgres/connect.ts";
import { startRelayServer } from "../relay-server.ts";
import { serveFromMemory } from "./memory-relay.ts";

/** What the process says when it is ready: the addresses of our relay, of a bare echo, of all events as frames, of @nostr-relay in memory. */
export type RelayReady = Record<"relay" | "echo" | "frames" | "memory", string>;

const [, , databaseUrl = ""] = process.argv;
const database = openDatabase({ url: databaseUrl, maxConnections: 1, onError: () => undefined });
const { rows } = await database.query("SELECT body FROM outbox_event");
const bodies = rows.map(({ body }) => String(body));

const open = () => new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
const [echo, frames, memory] = [open(), open(), serveFromMemory(bodies)];
echo.on("connection", (socket) => socket.on("message", (data) => socket.send(String(data))));
frames.on("connection", (socket) =>
  socket.on("message", () => {
    for (const body of bodies) socket.send(`["EVENT","x",${body}]`);
    socket.send('["EOSE","x"]');
  }),
);
await Promise.all([echo, frames, memory].map((server) => once(server, "listening")));
const relay = await startRelayServer(databaseUrl);
const urlOf = (server: WebSocketServer) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
process.send?.({
  relay: relay.url,
  echo: urlOf(echo),
  frames: urlOf(frames),
  memory: urlOf(memory),
} satisfies RelayReady);
process.once("disconnect", () => process.exit(0));
