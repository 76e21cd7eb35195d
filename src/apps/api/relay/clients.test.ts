/** Who is taken for gone, and when: with real connections, and a clock that the test turns. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { unixSeconds } from "../../../core/units.ts";
import { createClients } from "./clients.ts";
import { createGate } from "./gate.ts";
import { createLookUps } from "./look-ups.ts";

async function openClients() {
  const clock = { ms: 0 };
  const slow: string[] = [];
  const events = {
    failed() {},
    relayRequest() {},
    relayEventsSent() {},
    relayStands() {},
    relaySlowReader: (address: string) => slow.push(address),
  };
  const ports = { events, now: () => unixSeconds(0) } as never;
  const gate = () => createGate({ atOnce: 1, mostWaiting: 1 });
  const clients = createClients(
    { ports, lookUps: createLookUps(ports), scans: gate(), isFollowing: () => false },
    () => clock.ms,
  );
  const server = http.createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const added: WebSocket[] = [];
  let connected = 0;
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (client) => {
      added.push(client);
      clients.add(client, socket as Socket, "198.51.100.7");
    }),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    clients.terminate();
    server.close();
  });
  const connect = async (options: object) => {
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
    await once(client, "open");
    await expect.poll(() => added.length).toBe(++connected);
    return { client, ours: added.at(-1)! };
  };
  return { clients, clock, slow, connect };
}

test("who answers a ping stays, and who does not is let go", async () => {
  const { clients, clock, connect } = await openClients();
  const { client: alive, ours } = await connect({});
  const { client: dead } = await connect({ autoPong: false });
  const [pinged, answered] = [once(dead, "ping"), once(ours, "pong")];
  clock.ms = 54_999;
  clients.sweep();
  clock.ms = 55_000;
  clients.sweep();
  clock.ms = 55_001;
  await Promise.all([pinged, answered]);
  clock.ms = 110_001;
  const gone = once(dead, "close");
  clients.sweep();
  expect((await gone)[0]).toBe(1006);
  expect(alive.readyState).toBe(WebSocket.OPEN);
  expect(clients.standing()).toEqual({ connections: 1, subscriptions: 0 });
});

test("who takes nothing of what is sent to it is let go after half a minute, and who takes some is not", async () => {
  const { clients, clock, slow, connect } = await openClients();
  const { client: deaf, ours } = await connect({ perMessageDeflate: false });
  deaf.pause();
  const flood = JSON.stringify(["REQ", "x".repeat(64), { kinds: [1] }]);
  // Every question is refused with an answer; the answers fill the line, and then nothing more is read from it.
  for (let i = 0; i < 900; i++) ours.emit("message", Buffer.from(flood), false);
  for (let i = 0; i < 40 && ours.bufferedAmount < 600_000; i++) ours.send("y".repeat(1_000_000));
  ours.emit("message", Buffer.from(flood), false);
  expect(ours.isPaused).toBe(true);
  clients.sweep();
  clock.ms = 30_000;
  clients.sweep();
  expect([slow, ours.readyState]).toEqual([[], WebSocket.OPEN]);
  clock.ms = 30_001;
  clients.sweep();
  expect(slow).toEqual(["198.51.100.7"]);
  await expect.poll(() => clients.standing().connections).toBe(0);
});
