/** What anybody may check us by, over HTTP on a real database: a stranger who has nothing else comes to the same numbers. */
import { createHash } from "node:crypto";
import { Router } from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endpointBeliefTable } from "../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../adapters/postgres/endpoint-model.ts";
import { appendCalls, appendEvidence } from "../../adapters/postgres/evidence.ts";
import { saveNostrKeys } from "../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { sortLines } from "../../core/audit/dossier.ts";
import { recomputeEndpoint } from "../../core/audit/recompute-endpoint.ts";
import { verifyPublished } from "../../core/audit/verify-published.ts";
import { fromHex, toHex, utf8 } from "../../core/bytes.ts";
import { STAGES } from "../../core/endpoint/call.ts";
import { decodeCall } from "../../core/evidence/call.ts";
import { decodeEvidence } from "../../core/evidence/canonical.ts";
import { CHAIN_START, verifyChain } from "../../core/evidence/chain.ts";
import { holdsEntry, holdsGrowth, leafHash, rootOf } from "../../core/merkle/tree.ts";
import { addressOf } from "../../core/nip85/event.ts";
import { heartbeatEvent } from "../../core/nip85/heartbeat.ts";
import { npub } from "../../core/nip85/key-text.ts";
import type { KeyRole } from "../../core/nip85/roles.ts";
import { standingRoot } from "../../core/nip85/standing-set.ts";
import type { StagePriors } from "../../core/trust/believe-endpoint.ts";
import { STARTING_MODEL } from "../../core/trust/model.ts";
import { unixSeconds } from "../../core/units.ts";
import { rateEndpoints } from "../../oracle/trust/rate-endpoints.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { ask } from "../../testing/holder.ts";
import { callsUpTo } from "../../testing/some-call.ts";
import { signAs, someDossier } from "../../testing/some-dossier.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { createEvents } from "../events.ts";
import { createLog } from "../log.ts";
import { auditContracts, mountAudit } from "./audit-operations.ts";
import { createApplication, createHttpServer } from "./server.ts";

const NOW = 1_790_000_000;
const node = (i: number) => `02${i.toString(16).padStart(64, "0")}`;

