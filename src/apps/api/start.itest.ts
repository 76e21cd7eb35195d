/** The api as it listens: what its HTTP server is set up with. No LND answers here, and none is needed. */
import { randomBytes } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NOTHING_ALLOWED } from "../../core/spend/policy.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { makeCertificate } from "../../testing/self-signed-certificate.ts";
import { readConfig } from "../config.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { type Api, startApi } from "./start.ts";

const stop = new AbortController();
const directory = mkdtempSync(path.join(tmpdir(), "satrank-api-"));
let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  database = await openTestDatabase();
  const [tlsCertPath, macaroonPath] = [path.join(directory, "tls.cert"), path.join(directory, "macaroon")];
  writeFileSync(tlsCertPath, makeCertificate().cert);
  writeFileSync(macaroonPath, randomBytes(16));
  api = await startApi({
    config: readConfig("tool", { PORT: "0" }),
    world: {
      databaseUrl: database.url,
      spendPolicy: NOTHING_ALLOWED,
      lnd: {
        host: "127.0.0.1:1",
        tlsCertPath,
        invoiceMacaroonPath: macaroonPath,
        readonlyMacaroonPath: macaroonPath,
        payMacaroonPath: undefined,
      },
      l402MacaroonSecret: randomBytes(32).toString("hex"),
      nostrKeys: undefined,
      nostrRelays: [],
      relayPlan: [],
    },
    events: createEvents(createLog({ level: "silent", name: "api" })),
    signal: stop.signal,
  });
});

afterAll(async () => {
  stop.abort();
  await api?.stop();
  await database?.close();
  rmSync(directory, { recursive: true, force: true });
});

test("bytes that are no request are refused as a problem", async () => {
  const heard = await new Promise<string>((resolve) => {
    let text = "";
    const socket = net.connect(Number(new URL(api.origin).port), "127.0.0.1", () => socket.write("nonsense\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    socket.on("close", () => resolve(text));
  });
  expect(heard).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"REQUEST_MALFORMED"/);
});

test("connections are bounded", async () => {
  const servers: http.Server[] = [];
  const see = (message: unknown) => servers.push((message as { server: http.Server }).server);
  const requests = channel("http.server.request.start");
  requests.subscribe(see);
  await fetch(`${api.origin}/api/health/live`);
  requests.unsubscribe(see);
  expect(servers.map((server) => server.maxConnections)).toEqual([5_000]);
});
