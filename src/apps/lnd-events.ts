/** What LND's connections do, as log lines and metrics. A part of `events.ts`. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { BreakerState } from "../adapters/lnd/breaker.ts";
import type { LndEvent } from "../adapters/lnd/connect.ts";
import { TROUBLES, type TroubleName } from "../adapters/lnd/trouble.ts";
import type { LndNodeEvents } from "./lnd-nodes.ts";
import type { Logger } from "./log.ts";

const BREAKER_STATES = { closed: 0, "half-open": 0.5, open: 1 };

/** Labels are of closed sets: a node's name, a purpose, an RPC, an outcome, a trouble. */
export function lndEvents(registry: Registry, log: Logger): LndNodeEvents {
  const registers = [registry];
  const labelNames = ["node", "purpose"];
  const calls = new Histogram({
    name: "satrank_lnd_call_duration_seconds",
    help: "Calls of LND by how they ended, and the time they took",
    labelNames: [...labelNames, "rpc", "outcome"],
    buckets: [0.01, 0.1, 1, 5, 10, 60],
    registers,
  });
  const breakers = new Gauge({
    name: "satrank_lnd_breaker_open",
    help: "1 while an RPC is not called because LND did not answer it, 0.5 while one call tries again",
    labelNames: [...labelNames, "rpc"],
    registers,
  });
  const connects = new Counter({
    name: "satrank_lnd_connects_total",
    help: "Connections to LND that came up; all but the first are reconnects",
    labelNames,
    registers,
  });
  const connected = new Gauge({
    name: "satrank_lnd_connected",
    help: "1 while connected to LND",
    labelNames,
    registers,
  });
  const up = new Gauge({ name: "satrank_lnd_up", help: "1 while LND serves this purpose", labelNames, registers });
  const reachable = new Gauge({
    name: "satrank_lnd_reachable",
    help: "1 while a node answers GetInfo",
    registers,
  });
  const readers = new Map<string, boolean>();
  const troubles = new Gauge({
    name: "satrank_lnd_trouble",
    help: "1 while this is wrong with a connection to LND",
    labelNames: [...labelNames, "trouble"],
    registers,
  });

  /** Once when it opens and once when it closes, however often it is tried in between. */
  const open = new Set<string>();
  const logBreaker = (which: { node: string; purpose: string; rpc: string }, state: BreakerState) => {
    const key = Object.values(which).join(" ");
    if (state === "half-open" || open.has(key) === (state === "open")) return;
    if (state === "open") open.add(key);
    else open.delete(key);
    log.warn({ ...which, state }, "breaker of LND");
  };

  return {
    lndEvent(node, purpose, event: LndEvent): void {
      switch (event.kind) {
        case "call":
          calls.observe({ node, purpose, rpc: event.rpc, outcome: event.outcome }, event.seconds);
          return;
        case "breaker":
          breakers.set({ node, purpose, rpc: event.rpc }, BREAKER_STATES[event.state]);
          logBreaker({ node, purpose, rpc: event.rpc }, event.state);
          return;
        case "connection":
          connected.set({ node, purpose }, event.state === "connected" ? 1 : 0);
          if (event.state === "connected") connects.inc({ node, purpose });
          log.info({ node, purpose, state: event.state }, "connection to LND");
      }
    },
    lndState({ node, purpose, standing, troubles: found }, isNews): void {
      up.set({ node, purpose }, standing === "down" ? 0 : 1);
      if (purpose === "readonly") readers.set(node, standing !== "down");
      reachable.set([...readers.values()].includes(true) ? 1 : 0);
      for (const trouble of Object.keys(TROUBLES) as TroubleName[]) {
        const isFound = found.some((each) => each.trouble === trouble);
        troubles.set({ node, purpose, trouble }, isFound ? 1 : 0);
      }
      if (!isNews) return;
      const details = { node, purpose, standing, troubles: found };
      if (standing === "ok") log.info(details, "LND is well");
      else log.warn(details, "LND is not well");
    },
  };
}
