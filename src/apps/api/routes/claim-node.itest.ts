/** A node claimed over HTTP: requests signed by nostr-tools, texts signed as LND signs them, on a real database. */
import { Router } from "express";
import { nip19 } from "nostr-tools";
import { getToken } from "nostr-tools/nip98";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { nodeOperatorTable } from "../../../adapters/postgres/node-operator.ts";
import { provenKeyView } from "../../../adapters/postgres/proven-key.ts";
import { prefixLimit } from "../../../adapters/postgres/rate-limit.ts";
import { readNodeAnnouncement } from "../../../core/clip/announcement.ts";
import { unixSeconds } from "../../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { announceNode, nodeKeyOf, signAsNode } from "../../../testing/node-signature.ts";
import { insertNodes } from "../../../testing/some-nodes.ts";
import { createEvents } from "../../events.ts";
import { createLog } from "../../log.ts";
import { openSignedDoor } from "../open-signed-door.ts";
import { mountOperators } from "../operators.ts";
import { createApplication, createHttpServer } from "../server.ts";

const PUBLIC = "https://oracle.example";
const DAY = 86_400;
const node = new Uint8Array(32).fill(7);
const NODE = nodeKeyOf(node);
const PATH = `/api/nodes/${NODE}/claim`;
const [alice, bob] = [generateSecretKey(), generateSecretKey()];

let database: TestDatabase;
let origin: string;
let stop: () => Promise<unknown>;
let clock: number;
let serial = 0;
const now = () => unixSeconds(clock);
const TODAY = 20_718 * DAY;

beforeAll(async () => {
  database = await openTestDatabase(6);
  await insertNodes(database.pool, [NODE]);
  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const router = Router();
  const door = await openSignedDoor(database.pool, { origin: () => PUBLIC, events, now });
  const takeListing = prefixLimit(database.pool, "services", 10_000).take;
  const ask = () => Promise.reject(new Error("no host is asked"));
  mountOperators(router, { database: database.pool, ask, local: [], mostPerHost: 3, door, takeListing, events, now });
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  stop = () => new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE node_claim, node_announcement, node_info, rate_limit");
  clock = TODAY + 7_200;
});
afterAll(async () => {
  await stop();
  await database.close();
});

const text = (secret: Uint8Array, day = TODAY, at = PUBLIC, nodeKey = NODE) =>
  `${at} on ${new Date(day * 1_000).toISOString().slice(0, 10)}: Lightning node ${nodeKey} is run by ${nip19.npubEncode(getPublicKey(secret))}`;

async function ask(secret: Uint8Array, method: "post" | "delete", body?: object, path = PATH) {
  const authorization = await getToken(
    `${PUBLIC}${path}`,
    method,
    (event) =>
      finalizeEvent({ ...event, created_at: clock, tags: [...event.tags, ["nonce", String(++serial)]] }, secret),
    true,
    body as Record<string, unknown> | undefined,
  );
  const response = await fetch(`${origin}${path}`, {
    method: method.toUpperCase(),
    headers: { "Content-Type": "application/json", Authorization: authorization },
    ...(body && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the answer is said to hold, and fail on what it does not
  const parsed: any = await response.json();
  return { status: response.status, code: parsed.code, detail: parsed.detail, data: parsed.data };
}
const claim = (secret: Uint8Array, signed: string, path = PATH) =>
  ask(secret, "post", { signature: signAsNode(signed, node) }, path);
const operator = () => nodeOperatorTable(database.pool).operatorOf(NODE, now());
const keys = () => provenKeyView(database.pool, now).provenKeys();

test("the text to sign is in the refusal; signed, it binds the node to the key", async () => {
  const refused = await ask(alice, "post", { signature: "y".repeat(104) });
  expect(refused).toMatchObject({ status: 403, code: "OWNERSHIP_UNPROVEN" });
  expect(refused.detail).toContain(text(alice));
  const { status, data } = await claim(alice, refused.detail.slice(refused.detail.indexOf("https://")));
  expect([status, data]).toEqual([200, { key: NODE, pubkey: getPublicKey(alice), expiresAt: clock + 180 * DAY }]);
  expect(await operator()).toEqual({ pubkey: getPublicKey(alice), proof: "nip98", since: clock });
  expect(await keys()).toEqual([{ pubkey: getPublicKey(alice), nodes: [NODE], endpoints: [], proofs: [] }]);
  clock += 180 * DAY;
  expect(await operator()).toBeUndefined();
});

test("yesterday's text is taken, and a key in capitals names the same node", async () => {
  const path = `/api/nodes/${NODE.toUpperCase()}/claim`;
  expect((await claim(alice, text(alice, TODAY - DAY), path)).status).toBe(200);
});

test.each<[string, () => string]>([
  ["of the day before yesterday", () => text(alice, TODAY - 2 * DAY)],
  ["of tomorrow", () => text(alice, TODAY + DAY)],
  ["for another oracle", () => text(alice, TODAY, "https://other.example")],
  ["for another key", () => text(bob)],
  ["about another node", () => text(alice, TODAY, PUBLIC, nodeKeyOf(new Uint8Array(32).fill(8)))],
  ["with a space more", () => `${text(alice)} `],
  ["of an announcement", () => "ab".repeat(32)],
])("a text %s proves nothing", async (_name, signed) => {
  expect(await claim(alice, signed())).toMatchObject({ status: 403, code: "OWNERSHIP_UNPROVEN" });
  expect(await operator()).toBeUndefined();
});

test("another node's signature, a node nobody knows, and words are refused", async () => {
  const other = new Uint8Array(32).fill(8);
  expect(await ask(alice, "post", { signature: signAsNode(text(alice), other) })).toMatchObject({ status: 403 });
  const unknown = await ask(
    alice,
    "post",
    { signature: signAsNode(text(alice, TODAY, PUBLIC, nodeKeyOf(other)), other) },
    `/api/nodes/${nodeKeyOf(other)}/claim`,
  );
  expect(unknown).toMatchObject({ status: 404, code: "SUBJECT_UNKNOWN" });
  for (const body of [
    {},
    { signature: "" },
    { signature: 7 },
    { signature: "x".repeat(201) },
    { signature: "y", more: 1 },
  ])
    expect(await ask(alice, "post", body)).toMatchObject({ status: 400, code: "VALIDATION_FAILED" });
  expect(await ask(alice, "post", { signature: "y" }, "/api/nodes/nobody/claim")).toMatchObject({ status: 400 });
  expect(await operator()).toBeUndefined();
});

test("whoever ran the node once cannot bring its word again", async () => {
  expect((await claim(alice, text(alice, TODAY - DAY))).status).toBe(200);
  expect((await claim(bob, text(bob))).status).toBe(200);
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(bob) });
  // Its own of yesterday is used; and one of an earlier day than its successor's would be too old.
  expect(await claim(alice, text(alice, TODAY - DAY))).toMatchObject({ status: 403 });
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(bob) });
  expect(await claim(bob, text(bob, TODAY - DAY))).toMatchObject({ status: 200 });
  expect((await keys()).map(({ pubkey }) => pubkey)).toEqual([getPublicKey(bob)]);
});