let database: TestDatabase;
let origin: string;
let endpoint: string;
let close: () => Promise<void>;
beforeAll(async () => {
  database = await openTestDatabase(6);
  const [listed] = await insertEndpoints(database.pool, [{ url: "https://weather.example/v1" }]);
  endpoint = listed!.urlHash;
  for (let i = 0; i < 40; i++) {
    const seen = {
      observedAt: unixSeconds(NOW - 100 + i),
      source: "probe",
      attempt: "ab".repeat(32),
      vantage: node(0),
    } as const;
    await appendEvidence(database.pool, [
      { ...seen, observation: { kind: "online", node: node(1 + (i % 2)) } },
      { ...seen, observation: { kind: "offline", node: node(3), seenBy: node(1) } },
    ]);
  }
  const call = { endpoint, latencyMs: 120, payee: node(9) };
  const good = callsUpTo(NOW - 7_200, 230, 60, { call });
  const bad = callsUpTo(NOW - 600, 12, 60, { stage: "delivery", good: false, call });
  const told = callsUpTo(NOW - 300, 4, 60, { source: "holder", stage: "delivery", good: false, call });
  await appendCalls(database.pool, [...good, ...bad, ...told]);
  const beliefs = endpointBeliefTable(database.pool);
  const ports = { ...beliefs, ...endpointModelTable(database.pool, beliefs) };
  const signal = new AbortController().signal;
  await rateEndpoints(ports, { now: () => unixSeconds(NOW), until: unixSeconds(NOW + 60), signal });

  const events = createEvents(createLog({ level: "fatal", name: "test" }));
  const router = Router();
  mountAudit(router, { database: database.pool, events, origin: () => "https://oracle.example" });
  const app = createApplication({ trustProxy: "loopback", events, isStopping: () => false }, [router]);
  const server = createHttpServer(app, { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => new Promise((resolve) => server.close(() => resolve()));
});
afterAll(async () => {
  await close();
  await database.close();
});

const read = async (path: string) => {
  const { status, data, code } = await ask(origin, path);
  expect([status, code]).toEqual([200, undefined]);
  const contract = auditContracts.find(({ path: form }) =>
    new RegExp(`^${form.replace(/\{\w+\}/g, "[^/]+")}$`).test(path.split("?")[0]!),
  );
  contract!.response.parse(data);
  return data;
};
type Entry = { position: string; entry: string; chainHash: string };
/** Page by page, as a stranger reads. */
async function readAll(filter = "", limit = 100): Promise<Entry[]> {
  const all: Entry[] = [];
  for (let after: string | null = "0"; after !== null; ) {
    const { entries, next } = await read(`/api/audit/entries?after=${after}&limit=${limit}${filter}`);
    all.push(...entries);
    after = next;
  }
  return all;
}
const bytes = (hex: string) => fromHex(hex)!;

test("the log read from its beginning is the one whose root and chain hash are told", async () => {
  const head = await read("/api/audit/head");
  const entries = await readAll();
  expect(head.size).toBe(String(entries.length));
  expect(head.root).toBe(toHex(rootOf(entries.map(({ entry }) => leafHash(utf8(entry))))));
  const links = entries.map(({ position, entry, chainHash }) => ({
    position: BigInt(position),
    text: entry,
    hash: bytes(chainHash),
  }));
  expect(verifyChain(links, CHAIN_START)).toMatchObject({ ok: true, head: { hash: bytes(head.chainHash) } });
});

test("an entry is proved in any tree, and that the log has only grown", async () => {
  const { size, root } = await read("/api/audit/head");
  const { entry } = await read("/api/audit/entries/17");
  const proof = await read("/api/audit/proof/17");
  expect(proof).toMatchObject({ size, root });
  const place = { index: 16, size: Number(size) };
  expect(holdsEntry(leafHash(utf8(entry)), place, proof.path.map(bytes), bytes(root))).toBe(true);
  const older = await read("/api/audit/proof/17?size=50");
  const growth = await read(`/api/audit/consistency?from=50&to=${size}`);
  expect(growth).toMatchObject({ fromRoot: older.root, toRoot: root });
  const sizes = { from: 50, to: Number(size) };
  expect(holdsGrowth(sizes, growth.path.map(bytes), bytes(older.root), bytes(root))).toBe(true);
});

test("all that names a node is read in pages, each entry once", async () => {
  const all = await readAll();
  const naming = (key: string) => all.filter(({ entry }) => entry.includes(`"${key}"`));
  for (const key of [node(1), node(2), node(3), node(7)]) {
    expect(await readAll(`&node=${key.toUpperCase()}`, 7)).toEqual(naming(key));
  }
  expect(naming(node(1)).map(({ entry }) => decodeEvidence(entry).observation.kind)).toContain("offline");
});

test("a stranger rates an endpoint by its calls, and comes to the same numbers", async () => {
  const found = await read(`/api/audit/grounds/${endpoint}`);
  const entries = await readAll(`&endpoint=${endpoint}`, 50);
  expect(entries).toHaveLength(246);
  const calls = entries.map(({ position, entry }) => ({ position: BigInt(position), evidence: decodeCall(entry) }));
  const { stages, model, siblings } = found;
  const priors: StagePriors = Object.fromEntries(STAGES.map((stage) => [stage, stages[stage].prior])) as never;
  const category = found.category ?? undefined;
  const recount = recomputeEndpoint(calls, { category, siblings, model, priors }, unixSeconds(found.ratedAt));
  expect(recount.chance.probability).toBeCloseTo(found.probability, 12);
  expect(recount.chance.interval.low).toBeCloseTo(found.interval.low, 12);
  // The newest 200 of our own calls that were paid for, and what others told.
  expect(recount.facts.observations).toBe(204);
  expect(recount.believed).toEqual([]);
  expect(await read(`/api/audit/model?at=${model.fittedAt}`)).toEqual(model);
  expect(createHash("sha256").update(found.url).digest("hex")).toBe(endpoint);
});

test("one file has all that an event is checked by, and the bundle everything that is published", async () => {
  const at = unixSeconds(Math.floor(Date.now() / 1000) - 300);
  const { pubkeys, aboutUrl, aboutNode, list, profile, entries } = someDossier(at);
  await appendCalls(database.pool, entries.map(decodeCall));
  const rated = createHash("sha256").update(aboutUrl.tags[0]![1]!).digest("hex");
  await insertEndpoints(database.pool, [{ url: aboutUrl.tags[0]![1]!, category: null, changedAt: at }]);
  const beliefs = endpointBeliefTable(database.pool);
  const ports = { ...beliefs, ...endpointModelTable(database.pool, beliefs) };
  // The one that it was rated by.
  await ports.storeModel({ ...STARTING_MODEL, fittedAt: at - (at % 3_600) });
  const signal = new AbortController().signal;
  await rateEndpoints(ports, { now: () => at, until: unixSeconds(at + 60), signal });
  const role = (name: KeyRole, pubkey: string) => ({ role: name, pubkey, since: at });
  const { node, endpoint: l402, operator, brand } = pubkeys;
  const keys = [
    role("lightning-node", node),
    role("l402-endpoint", l402),
    role("operator", operator),
    role("brand", brand),
  ];
  await saveNostrKeys(database.pool, keys, at);
  const { size, root } = await read("/api/audit/head");
  const set = [{ kind: aboutUrl.kind, d: addressOf(aboutUrl), id: aboutUrl.id }];
  const heartbeat = signAs(
    "endpoint",
    heartbeatEvent(
      {
        asOf: unixSeconds(at + 60),
        counts: [{ kind: aboutUrl.kind, count: 1 }],
        root: standingRoot(set),
        evidence: { position: BigInt(size), head: "00".repeat(32) },
        evidenceTree: { size: Number(size), root },
        predictions: { position: 0n, head: "00".repeat(32) },
      },
      { pubkey: l402, createdAt: unixSeconds(at + 60) },
    ),
  );
  const said = [aboutUrl, aboutNode, list, profile, heartbeat];
  const staged = said.map((event) => ({ event, subject: rated, priority: 1 }));
  await outboxTable(database.pool).stage(staged, at);

  const dossier = sortLines((await read(`/api/audit/dossier/${aboutUrl.id}`)).lines);
  const verdict = verifyPublished(aboutUrl, dossier, { now: unixSeconds(at + 120), brand });
  expect(verdict.findings.filter(({ holds }) => holds !== true)).toEqual([]);
  expect(verdict.findings.map(({ name }) => name)).toEqual(expect.arrayContaining(["heartbeat", "evidence", "counts"]));

  const lines = async (query: string) => {
    const text = await (await fetch(`${origin}/api/audit/bundle${query}`)).text();
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const byId = (events: { id: string }[]) => [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(byId(await lines(""))).toEqual(byId(said));
  expect(await lines(`?author=${npub(node)}`)).toEqual([aboutNode]);
  expect(await read("/api/nostr/providers")).toMatchObject({
    brand,
    optional: [["30382:rank", operator, "wss://oracle.example/relay"]],
  });
});

test("what does not change is kept, and whoever has it is told so", async () => {
  const answer = await fetch(`${origin}/api/audit/entries/3`);
  expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000");
  const again = await fetch(`${origin}/api/audit/entries/3`, {
    headers: { "If-None-Match": answer.headers.get("etag")! },
  });
  expect(again.status).toBe(304);
  const head = await fetch(`${origin}/api/audit/head`);
  expect(head.headers.get("cache-control")).toBe("public, max-age=10");
});

test.each([
  ["/api/audit/entries/0", "EVIDENCE_UNKNOWN"],
  ["/api/audit/entries/99999999", "EVIDENCE_UNKNOWN"],
  ["/api/audit/entries/x", "VALIDATION_FAILED"],
  ["/api/audit/entries?limit=1001", "VALIDATION_FAILED"],
  ["/api/audit/entries?after=-1", "VALIDATION_FAILED"],
  ["/api/audit/entries?node=02", "VALIDATION_FAILED"],
  [`/api/audit/entries?node=${node(1)}&endpoint=${"ab".repeat(32)}`, "VALIDATION_FAILED"],
  ["/api/audit/proof/1?size=0", "EVIDENCE_UNKNOWN"],
  ["/api/audit/proof/1?size=9999999999999999", "EVIDENCE_UNKNOWN"],
  ["/api/audit/consistency?from=9&to=8", "EVIDENCE_UNKNOWN"],
  ["/api/audit/consistency?from=9", "VALIDATION_FAILED"],
  [`/api/audit/grounds/${"ab".repeat(32)}`, "SUBJECT_UNKNOWN"],
  ["/api/audit/model?at=5", "EVIDENCE_UNKNOWN"],
  [`/api/audit/dossier/${"ab".repeat(32)}`, "SUBJECT_UNKNOWN"],
  ["/api/audit/dossier/x", "VALIDATION_FAILED"],
  ["/api/audit/bundle?author=x", "VALIDATION_FAILED"],
  ["/api/audit/bundle?kind=1", "VALIDATION_FAILED"],
])("%s is refused: %s", async (path, code) => {
  expect((await ask(origin, path)).code).toBe(code);
});
