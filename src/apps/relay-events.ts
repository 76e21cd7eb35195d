/** Events of our own relay: who is connected, what is asked, what is sent, who is let go. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Logger } from "./log.ts";

/** How the relay stands. `waiting`: questions that wait for the database. */
export type RelayStanding = { connections: number; subscriptions: number; waiting: number };

export function relayEvents(registry: Registry, log: Logger) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `satrank_relay_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name: `satrank_relay_${name}`, help, registers });
  const connections = gauge("connections", "Clients connected to our relay");
  const subscriptions = gauge("subscriptions", "Subscriptions they have open");
  const waiting = gauge("queries_waiting", "Questions of theirs that wait for the database");
  const requests = counter("requests_total", "Messages of clients by what became of them", ["verb", "outcome"]);
  const sent = counter("events_sent_total", "Events sent, stored ones and news", ["part"]);
  const refused = counter("connections_refused_total", "Connections that were not taken on", ["reason"]);
  const slow = counter("slow_readers_closed_total", "Clients let go because they did not take what they asked for");
  return {
    relayStands(standing: RelayStanding): void {
      connections.set(standing.connections);
      subscriptions.set(standing.subscriptions);
      waiting.set(standing.waiting);
    },
    relayRequest(verb: string, outcome: string): void {
      requests.inc({ verb, outcome });
    },
    relayEventsSent(part: "stored" | "live", count: number): void {
      sent.inc({ part }, count);
    },
    relayRefused(reason: string): void {
      refused.inc({ reason });
    },
    relaySlowReader(address: string): void {
      slow.inc();
      log.info({ address }, "a client of the relay does not read, and is let go");
    },
  };
}
