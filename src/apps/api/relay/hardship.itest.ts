/** The relay under what may befall it: a database that goes away, clients that do not read, floods, frames that are none. */
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type RawData, WebSocket } from "ws";
import { outboxTable } from "../../../adapters/postgres/outbox.ts";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { openRelayClient, type RelayClient } from "../../../testing/relay-client.ts";
import { type RelayServer, startRelayServer } from "../../../testing/relay-server.ts";
import { bodyOf, nodeAssertion, stage } from "../../../testing/some-assertions.ts";
import { startTcpProxy, type TcpProxy } from "../../../testing/tcp-proxy.ts";

let database: TestDatabase;
let proxy: TcpProxy;
let relay: RelayServer;
const clients: RelayClient[] = [];
const now = unixSeconds(1_790_000_000);

beforeAll(async () => {
  database = await openTestDatabase();
  const url = new URL(database.url);
  proxy = await startTcpProxy(url.host);
  url.host = proxy.host;
  relay = await startRelayServer(url.href, { connections: 1_100, perAddress: 1_050 });
});
beforeEach(() => database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause"));
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await relay.close();
  await proxy.close();
  await database.close();
});

const put = (...events: SignedEvent[]) => outboxTable(database.pool).stage(events.map(stage), now);
const dOf = (event: SignedEvent) => event.tags[0]![1]!;
async function connect(): Promise<RelayClient> {
  const client = await openRelayClient(relay.url);
  clients.push(client);
  return client;
}
const terminateBackends = () =>
  database.pool.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
  );

test.each([
  { name: "its connections are killed", hurt: terminateBackends, heal: async (): Promise<void> => undefined },
  { name: "it is away for a while", hurt: () => proxy.set("refuse"), heal: () => proxy.set("pass") },
])("subscribers hear of what was said while the database was in trouble: $name", async ({ hurt, heal }) => {
  const client = await connect();
  await client.ask("REQ", "x", { "#d": [dOf(nodeAssertion(1))] });
  await hurt();
  await put(nodeAssertion(1));
  await heal();
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(1)]);
  await put(nodeAssertion(1, { createdAt: now + 1 }));
  expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(1, { createdAt: now + 1 })]);
});

test("a question that the database cannot answer is closed, and can be asked again", async () => {
  const client = await connect();
  await proxy.set("refuse");
  const away = "error: the database does not answer; ask again";
  expect((await client.ask("REQ", "look", { ids: ["ab".repeat(32)] })).end).toEqual(["CLOSED", "look", away]);
  expect((await client.ask("REQ", "scan", { kinds: [1] })).end).toEqual(["CLOSED", "scan", away]);
  expect((await client.ask("COUNT", "count", { kinds: [1] })).end).toEqual(["CLOSED", "count", away]);
  await proxy.set("pass");
  await expect
    .poll(async () => (await client.ask("REQ", "scan", { kinds: [1] })).end)
    .toEqual(["EOSE", "scan", ["finish"]]);
});

test("what came from the dump of another server is served, and is no news for ever", async () => {
  const elsewhere = await openTestDatabase(2);
  await outboxTable(elsewhere.pool).stage([stage(nodeAssertion(1))], now);
  // Transactions that this server has not reached.
  await elsewhere.pool.query("UPDATE outbox_event SET changed_xid = '9000000000000000'");
  const restored = await startRelayServer(elsewhere.url);
  const client = await openRelayClient(restored.url);
  clients.push(client);
  expect(await client.ask("REQ", "x", {})).toEqual({
    events: [bodyOf(nodeAssertion(1))],
    end: ["EOSE", "x", ["finish"]],
  });
  for (const index of [2, 3]) {
    await outboxTable(elsewhere.pool).stage([stage(nodeAssertion(index))], now);
    expect(await client.next()).toEqual(["EVENT", "x", nodeAssertion(index)]);
  }
  await restored.close();
  await elsewhere.close();
});

