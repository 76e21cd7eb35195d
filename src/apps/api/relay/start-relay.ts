/** Our own relay: WebSocket at one path of the api's server, over connections to Postgres that nothing else waits for. */
import type http from "node:http";
import type { Socket } from "node:net";
import type { Express, Request, Router } from "express";
import { WebSocketServer } from "ws";
import { openDatabase } from "../../../adapters/postgres/connect.ts";
import { relayTable } from "../../../adapters/postgres/relay.ts";
import { ERRORS, type ErrorCode } from "../../../core/errors.ts";
import { now } from "../../clock.ts";
import type { Config } from "../../config.ts";
import type { Events } from "../../events.ts";
import { addressOf, addressPrefix } from "../address.ts";
import { PROBLEM_TYPE, problemText, title } from "../problem.ts";
import {
  DATABASE_CONNECTIONS,
  MAX_MESSAGE_BYTES,
  MAX_WAITING_SCANS,
  SCANS_AT_ONCE,
  STATEMENT_TIMEOUT_MS,
  SWEEP_MS,
} from "./bounds.ts";
import { createClients } from "./clients.ts";
import { descriptionRouter, type Facts, RELAY_PATH } from "./description.ts";
import { startFeed } from "./feed.ts";
import { createGate } from "./gate.ts";
import { createLookUps } from "./look-ups.ts";
import { refuseUpgrade, routeUpgrades } from "./upgrade.ts";

const FAREWELL_MS = 1_000;

export type Relay = Awaited<ReturnType<typeof startRelay>>;
type Settings = Pick<Config, "RELAY_MAX_CONNECTIONS" | "RELAY_MAX_CONNECTIONS_PER_ADDRESS" | "RELAY_CONTACT">;

/** Opens the relay. It takes connections once it is attached to a server. */
export async function startRelay({
  databaseUrl,
  settings,
  events,
}: {
  databaseUrl: string;
  settings: Settings;
  events: Events;
}) {
  const database = openDatabase({
    url: databaseUrl,
    maxConnections: DATABASE_CONNECTIONS,
    onError: (error) => events.failed("relay connection", error),
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const { findBrand, ...table } = relayTable(database);
  const ports = { ...table, now, events };
  const lookUps = createLookUps(ports);
  const scans = createGate({ atOnce: SCANS_AT_ONCE, mostWaiting: MAX_WAITING_SCANS });
  const clients = createClients({ ports, lookUps, scans, isFollowing: () => feed.isFollowing() });
  const feed = await startFeed(ports, {
    tell: clients.tell,
    onLost: () => clients.endSubscriptions("error: the database was put back to an earlier state; ask again"),
  });
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    // A small frame could else become a large one here.
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: () => false,
  });
  const sweeping = setInterval(() => {
    clients.sweep();
    events.relayStands({ ...clients.standing(), waiting: lookUps.waiting + scans.waiting });
  }, SWEEP_MS);
  const perAddress = new Map<string, number>();
  let stopping = false;

  /** Why a connection is not taken on, if it is not. */
  function objection(range: string): ErrorCode | undefined {
    if (stopping) return "SHUTTING_DOWN";
    if ((perAddress.get(range) ?? 0) >= settings.RELAY_MAX_CONNECTIONS_PER_ADDRESS) return "RATE_LIMITED";
    return clients.standing().connections >= settings.RELAY_MAX_CONNECTIONS ? "OVERLOADED" : undefined;
  }

  function accept(app: Express, request: http.IncomingMessage, socket: Socket, head: Buffer): void {
    const address = addressOf(Object.setPrototypeOf(request, app.request) as Request);
    const range = addressPrefix(address);
    const code = objection(range);
    if (code) {
      events.relayRefused(code);
      refuse(socket, code);
      return;
    }
    perAddress.set(range, (perAddress.get(range) ?? 0) + 1);
    socket.once("close", () => {
      const left = (perAddress.get(range) ?? 1) - 1;
      if (left > 0) perAddress.set(range, left);
      else perAddress.delete(range);
    });
    sockets.handleUpgrade(request, socket, head, (client) => clients.add(client, socket, address));
  }

  return {
    /** Answers who asks what this is. */
    router: (facts: Omit<Facts, "contact" | "findBrand">): Router =>
      descriptionRouter({ ...facts, contact: settings.RELAY_CONTACT, findBrand }),
    /** Takes the upgrades of a server. The application knows whose word on addresses counts. */
    attach(server: http.Server, app: Express): void {
      routeUpgrades(server, RELAY_PATH, (request, socket, head) => accept(app, request, socket, head));
    },
    /** Ends every connection. May be called twice. */
    async stop(): Promise<void> {
      if (stopping) return;
      stopping = true;
      clearInterval(sweeping);
      clients.close();
      await feed.stop();
      await new Promise((resolve) => setTimeout(resolve, clients.standing().connections > 0 ? FAREWELL_MS : 0));
      clients.terminate();
      await database.end();
    },
  };
}

const DETAILS: Partial<Record<ErrorCode, string>> = {
  RATE_LIMITED: "too many connections come from your address",
  OVERLOADED: "too many clients are connected",
  SHUTTING_DOWN: "this process is stopping; connect again",
};

function refuse(socket: Socket, code: ErrorCode): void {
  const status = ERRORS[code];
  const body = problemText({ status, code, title: title(code), detail: DETAILS[code] ?? "" });
  refuseUpgrade(socket, `${status} ${title(code)}`, [`Content-Type: ${PROBLEM_TYPE}`, "Retry-After: 30"], body);
}
