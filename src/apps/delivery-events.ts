/** What becomes of our events at each relay, as log lines and metrics. A part of `events.ts`. Relays are named by the operator: a small set. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { RelayStanding } from "../adapters/postgres/relay-state.ts";
import type { AuditReport } from "../oracle/publish/audit-relay.ts";
import type { DeliverReport } from "../oracle/publish/delivery.ts";
import type { Logger } from "./log.ts";

type Delivered = Pick<DeliverReport, "confirmed" | "refused" | "invalid" | "signedAgain">;

export function deliveryEvents(registry: Registry, log: Logger) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `satrank_delivery_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = ["relay"]) =>
    new Gauge({ name: `satrank_delivery_${name}`, help, labelNames, registers });
  const deliveries = counter("ended_total", "Deliveries by how they ended", ["relay", "outcome"]);
  const invalid = counter("invalid_events_total", "Events refused as wrong in themselves: a fault of ours", ["relay"]);
  const events = gauge("events", "Current events by how far the relay has taken them", ["relay", "state"]);
  const rate = gauge("events_per_minute", "What the relay has taught us to send it");
  const contact = gauge("last_contact_seconds", "Unix time of its last answer");
  const paused = gauge("paused_until_seconds", "Unix time until which it is left alone; 0: it is not");
  const missing = gauge("missing_events", "What the last audit did not find that it had been seen with");
  const audited = gauge("audited_at_seconds", "Unix time of the last audit");

  return {
    delivered(relay: string, counts: Delivered): void {
      for (const outcome of ["confirmed", "refused", "signedAgain"] as const)
        if (counts[outcome] > 0) deliveries.inc({ relay, outcome }, counts[outcome]);
      if (counts.invalid === 0) return;
      invalid.inc({ relay }, counts.invalid);
      log.error({ relay, count: counts.invalid }, "a relay refused events as invalid: a fault of ours");
    },
    relaysStand(standing: readonly RelayStanding[]): void {
      for (const { relay, confirmed, waiting, refused, perMinute, lastContactAt, pausedUntil, role } of standing) {
        events.set({ relay, state: "confirmed" }, confirmed);
        events.set({ relay, state: "waiting" }, waiting);
        events.set({ relay, state: "refused" }, refused);
        if (role !== "full") rate.set({ relay }, perMinute);
        contact.set({ relay }, lastContactAt ?? 0);
        paused.set({ relay }, pausedUntil ?? 0);
      }
    },
    audited(relay: string, at: number, report: AuditReport): void {
      if (!report.answered) {
        log.warn({ relay, ...report }, "a relay did not answer its audit");
        return;
      }
      audited.set({ relay }, at);
      missing.set({ relay }, report.missing);
      if (report.missing > 0) log.error({ relay, ...report }, "a relay has lost events of ours; they are sent again");
      else log.info({ relay, ...report }, "a relay has everything that it took");
    },
  };
}