test("a thousand subscribers, each with a subject of its own, hear of it alone", async () => {
  const count = 1_000;
  const crowd = await Promise.all(Array.from({ length: count }, connect));
  const answers = await Promise.all(
    crowd.map((client, i) => client.ask("REQ", "x", { "#d": [dOf(nodeAssertion(i))] })),
  );
  expect(answers.every(({ events, end }) => events.length === 0 && end[0] === "EOSE")).toBe(true);
  await put(...Array.from({ length: count }, (_, i) => nodeAssertion(i)));
  const heard = await Promise.all(crowd.map((client) => client.nextText()));
  expect(heard).toEqual(crowd.map((_, i) => `["EVENT","x",${bodyOf(nodeAssertion(i))}]`));
  expect(crowd.flatMap((client) => client.unread())).toEqual([]);

  const refused = await Promise.all(Array.from({ length: 60 }, () => connect().then(() => "open", String)));
  expect(refused.filter((why) => why.includes("429")).length).toBe(10);
});

/** Asks for everything and reads nothing. */
async function openDeafClient(asked: string): Promise<net.Socket> {
  const socket = net.connect(relay.port, "127.0.0.1");
  const key = Buffer.alloc(16, 7).toString("base64");
  socket.write(
    `GET /relay HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await once(socket, "readable");
  socket.pause();
  socket.write(frame(0x81, Buffer.from(asked)));
  return socket;
}

/** One masked frame of a client. */
function frame(first: number, payload: Buffer, length = payload.length): Buffer {
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : Buffer.from([first, 0x80 | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (length >>> bits) & 255)]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

test("clients that do not read hold no more than a little each, whatever they ask for and whatever is news", async () => {
  const big = Array.from({ length: 6_000 }, (_, i) => nodeAssertion(i));
  for (const event of big) event.tags.push(["note", "n".repeat(3_000)]);
  for (let from = 0; from < big.length; from += 1_000) await put(...big.slice(from, from + 1_000));
  const memory = () => {
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 1_048_576;
  };
  const before = memory();
  const deaf: net.Socket[] = [];
  for (let i = 0; i < 20; i++) deaf.push(await openDeafClient(JSON.stringify(["REQ", "x", { limit: 50_000 }])));
  const reader = await connect();
  const { events } = await reader.ask("REQ", "y", { limit: 50_000 });
  expect(events.length).toBe(6_000);
  // 22 MB for each of the twenty wait in Postgres, and in no memory: what waits here is a page each, and what the system has not taken
  // of one. The reader beside them keeps its own, twice.
  expect(memory() - before).toBeLessThan(300);
  await put(nodeAssertion(7_000));
  expect(await reader.next()).toEqual(["EVENT", "y", nodeAssertion(7_000)]);
  for (const socket of deaf) socket.destroy();
});

test("a client that begins to read again gets all of it, in order", async () => {
  const events = Array.from({ length: 3_000 }, (_, i) => nodeAssertion(i));
  for (const event of events) event.tags.push(["note", "n".repeat(1_500)]);
  await put(...events);
  const client = await connect();
  client.socket.pause();
  client.send("REQ", "x", { limit: 50_000 });
  await put(nodeAssertion(9_000));
  client.socket.resume();
  const heard = new Set<string>();
  let end: unknown[] = [];
  while (heard.size < 3_001 || end.length === 0) {
    const message = await client.next();
    if (message[0] === "EVENT") heard.add((message[2] as SignedEvent).id);
    else end = message;
  }
  expect(end).toEqual(["EOSE", "x", ["finish"]]);
  expect(client.unread()).toEqual([]);
});

test.each([
  [
    "a giant in fragments",
    1009,
    [
      frame(0x01, Buffer.alloc(65_000, 32)),
      frame(0x00, Buffer.alloc(65_000, 32)),
      frame(0x80, Buffer.alloc(65_000, 32)),
    ],
  ],
  ["a frame that promises 2 GB", 1009, [frame(0x81, Buffer.alloc(10), 0x7fff_ffff)]],
  ["text that is no UTF-8", 1007, [frame(0x81, Buffer.from([0xff, 0xfe]))]],
  ["a compressed frame nobody agreed on", 1002, [frame(0xc1, Buffer.alloc(10))]],
  ["a control frame that is too long", 1002, [frame(0x89, Buffer.alloc(200))]],
  ["an unknown opcode", 1002, [frame(0x83, Buffer.alloc(1))]],
  ["a frame that is not masked", 1002, [Buffer.from([0x81, 0x02, 0x7b, 0x7d])]],
])("hostile: %s ends that connection and no other", async (_, code, frames) => {
  const other = await connect();
  const client = new WebSocket(relay.url, { perMessageDeflate: false });
  const [, upgraded] = await Promise.all([
    once(client, "open"),
    once(client, "upgrade") as Promise<[http.IncomingMessage]>,
  ]);
  for (const bytes of frames) upgraded[0].socket.write(bytes);
  const [got] = (await once(client, "close")) as [number];
  expect(got).toBe(code);
  expect((await other.ask("REQ", "x", {})).end[0]).toBe("EOSE");
});

test("compression is agreed on with nobody", async () => {
  const client = new WebSocket(relay.url, { perMessageDeflate: true });
  await once(client, "open");
  expect(client.extensions).toBe("");
  client.terminate();
});

test("a flood of messages ends with a reason", async () => {
  const client = new WebSocket(relay.url, { perMessageDeflate: false });
  await once(client, "open");
  const closed = once(client, "close") as Promise<[number, RawData]>;
  for (let i = 0; i < 5_000; i++) client.send("x");
  const [code, reason] = await closed;
  expect([code, String(reason)]).toEqual([1008, "too many messages"]);
});

const upgradeAt = (path: string, headers: Record<string, string>, options: http.RequestOptions = {}) =>
  new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port: relay.port, path, headers, ...options });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, body: "" });
    });
    request.on("response", (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    request.on("error", reject).end(options.method === "POST" ? '{"a":1}' : undefined);
  });
const websocket = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": Buffer.alloc(16).toString("base64"),
};

test.each([
  ["WebSocket at another path", "/other", websocket, {}, 404, "ROUTE_UNKNOWN"],
  ["WebSocket below the path", "/relay/x", websocket, {}, 404, "ROUTE_UNKNOWN"],
  [
    "another protocol at the path",
    "/relay",
    { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMAAABk" },
    {},
    426,
    "UPGRADE_REQUIRED",
  ],
  [
    "another protocol elsewhere, with a body",
    "/other",
    { Connection: "Upgrade", Upgrade: "h2c", "Content-Length": "7" },
    { method: "POST" },
    404,
    "ROUTE_UNKNOWN",
  ],
  ["no upgrade at all", "/relay", {}, {}, 426, "UPGRADE_REQUIRED"],
  ["an upgrade with a broken key", "/relay", { ...websocket, "Sec-WebSocket-Key": "x" }, {}, 400, ""],
])("%s is answered over HTTP", async (_, path, headers, options, status, code) => {
  const got = await upgradeAt(path, headers as unknown as Record<string, string>, options);
  expect(got.status).toBe(status);
  if (code !== "") expect(JSON.parse(got.body)).toMatchObject({ code });
});

test("the document says who this is, to pages of any origin", async () => {
  const address = `http://127.0.0.1:${relay.port}/relay`;
  const response = await fetch(address, {
    headers: { Accept: "application/nostr+json", Origin: "https://client.example" },
  });
  expect(response.headers.get("content-type")).toMatch(/^application\/nostr\+json/);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("access-control-allow-headers")).toBe("*");
  expect(response.headers.get("access-control-allow-methods")).toBe("GET, OPTIONS");
  expect(await response.json()).toMatchObject({
    name: "oracle.example NIP-85",
    contact: "mailto:ops@oracle.example",
    software: "https://oracle.example",
    version: "1.2.3",
    supported_nips: [1, 9, 11, 40, 45, 67],
    limitation: { max_limit: 50_000, default_limit: 500, restricted_writes: true, auth_required: false },
  });
  const preflight = await fetch(address, { method: "OPTIONS", headers: { Origin: "https://client.example" } });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
});
