/** Two nodes and everything that happens to them, as the process, its health and its metrics see it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { getInfo } from "../adapters/lnd/get-info.ts";
import { unixSeconds } from "../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../testing/lnd-node.ts";
import { makeCertificate } from "../testing/self-signed-certificate.ts";
import { startTcpProxy, type TcpProxy } from "../testing/tcp-proxy.ts";
import { createHealth } from "./api/health.ts";
import { createEvents } from "./events.ts";
import type { LndEndpoint, Purpose } from "./lnd-endpoint.ts";
import { type LndNodes, openLndNodes } from "./lnd-nodes.ts";
import { createLog } from "./log.ts";

const GOOD = Buffer.from("0201036c6e64", "hex");
/** What a node needs to be well: a state, a macaroon it knows, answers. */
type Place = { node: TestNode; proxy: TcpProxy; endpoint: LndEndpoint; state: string };

let directory: string;
let primary: Place;
let fallback: Place;
let nodes: LndNodes;
let log: string[];
let events: ReturnType<typeof createEvents>;
beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "satrank-lnd-"));
  log = [];
  events = createEvents(
    createLog({ level: "info", name: "test", destination: { write: (line) => void log.push(line) } }),
  );
  primary = await startPlace("primary");
  fallback = await startPlace("fallback");
});
afterEach(async () => {
  nodes.close();
  for (const { proxy, node } of [primary, fallback]) {
    await proxy.close();
    node.kill();
  }
  rmSync(directory, { recursive: true, force: true });
});

async function startPlace(name: string): Promise<Place> {
  const node = await startTestNode();
  const proxy = await startTcpProxy(node.host);
  const file = (kind: string) => path.join(directory, `${name}-${kind}`);
  writeFileSync(file("tls.cert"), node.certificate.cert);
  for (const purpose of ["invoice", "readonly", "pay"]) writeFileSync(file(purpose), GOOD);
  const endpoint = {
    host: proxy.host,
    tlsCertPath: file("tls.cert"),
    invoiceMacaroonPath: file("invoice"),
    readonlyMacaroonPath: file("readonly"),
    payMacaroonPath: file("pay"),
  };
  const place = { node, proxy, endpoint, state: "SERVER_ACTIVE" };
  behave(place, name);
  return place;
}

/** Answers as LND does: UNKNOWN to a macaroon it does not know, and to everybody until it has started. */
function behave(place: Place, alias: string, { unary, stream } = place.node): void {
  const isLetIn = (macaroon: string) => macaroon === GOOD.toString("hex") && place.state === "SERVER_ACTIVE";
  const denied = new Refusal(status.UNKNOWN, "denied");
  unary.GetState = () => ({ state: place.state });
  const now = String(Math.floor(Date.now() / 1_000));
  const info = { identity_pubkey: `02${"ab".repeat(32)}`, alias, synced_to_chain: true, synced_to_graph: true };
  unary.GetInfo = (_, macaroon) => (isLetIn(macaroon) ? { ...info, best_header_timestamp: now } : denied);
  unary.LookupInvoice = (_, macaroon) => (isLetIn(macaroon) ? new Refusal(status.NOT_FOUND) : denied);
  unary.LookupInvoiceV2 = (_, macaroon) => (isLetIn(macaroon) ? new Refusal(status.INVALID_ARGUMENT) : denied);
  stream.TrackPaymentV2 = (call) => {
    const code = isLetIn(String(call.metadata.get("macaroon")[0])) ? status.NOT_FOUND : status.UNKNOWN;
    call.emit("error", { code, details: "" });
  };
}

function open(purposes: Purpose[] = ["readonly", "invoice"], withFallback = true): LndNodes {
  const places = { primary: primary.endpoint, fallback: withFallback ? fallback.endpoint : undefined };
  nodes = openLndNodes(places, purposes, events, new AbortController().signal, 50);
  return nodes;
}

const health = () =>
  createHealth(
    {
      lnd: nodes,
      schemaVersion: async () => 1,
      scoredAt: async () => unixSeconds(1),
      unknownPayments: async () => ({ count: 0, oldestSec: undefined }),
      now: () => unixSeconds(2),
      events,
    },
    { expectedSchemaVersion: 1, version: "1" },
  ).read();
/** What health says of the primary's connection for one purpose. */
const seen = async (purpose: Purpose = "readonly") => {
  const found = (await health()).lnd.find((each) => each.node === "primary" && each.purpose === purpose);
  return [found?.status, ...(found?.reasons ?? [])].join(" ");
};
const metric = async (line: string) =>
  (await events.registry.metrics())
    .split("\n")
    .find((each) => each.startsWith(line))
    ?.split(" ")
    .at(-1);
