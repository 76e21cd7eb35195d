/** The Lightning nodes of a process: opened for its purposes, watched, and reached through the purposes. */
import type { LndClient, LndEvent } from "../adapters/lnd/connect.ts";
import type { NodeInfo } from "../adapters/lnd/get-info.ts";
import { type ConnectionState, type LndConnection, openConnection } from "./lnd-connection.ts";
import { hasMacaroon, type LndEndpoint, type Purpose } from "./lnd-endpoint.ts";
import { groupNodes, type LndGroup } from "./lnd-group.ts";
import type { NodeName } from "./lnd-purposes.ts";

/** What the watch and the connections report. */
export type LndNodeEvents = {
  lndEvent(node: NodeName, purpose: Purpose, event: LndEvent): void;
  /** After each look; `isNews` when something has changed. */
  lndState(state: ConnectionState, isNews: boolean): void;
};

export type LndNodes = {
  /** Who answers for a purpose. @throws CONFIG_INVALID for one this process was not opened for */
  group(purpose: Purpose): LndGroup;
  /** Each node's own connections: for what belongs to one node. A node has those it has a macaroon for. */
  each(): { node: NodeName; connections: ReadonlyMap<Purpose, LndClient> }[];
  states(): ConnectionState[];
  /** What the first node that answers says of itself. */
  info(): NodeInfo | undefined;
  /** Resolves when every connection was looked at once. */
  ready: Promise<void>;
  close(): void;
};

const LOOK_EVERY_MS = 10_000;
const RANKS = { ok: 0, unknown: 0, degraded: 1, down: 2 };

/**
 * Opens every node for the purposes that it has a macaroon for, and looks after them until `signal` aborts. The first
 * node must have one for each purpose but paying.
 *
 * @throws CONFIG_INVALID when files cannot be read
 */
export function openLndNodes(
  nodes: { primary: LndEndpoint; fallback: LndEndpoint | undefined },
  purposes: readonly Purpose[],
  events: LndNodeEvents,
  signal: AbortSignal,
  lookEveryMs = LOOK_EVERY_MS,
): LndNodes {
  const connections = (["primary", "fallback"] as const).flatMap((node) => {
    const endpoint = nodes[node];
    if (!endpoint) return [];
    const served = purposes.filter(
      (purpose) => hasMacaroon(endpoint, purpose) || (node === "primary" && purpose !== "pay"),
    );
    return served.map((purpose) =>
      openConnection(node, purpose, endpoint, (event) => events.lndEvent(node, purpose, event)),
    );
  });
  const groups = new Map(purposes.map((purpose) => [purpose, groupOf(purpose, connections)]));
  const { ready, stop } = watch(connections, events, signal, lookEveryMs);

  return {
    group(purpose) {
      const group = groups.get(purpose);
      if (!group) throw new TypeError(`this process has no connection for ${purpose}`);
      return group;
    },
    each: () => eachNode(connections),
    states: () => connections.map((connection) => connection.state()),
    info: () => connections.map((connection) => connection.info()).find((info) => info !== undefined),
    ready,
    close() {
      stop();
      for (const connection of connections) connection.close();
    },
  };
}

/** A node that lags behind the chain says so on its readonly connection alone, and is asked last for all. */
function groupOf(purpose: Purpose, connections: readonly LndConnection[]): LndGroup {
  const members = connections.filter((connection) => connection.purpose === purpose);
  return groupNodes(
    purpose,
    members.map((connection) => {
      const reader = connections.find(({ node, purpose: other }) => node === connection.node && other === "readonly");
      const rank = () => {
        const lags = reader?.state().standing === "degraded";
        return Math.max(RANKS[connection.state().standing], lags ? RANKS.degraded : 0);
      };
      return { client: () => connection.client(), rank };
    }),
  );
}

function eachNode(connections: readonly LndConnection[]): ReturnType<LndNodes["each"]> {
  const names = [...new Set(connections.map(({ node }) => node))];
  return names.map((name) => {
    const own = connections.filter(({ node }) => node === name);
    const clients = own.flatMap((connection): [Purpose, LndClient][] => {
      const client = connection.client();
      return client ? [[connection.purpose, client]] : [];
    });
    return { node: name, connections: new Map(clients) };
  });
}

/** Looks at each connection again and again, however long another takes. */
function watch(connections: readonly LndConnection[], events: LndNodeEvents, signal: AbortSignal, lookEveryMs: number) {
  const ended = new AbortController();
  const watching = AbortSignal.any([signal, ended.signal]);
  const timers = new Set<NodeJS.Timeout>();
  const look = async (connection: LndConnection) => {
    const before = describe(connection.state());
    const state = await connection.examine(watching);
    if (watching.aborted) return;
    events.lndState(state, describe(state) !== before);
    const timer = setTimeout(() => {
      timers.delete(timer);
      void look(connection);
    }, lookEveryMs);
    timers.add(timer);
  };
  watching.addEventListener("abort", () => timers.forEach(clearTimeout), { once: true });
  const ready = Promise.all(connections.map(look)).then(() => undefined);
  return { ready, stop: () => ended.abort() };
}

/** Two states that read the same are the same news. Numbers in the words change by the day. */
function describe({ standing, troubles }: ConnectionState): string {
  return [standing, ...troubles.map(({ trouble, words }) => `${trouble} ${words.replace(/\d+/g, "#")}`)].join("\n");
}
