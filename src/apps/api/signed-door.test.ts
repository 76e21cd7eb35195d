/** The door for signed requests, without a database: what is single-use, where the address comes from, and in which order it asks. */
import { Router } from "express";
import { getToken } from "nostr-tools/nip98";
import { finalizeEvent, generateSecretKey, getPublicKey, verifyEvent } from "nostr-tools/pure";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { unixSeconds } from "../../core/units.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { createApplication, createHttpServer } from "./server.ts";
import { mountSigned, type SignedDoorPorts, type SignedOperation } from "./signed-door.ts";

const PUBLIC = "https://oracle.example";
const AT = 1_790_000_000;
const secret = generateSecretKey();

let origin: string;
let close: () => Promise<unknown>;
let used: Set<string>;
let steps: string[];
let isAllowed: boolean;
beforeAll(async () => {
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const ports: SignedDoorPorts = {
    origin: () => PUBLIC,
    verify(event) {
      steps.push("verify");
      return verifyEvent(JSON.parse(JSON.stringify(event)));
    },
    async useOnce(id) {
      steps.push("use");
      return !used.has(id) && used.add(id) !== undefined;
    },
    async takeSigned() {
      steps.push("limit");
      return isAllowed ? { allowed: true } : { allowed: false, retryAfterSec: 9 };
    },
    now: () => unixSeconds(AT),
    events,
  };
  const operation = (method: "get" | "delete"): SignedOperation<never, string> => ({
    operation: `${method}Thing`,
    method,
    path: "/api/thing",
    summary: "",
    signed: true,
    response: z.string(),
    serve: async ({ pubkey }) => pubkey,
  });
  const router = Router();
  mountSigned(router, ports, [operation("get"), operation("delete")]);
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  [used, steps, isAllowed] = [new Set(), [], true];
});
afterAll(() => close());

const sign = (method: string, url = `${PUBLIC}/api/thing?a=1`) =>
  getToken(url, method, (event) => finalizeEvent({ ...event, created_at: AT }, secret), true);
async function send(method: string, authorization: string, headers: Record<string, string> = {}) {
  const url = `${origin}/api/thing?a=1`;
  const response = await fetch(url, { method, headers: { Authorization: authorization, ...headers } });
  return { status: response.status, asks: response.headers.get("www-authenticate"), text: await response.text() };
}

test("what reads may be asked again with one signature, what changes something may not", async () => {
  const get = await sign("GET");
  for (let i = 0; i < 2; i++)
    expect(await send("GET", get)).toMatchObject({ status: 200, text: `{"data":"${getPublicKey(secret)}"}` });
  expect((await send("HEAD", await sign("HEAD"))).status).toBe(200);
  const remove = await sign("DELETE");
  expect((await send("DELETE", remove)).status).toBe(200);
  expect(await send("DELETE", remove)).toMatchObject({ status: 401, asks: "Nostr" });
  expect((await send("DELETE", get)).status).toBe(401);
});

test("the address is ours, whatever a request says of itself", async () => {
  const elsewhere = await sign("GET", "https://evil.example/api/thing?a=1");
  const claims = { "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", Forwarded: "host=evil.example" };
  expect((await send("GET", elsewhere, claims)).status).toBe(401);
  expect((await send("GET", await sign("GET"), claims)).status).toBe(200);
});

test("what costs least is asked first: the form, the limit, the signature, the store", async () => {
  expect((await send("DELETE", await sign("DELETE", `${PUBLIC}/api/thing`))).status).toBe(401);
  expect(steps).toEqual([]);
  const forged = Buffer.from((await sign("DELETE")).slice(6), "base64")
    .toString()
    .replace(/"sig":"(.)/, (_, first) => `"sig":"${first === "0" ? "1" : "0"}`);
  expect((await send("DELETE", `Nostr ${Buffer.from(forged).toString("base64")}`)).status).toBe(401);
  expect(steps.splice(0)).toEqual(["limit", "verify"]);
  await send("DELETE", await sign("DELETE"));
  expect(steps.splice(0)).toEqual(["limit", "verify", "use"]);
  isAllowed = false;
  expect((await send("DELETE", await sign("DELETE"))).status).toBe(429);
  expect(steps).toEqual(["limit"]);
});
