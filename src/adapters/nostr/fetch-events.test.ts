/** One question to one relay, over real sockets: what it says, and the two ways in which it can fail. */
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { fetchEvents } from "./fetch-events.ts";

const relays: WebSocketServer[] = [];
afterEach(() => {
  for (const relay of relays.splice(0)) close(relay);
});

function close(relay: WebSocketServer): void {
  for (const client of relay.clients) client.terminate();
  relay.close();
}

async function openRelay(answer: (client: WebSocket) => void): Promise<string> {
  const relay = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  relays.push(relay);
  relay.on("connection", (client) => client.on("message", () => answer(client)));
  await new Promise((resolve) => relay.once("listening", resolve));
  return `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`;
}

test("the stored events are given up to the limit", async () => {
  const url = await openRelay((client) => {
    for (const id of [1, 2, 3]) client.send(JSON.stringify(["EVENT", "satrank", { id }]));
    client.send('["EOSE","satrank"]');
  });
  expect(await fetchEvents(url, { limit: 10 })).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  expect(await fetchEvents(url, { limit: 2 })).toEqual([{ id: 1 }, { id: 2 }]);
});

test("a relay that closes the subscription has refused", async () => {
  const url = await openRelay((client) => client.send('["CLOSED","satrank","restricted: members only"]'));
  await expect(fetchEvents(url, { limit: 1 })).rejects.toMatchObject({
    code: "RELAY_REFUSED",
    message: expect.stringContaining("members only"),
  });
});

test("a relay that is down, hangs up or stays silent is unavailable", async () => {
  const hangsUp = await openRelay((client) => client.close());
  await expect(fetchEvents(hangsUp, { limit: 1 })).rejects.toMatchObject({ code: "RELAY_UNAVAILABLE" });

  const silent = await openRelay(() => undefined);
  await expect(fetchEvents(silent, { limit: 1 }, 100)).rejects.toMatchObject({ code: "RELAY_UNAVAILABLE" });

  const down = await openRelay(() => undefined);
  await new Promise((resolve) => relays.pop()?.close(resolve));
  await expect(fetchEvents(down, { limit: 1 })).rejects.toMatchObject({ code: "RELAY_UNAVAILABLE" });
});
