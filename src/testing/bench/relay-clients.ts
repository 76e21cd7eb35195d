/** The clients of the relay bench, in a process of their own: so many connections that ask one thing each. */
import { once } from "node:events";
import { WebSocket } from "ws";

/** Each client sends its message when it is its turn: all at once, or so many a second. Its time runs until the first EOSE, or an echo. */
export type AskAll = { ask: "all"; messages: string[]; perSec?: number };
/** Counts what comes to each client from now on, up to `each` messages; then says how long after `sinceMs` (Date.now) the last one came. */
export type HearAll = { ask: "hear"; each: number };
export type Connect = { ask: "connect"; url: string; count: number };
export type Order = AskAll | HearAll | Connect;
export type Told = { times: number[] } | { lastAtMs: number } | { connected: number } | { ready: true };

const sockets: WebSocket[] = [];
let onMessage: (client: number, text: string) => void = () => undefined;

async function connect({ url, count }: Connect): Promise<Told> {
  for (const socket of sockets.splice(0)) socket.terminate();
  for (let i = 0; i < count; i++) {
    // One address is one client to the relay; loopback has many.
    const localAddress = `127.0.${1 + Math.floor(i / 200)}.${1 + (i % 200)}`;
    const socket = new WebSocket(url, { perMessageDeflate: false, localAddress });
    await once(socket, "open");
    const client = sockets.push(socket) - 1;
    socket.on("message", (data) => onMessage(client, String(data)));
  }
  return { connected: count };
}

async function askAll({ messages, perSec }: AskAll): Promise<Told> {
  const startedAt = new Array<number>(messages.length).fill(0);
  const times: number[] = [];
  const done = new Promise<void>((resolve) => {
    onMessage = (client, text) => {
      if (text.startsWith('["EVENT"')) return;
      times.push(performance.now() - startedAt[client]!);
      if (times.length === messages.length) resolve();
    };
  });
  for (const [client, message] of messages.entries()) {
    if (perSec !== undefined && client % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 10_000 / perSec));
    startedAt[client] = performance.now();
    sockets[client]!.send(message);
  }
  await done;
  return { times };
}

function hearAll({ each }: HearAll): Promise<Told> {
  let left = each * sockets.length;
  return new Promise((resolve) => {
    onMessage = (_, text) => {
      if (!text.startsWith('["EVENT"')) return;
      left -= 1;
      if (left === 0) resolve({ lastAtMs: Date.now() });
    };
    process.send?.({ ready: true } satisfies Told);
  });
}

process.on("message", async (order: Order) => {
  const told = order.ask === "connect" ? connect(order) : order.ask === "hear" ? hearAll(order) : askAll(order);
  process.send?.(await told);
});
process.once("disconnect", () => process.exit(0));
