/**
 * The demo's market: L402 services, each on a port of its own, and a directory that lists them. What is sold is toys; how it is sold
 * is L402 over real invoices of the simulated network.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import express, { type Express } from "express";
import { encodeInvoice } from "../../../core/bolt11/encode.ts";
import { OracleError } from "../../../core/errors.ts";
import { msat, unixSeconds } from "../../../core/units.ts";
import { GOODS, type Goods } from "./goods.ts";
import { sell, type Till } from "./sell.ts";

const HOST = "127.0.0.1";

export type Market = {
  /** Pages of this directory are in the form of 402index: `?limit=…&offset=…`. */
  directoryUrl: string;
  /** `address:port` of everything here. */
  addresses: string[];
  stop(): Promise<void>;
};

/** The directory listens on `port`, services on those after it; with 0 each takes a free one. */
export async function startMarket(options: {
  tills: { shop: Till; bazaar: Till };
  port: number;
  now: () => number;
}): Promise<Market> {
  const { tills, port, now } = options;
  const all: Record<Goods["payee"], Till> = { ...tills, nobody: strandedTill(now) };
  const servers: Server[] = [];
  const listings: object[] = [];
  for (const [i, goods] of GOODS.entries()) {
    const server = await listen(stall(goods, all[goods.payee]), port === 0 ? 0 : port + 1 + i);
    servers.push(server);
    listings.push(listingOf(goods, `http://${addressOf(server)}${goods.path}`));
  }
  const directory = await listen(directoryOf(listings), port);
  servers.push(directory);
  return {
    directoryUrl: `http://${addressOf(directory)}/api/v1/services`,
    addresses: servers.map(addressOf),
    async stop() {
      await Promise.all(servers.map(close));
    },
  };
}

function stall({ name, method, path, priceSat, input, answer }: Goods, till: Till): Express {
  const app = express();
  app.disable("x-powered-by");
  const gate = sell({ till, price: msat(BigInt(priceSat) * 1000n), memo: name.toLowerCase().replaceAll(" ", "-") });
  const route = method === "GET" ? app.get.bind(app) : app.post.bind(app);
  route(path, gate, express.json({ limit: 10_000 }), answer);
  if (input !== undefined)
    app.get(
      "/openapi.json",
      (_request, response) =>
        void response.json({ openapi: "3.1.0", info: { title: name, version: "1" }, paths: pathsOf(path, input) }),
    );
  return app;
}

/** What the translator's own host says of how it is called. */
function pathsOf(path: string, input: string) {
  const example = JSON.parse(input) as object;
  const answer = { type: "object", required: ["translation"], properties: { translation: { type: "string" } } };
  return {
    [path]: {
      post: {
        "x-l402-pricing": { model: "fixed", price_msat: 10_000 },
        requestBody: { content: { "application/json": { example } } },
        responses: { "200": { description: "done", content: { "application/json": { schema: answer } } } },
      },
    },
  };
}

function directoryOf(listings: readonly object[]): Express {
  const app = express();
  app.get("/api/v1/services", (request, response) => {
    const [limit, offset] = [Number(request.query["limit"] ?? 100), Number(request.query["offset"] ?? 0)];
    response.json({ services: listings.slice(offset, offset + limit) });
  });
  return app;
}

function listingOf({ name, description, category, method, announcedSat, payee }: Goods, url: string) {
  return {
    url,
    protocol: "L402",
    name,
    description,
    category,
    provider: `demo ${payee}`,
    http_method: method,
    price_sats: announcedSat,
  };
}

const EXPIRY_SEC = 600;

/** Invoices of a node that exists nowhere: every payment fails, while challenges keep coming. */
function strandedTill(now: () => number): Till {
  const privateKey = randomBytes(32);
  return async (amount, description) => {
    const paymentHash = new Uint8Array(createHash("sha256").update(randomBytes(32)).digest());
    const draft = {
      network: "bcrt" as const,
      amount,
      timestamp: unixSeconds(Math.floor(now())),
      expirySec: EXPIRY_SEC,
      paymentHash,
      paymentSecret: new Uint8Array(randomBytes(32)),
      description,
      minFinalCltvExpiry: 80,
      routeHints: [],
      features: [8, 14],
    };
    return { paymentHash, invoice: encodeInvoice(draft, privateKey) };
  };
}

/** @throws CONFIG_INVALID when the port cannot be had */
async function listen(app: Express, port: number): Promise<Server> {
  const server = createServer(app).listen(port, HOST);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why = `port ${port} cannot be listened on; it and the ${GOODS.length} after it must be free: set another`;
    throw new OracleError("CONFIG_INVALID", `DEMO_MARKET_PORT: ${why}`, { cause });
  }
  return server;
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server without a port");
  return `${HOST}:${address.port}`;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
