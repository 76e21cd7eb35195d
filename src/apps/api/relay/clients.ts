/** Everybody who is connected: who is let in, who hears of what, who is still there. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { createSubscriptionIndex } from "../../../core/relay/subscription-index.ts";
import { MAX_WAITING_EVENTS, MAX_WAITING_EVENTS_IN_ALL, PING_MS, SLOW_READER_MS } from "./bounds.ts";
import { type Connection, createConnection, type Shared } from "./connection.ts";
import { createOutlet, type Outlet } from "./outlet.ts";
import type { NewEvent } from "./ports.ts";
import type { Subscription, WaitingRoom } from "./subscription.ts";

type Client = {
  socket: WebSocket;
  connection: Connection;
  outlet: Outlet;
  address: string;
  heardAtMs: number;
  pingedAtMs: number | undefined;
  /** Frames it had taken when that number last grew, or when nothing was left for it to take. */
  flushed: number;
  flushedAtMs: number;
};

/** Codes of a WebSocket's end (RFC 6455, 7.4.1). */
const [GOING_AWAY, POLICY_VIOLATION] = [1001, 1008];

export function createClients(shared: Omit<Shared, "audience">, clock: () => number = () => performance.now()) {
  const clients = new Map<Outlet, Client>();
  const index = createSubscriptionIndex<Subscription>();
  let [weight, waitingEvents] = [0, 0];
  const audience = {
    get weight() {
      return weight;
    },
    add(subscription: Subscription): void {
      index.add(subscription, subscription.filters);
      weight += subscription.weight;
    },
    remove(subscription: Subscription): void {
      index.remove(subscription);
      weight -= subscription.weight;
    },
  };

  /** One client's share of the room for events that wait. */
  function openWaitingRoom(): WaitingRoom {
    let own = 0;
    return {
      enter(count) {
        if (own + count > MAX_WAITING_EVENTS || waitingEvents + count > MAX_WAITING_EVENTS_IN_ALL) return false;
        own += count;
        waitingEvents += count;
        return true;
      },
      leave(count) {
        own -= count;
        waitingEvents -= count;
      },
    };
  }

  function add(socket: WebSocket, wire: Socket, address: string): void {
    const outlet = createOutlet(socket, wire);
    const drop = (why: string) => {
      socket.close(POLICY_VIOLATION, why);
      // Whatever it still sends was refused already.
      socket.pause();
    };
    const connection = createConnection({ ...shared, audience }, { outlet, waitingRoom: openWaitingRoom(), drop });
    const at = clock();
    const client: Client = {
      socket,
      connection,
      outlet,
      address,
      heardAtMs: at,
      pingedAtMs: undefined,
      flushed: 0,
      flushedAtMs: at,
    };
    clients.set(outlet, client);
    const heard = () => {
      client.heardAtMs = clock();
    };
    socket.on("message", (data, isBinary) => {
      heard();
      if (isBinary) connection.notice("invalid: messages are text");
      else if (outlet.isOpen()) connection.receive(String(data), clock());
    });
    socket.on("pong", heard).on("ping", heard);
    // What is wrong with its frames it is told by the code it is closed with.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clients.delete(outlet);
      connection.close();
    });
  }

  /** Pings whom nothing was heard of; ends whoever is gone, or takes nothing. */
  function sweep(): void {
    const at = clock();
    for (const client of clients.values()) {
      const { flushed, isBehind } = client.outlet.progress();
      if (!isBehind || flushed > client.flushed) [client.flushed, client.flushedAtMs] = [flushed, at];
      // Who takes what is sent is there.
      const lastSign = Math.max(client.heardAtMs, isBehind ? client.flushedAtMs : 0);
      if (at - client.flushedAtMs > SLOW_READER_MS) {
        shared.ports.events.relaySlowReader(client.address);
        client.socket.terminate();
      } else if (client.pingedAtMs !== undefined && lastSign > client.pingedAtMs) client.pingedAtMs = undefined;
      else if (client.pingedAtMs !== undefined && at - client.pingedAtMs > PING_MS) client.socket.terminate();
      else if (client.pingedAtMs === undefined && at - lastSign >= PING_MS) {
        client.pingedAtMs = at;
        client.socket.ping();
      }
    }
  }

  return {
    add,
    sweep,
    /** Tells an event to everybody who waits for it. */
    tell(event: NewEvent): void {
      for (const subscription of index.find(event)) {
        if (subscription.tell(event)) continue;
        clients
          .get(subscription.outlet)
          ?.connection.closeSubscription(subscription.id, "error: too slow for all that is new; ask again");
      }
    },
    /** Ends every subscription: what it was told may not be all. */
    endSubscriptions(why: string): void {
      for (const { id, outlet } of [...index.owners()]) clients.get(outlet)?.connection.closeSubscription(id, why);
    },
    standing: () => ({ connections: clients.size, subscriptions: index.size }),
    close(): void {
      for (const { socket } of clients.values()) socket.close(GOING_AWAY, "the relay stops");
    },
    terminate(): void {
      for (const { socket } of clients.values()) socket.terminate();
    },
  };
}
