/**
 * The demo world's relay: reads and writes, on loopback only, kept in one file. Requests go through @nostr-relay/core;
 * events are checked here with libsecp256k1, so that a whole network's assertions arrive in seconds.
 */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Logger } from "@nostr-relay/common";
import { NostrRelay } from "@nostr-relay/core";
import { Validator } from "@nostr-relay/validator";
import { WebSocketServer } from "ws";
import { loadEventCrypto } from "../../../adapters/nostr/event-crypto.ts";
import { OracleError } from "../../../core/errors.ts";
import { now as clock } from "../../clock.ts";
import { openEventJournal } from "./event-journal.ts";
import { createEventStore } from "./event-store.ts";
import { StoredEvents } from "./repository.ts";
import { MAX_SUBSCRIPTIONS, serveClients } from "./serve-clients.ts";

export type LocalRelay = {
  /** ws:// address with the port it really has. */
  url: string;
  /** Closes every connection and the file. May be called twice. */
  stop(): Promise<void>;
};

export type LocalRelayOptions = {
  /** Where `relay-events.jsonl` lives; created when missing. */
  dataDir: string;
  /** A loopback address. */
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** At most so many events are held. */
  capacity?: number;
  /** Unix seconds; the clock decides what has expired. */
  now?: () => number;
};

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const CAPACITY = 100_000;
const MAX_MESSAGE_BYTES = 131_072;
const silent: Logger = { setLogLevel() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Starts the relay on what an earlier run left in `dataDir`. @throws CONFIG_INVALID for an address that others could reach, or a port that is taken */
export async function startLocalRelay(options: LocalRelayOptions): Promise<LocalRelay> {
  const { host, port, dataDir, capacity = CAPACITY, now = clock } = options;
  if (!LOOPBACK.has(host))
    throw new OracleError("CONFIG_INVALID", "the local relay takes anybody's events: it listens on loopback only");
  const { verify } = await loadEventCrypto();
  const store = createEventStore(capacity);
  const journal = openEventJournal(path.join(dataDir, "relay-events.jsonl"), store);
  const requests = new NostrRelay(new StoredEvents(store, now), {
    filterResultCacheTtl: 0,
    maxSubscriptionsPerClient: MAX_SUBSCRIPTIONS,
    logger: silent,
  });

  const server = createServer(describeRelay);
  const sockets = new WebSocketServer({ server, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  sockets.on("error", () => undefined); // The server's own listeners report it.
  const validator = new Validator({ maxSubscriptionIdLength: 64 });
  serveClients(sockets, { store, journal, verify, now, requests, validator });
  try {
    await listen(server, host, port);
  } catch (error) {
    await requests.destroy();
    journal.close();
    throw error;
  }

  const address = server.address() as AddressInfo;
  const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return {
    url: `ws://${shown}:${address.port}`,
    async stop() {
      if (!server.listening) return;
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => sockets.close(resolve));
      await new Promise((resolve) => server.close(resolve));
      await requests.destroy();
      journal.close();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? `port ${port} is in use` : cause.message;
      reject(new OracleError("CONFIG_INVALID", `DEMO_RELAY_PORT: ${why}; set another`, { cause }));
    };
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

/** NIP-11: what this relay is, for clients that ask over HTTP. */
const describeRelay: RequestListener = (_request, response) => {
  const limitation = {
    max_message_length: MAX_MESSAGE_BYTES,
    max_subscriptions: MAX_SUBSCRIPTIONS,
    max_limit: 1000,
    default_limit: 500,
  };
  const description =
    "Demo relay of this machine. It takes anybody's events and is not meant to be reached from outside.";
  response.setHeader("Content-Type", "application/nostr+json");
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.end(JSON.stringify({ name: "SatRank demo relay", description, supported_nips: [1, 9, 11, 40], limitation }));
};