const becomes = (probe: () => Promise<unknown>) => expect.poll(probe, { timeout: 60_000, interval: 50 });
const answeredBy = async () => (await nodes.group("readonly").first((node) => getInfo(node))).alias;

test("two nodes that are well are ok, and the first is asked", async () => {
  await open().ready;
  expect(await health()).toMatchObject({ status: "ok", lndStatus: "ok", nodePubkey: `02${"ab".repeat(32)}` });
  expect((await health()).lnd).toHaveLength(4);
  expect(await answeredBy()).toBe("primary");
  expect(await metric('satrank_lnd_up{node="fallback",purpose="invoice"}')).toBe("1");
});

test("a node that dies is named, the other one answers, and it is asked again when it is back", async () => {
  await open().ready;
  await primary.proxy.set("refuse");
  await becomes(seen).toBe("down not-listening");
  expect(await health()).toMatchObject({ status: "degraded", lndStatus: "ok" });
  expect(await answeredBy()).toBe("fallback");
  expect(await metric('satrank_lnd_trouble{node="primary",purpose="readonly",trouble="not-listening"}')).toBe("1");
  await fallback.proxy.set("refuse");
  await becomes(async () => (await health()).lndStatus).toBe("down");
  expect(await metric("satrank_lnd_reachable")).toBe("0");
  await primary.proxy.set("pass");
  await becomes(seen).toBe("ok");
  expect(await answeredBy()).toBe("primary");
  expect(Number(await metric('satrank_lnd_connects_total{node="primary",purpose="readonly"}'))).toBeGreaterThan(1);
  expect(log.join("")).toMatch(/nothing listens there/);
  expect(JSON.stringify(await health())).not.toContain(primary.proxy.host);
});

test("a wallet that is locked is named until it is unlocked", async () => {
  primary.state = "LOCKED";
  await open().ready;
  expect(await seen()).toBe("down wallet-locked");
  expect(await seen("invoice")).toBe("down wallet-locked");
  expect(await answeredBy()).toBe("fallback");
  primary.state = "SERVER_ACTIVE";
  await becomes(seen).toBe("ok");
});

test("a wrong macaroon ends what it is for, and the right one is taken up without a restart", async () => {
  writeFileSync(primary.endpoint.invoiceMacaroonPath!, Buffer.from("02", "hex"));
  await open(["readonly", "invoice"], false).ready;
  expect(await seen()).toBe("ok");
  expect(await seen("invoice")).toBe("down macaroon-refused");
  expect(await health()).toMatchObject({ status: "degraded", lndStatus: "down" });
  writeFileSync(primary.endpoint.invoiceMacaroonPath!, GOOD);
  await becomes(() => seen("invoice")).toBe("ok");
});

test("an expired certificate is named, and the renewed one is taken up without a restart", async () => {
  const expired = await startTestNode(makeCertificate("210101000000Z"));
  behave(primary, "expired", expired);
  writeFileSync(primary.endpoint.tlsCertPath, expired.certificate.cert);
  await primary.proxy.set("pass", expired.host);
  await open().ready;
  expect(await seen()).toBe("down certificate-expired certificate-expires-soon");
  await primary.proxy.set("refuse");
  await primary.proxy.set("pass", primary.node.host);
  await becomes(seen).toContain("certificate-changed");
  writeFileSync(primary.endpoint.tlsCertPath, primary.node.certificate.cert);
  await becomes(seen).toBe("ok");
  expired.kill();
});

test("without a macaroon that pays, paying alone is off, until there is one", async () => {
  rmSync(primary.endpoint.payMacaroonPath!);
  await open(["readonly", "pay"], false).ready;
  expect(await seen("pay")).toBe("down credentials-unreadable");
  expect(await seen()).toBe("ok");
  expect(await metric('satrank_lnd_up{node="primary",purpose="pay"}')).toBe("0");
  writeFileSync(primary.endpoint.payMacaroonPath!, GOOD);
  await becomes(() => seen("pay")).toBe("ok");
});

test("an empty file is no macaroon: that node is not asked for it, and nothing is wrong", async () => {
  writeFileSync(primary.endpoint.payMacaroonPath!, "");
  writeFileSync(fallback.endpoint.invoiceMacaroonPath!, "");
  await open(["readonly", "invoice", "pay"]).ready;
  const served = nodes.states().map(({ node, purpose }) => `${node} ${purpose}`);
  expect(served).toEqual(["primary readonly", "primary invoice", "fallback readonly", "fallback pay"]);
  expect((await health()).status).toBe("ok");
});

test("what this process cannot do without is asked for at once", () => {
  rmSync(primary.endpoint.readonlyMacaroonPath!);
  nodes = { close: () => undefined } as LndNodes;
  expect(() => open()).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