test("a claim that was taken back stays so, and is another day's to make again", async () => {
  await claim(alice, text(alice));
  expect(await ask(bob, "delete")).toMatchObject({ status: 404, code: "SUBJECT_UNKNOWN" });
  expect(await ask(alice, "delete")).toMatchObject({ status: 200, data: { key: NODE, withdrawn: true } });
  expect(await operator()).toBeUndefined();
  expect(await claim(alice, text(alice))).toMatchObject({ status: 403 });
  expect(await ask(alice, "delete")).toMatchObject({ status: 404 });
  expect(await claim(alice, text(alice, TODAY - DAY))).toMatchObject({ status: 200 });
});

test("twenty claims at once leave one operator", async () => {
  const claimants = Array.from({ length: 20 }, () => generateSecretKey());
  const all = await Promise.all(claimants.map((secret) => claim(secret, text(secret))));
  expect(all.every(({ status }) => status === 200)).toBe(true);
  const { rows } = await database.pool.query("SELECT count(*)::int AS live FROM node_claim WHERE ended_at IS NULL");
  expect(rows[0].live).toBe(1);
  expect(await keys()).toHaveLength(1);
});

test("of announcement and claim the later holds", async () => {
  const announce = async (secret: Uint8Array, at: number) => {
    const made = readNodeAnnouncement(announceNode({ nodeSecret: node, secret, at }), unixSeconds(at));
    if (typeof made === "string") throw new Error(made);
    await nodeOperatorTable(database.pool).announce(made, undefined, "wss://relay.example");
  };
  const addresses = () => provenKeyView(database.pool, now).nodeAddresses();
  await announce(bob, clock - 100);
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(bob), proof: "clip" });
  await claim(alice, text(alice));
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(alice), proof: "nip98" });
  expect((await addresses()).size).toBe(0);

  await announce(bob, clock + 1);
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(bob), proof: "clip" });
  expect((await addresses()).size).toBe(1);
  // The same key may do both: the announcement is what can be shown to others.
  clock += 10;
  await claim(bob, text(bob));
  expect(await operator()).toMatchObject({ pubkey: getPublicKey(bob), proof: "clip" });
  // Signed on an earlier day than another key's announcement: the node has changed its mind since.
  await announce(bob, clock + DAY);
  expect(await claim(alice, text(alice, TODAY - DAY))).toMatchObject({ status: 403 });
});

test("a key may claim ten times in a minute, and what it is signed for is asked first", async () => {
  const unsigned = await fetch(`${origin}${PATH}`, { method: "POST", body: "{}" });
  expect([unsigned.status, unsigned.headers.get("www-authenticate")]).toEqual([401, "Nostr"]);
  for (let i = 0; i < 10; i++) expect((await ask(alice, "post", { signature: "y" })).status).toBe(403);
  expect(await ask(alice, "post", { signature: "y" })).toMatchObject({ status: 429, code: "RATE_LIMITED" });
  expect((await claim(bob, text(bob))).status).toBe(200);
});
