/** Our relay behind the production nginx configuration, run for real: a WebSocket client over TLS sees what it sees without it. */
import https from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../database.ts";
import { openRelayClient } from "../relay-client.ts";
import { type RelayServer, startRelayServer } from "../relay-server.ts";
import { bodyOf, nodeAssertion, stage } from "../some-assertions.ts";
import { CLIENT_HEADER, PUBLIC_NAME, type RunningNginx, startNginx } from "./nginx.ts";
import { describeWith } from "./tool.ts";

describeWith({ nginx: "nginx-light", openssl: "openssl" }, "our relay behind nginx", () => {
  let database: TestDatabase;
  let relay: RelayServer;
  let nginx: RunningNginx;
  const now = unixSeconds(1_790_000_000);

  beforeAll(async () => {
    database = await openTestDatabase();
    relay = await startRelayServer(database.url, { perAddress: 2 });
    nginx = await startNginx(relay.port);
    const events = Array.from({ length: 3_000 }, (_, i) => stage(nodeAssertion(i)));
    await outboxTable(database.pool).stage(events, now);
  });
  afterAll(async () => {
    await nginx?.stop();
    await relay?.close();
    await database?.close();
  });

  const connect = (address: string, headers: Record<string, string> = {}) =>
    openRelayClient(`wss://127.0.0.1:${nginx.httpsPort}/relay`, {
      ca: nginx.certificate,
      servername: PUBLIC_NAME,
      headers: { Host: PUBLIC_NAME, [CLIENT_HEADER]: address, ...headers },
    });

  test("what is stored and what is new arrives whole", async () => {
    const client = await connect("198.51.100.1");
    const { events, end } = await client.ask("REQ", "x", { limit: 50_000 });
    expect([events.length, end]).toEqual([3_000, ["EOSE", "x", ["finish"]]]);
    expect(new Set(events).has(bodyOf(nodeAssertion(17)))).toBe(true);
    const newer = nodeAssertion(17, { createdAt: now + 1 });
    await outboxTable(database.pool).stage([stage(newer)], now);
    expect(await client.next()).toEqual(["EVENT", "x", newer]);
    client.close();
  });

  test("a client is known by the address nginx saw, whatever it says of itself", async () => {
    const clients = [await connect("198.51.100.7"), await connect("198.51.100.7", { "X-Forwarded-For": "192.0.2.1" })];
    await expect(connect("198.51.100.7", { "X-Forwarded-For": "192.0.2.2" })).rejects.toThrow("429");
    clients.push(await connect("203.0.113.7"));
    for (const client of clients) client.close();
  });

  test("the relay's document comes over the same address, to pages of any origin", async () => {
    const options = {
      host: "127.0.0.1",
      port: nginx.httpsPort,
      path: "/relay",
      ca: nginx.certificate,
      servername: PUBLIC_NAME,
    };
    const headers = { Host: PUBLIC_NAME, Accept: "application/nostr+json", Origin: "https://client.example" };
    const got = await new Promise<{ cors: unknown; body: string }>((resolve, reject) => {
      https
        .get({ ...options, headers }, (response) => {
          let body = "";
          response.on("data", (chunk) => {
            body += String(chunk);
          });
          response.on("end", () => resolve({ cors: response.headers["access-control-allow-origin"], body }));
        })
        .on("error", reject);
    });
    expect(got.cors).toBe("*");
    expect(JSON.parse(got.body)).toMatchObject({ supported_nips: [1, 9, 11, 40, 45, 67] });
  });
});
