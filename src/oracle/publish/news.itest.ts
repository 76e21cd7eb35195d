/** News is stored with what it was drawn from, on a real Postgres: together or not at all, once, and taken back when it ends. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { deriveServiceKey } from "../../adapters/nostr/keys.ts";
import { createSigner } from "../../adapters/nostr/signer.ts";
import { endpointAssertionView } from "../../adapters/postgres/endpoint-assertion.ts";
import { endpointBeliefTable } from "../../adapters/postgres/endpoint-belief.ts";
import { endpointModelTable } from "../../adapters/postgres/endpoint-model.ts";
import { appendCalls } from "../../adapters/postgres/evidence.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { decodeEvent, type SignedEvent, tagValue } from "../../core/nip85/event.ts";
import { verifyEvent } from "../../core/nip85/verify.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { someCall } from "../../testing/some-call.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { type RatedEndpoint, rateEndpoints } from "../trust/rate-endpoints.ts";
import { everything } from "./everything.ts";
import { newsOfEndpoints } from "./news-of-endpoints.ts";
import { publishAssertions } from "./publish-assertions.ts";

const NOW = 1_790_000_000;
const secret = new Uint8Array(32).fill(7);
const [node, endpoint, operator] = (["lightning-node", "l402-endpoint", "operator"] as const).map((role) =>
  deriveServiceKey(secret, role),
);
const pubkeys = { node: node!.pubkey, endpoint: endpoint!.pubkey, operator: operator!.pubkey };
const voice = { pubkeys, origin: "https://oracle.example", network: "regtest" } as const;
const CLAIMANT = "5a".repeat(32);
const ANNOUNCED = `31402:${CLAIMANT}:weather`;

let database: TestDatabase;
beforeEach(async () => {
  database = await openTestDatabase(4);
});
afterEach(() => database.close());

const sign = async (events: Parameters<Awaited<ReturnType<typeof createSigner>>["sign"]>[0]) =>
  (await createSigner([node!, endpoint!, operator!])).sign(events);
const outbox = () => outboxTable(database.pool);

/** What nobody counts or announces here, but for one announcement of the first endpoint. */
const sources = () => ({
  ...endpointAssertionView(database.pool),
  async *scoredNodes() {},
  nodeAddresses: async () => new Map(),
  paidApiAddresses: async () => new Map([[1n, [{ address: ANNOUNCED, relay: "wss://relay.example" }]]]),
  mentionsOf: async () => new Map([["https://api.example/weather", { comments: 3, reactions: 0 }]]),
  provenKeys: async () => [{ pubkey: CLAIMANT, nodes: [], endpoints: [1n], proofs: [ANNOUNCED] }],
});

/** Rates what is due, and stages what is news of it, as the crawler does. */
async function rate(at = NOW) {
  const beliefs = endpointBeliefTable(database.pool);
  const newsPorts = { ...outbox(), ...sources(), sign };
  const store = async (rated: readonly RatedEndpoint[]) => {
    const known = rated.map(({ endpointId, belief, facts, ratedAt }) => {
      const { probability, interval } = belief.chance;
      const { observations, probes, latency, price } = facts;
      const measured = { latencyMs: latency?.medianMs, priceMsat: price };
      const believed = {
        probability,
        ...interval,
        verdict: belief.verdict,
        observations,
        probes,
        ratedAt,
        ...measured,
      };
      return [endpointId, believed] as const;
    });
    await beliefs.store(rated, await newsOfEndpoints(newsPorts, new Map(known), voice, unixSeconds(at)));
  };
  const ports = { ...beliefs, ...endpointModelTable(database.pool, beliefs), store };
  const signal = new AbortController().signal;
  return rateEndpoints(ports, { now: () => unixSeconds(at), until: unixSeconds(at + 60), signal });
}

const publishAll = (at = NOW) =>
  publishAssertions(
    { ...outbox(), sign },
    {
      statements: everything(sources(), voice),
      pubkeys: Object.values(pubkeys),
      now: unixSeconds(at),
      signal: new AbortController().signal,
    },
  );

async function events(where = "retracted_at IS NULL"): Promise<SignedEvent[]> {
  const { rows } = await database.pool.query(`SELECT body FROM outbox_event WHERE ${where} ORDER BY outbox_id`);
  return rows.map(({ body }) => decodeEvent(body)!);
}

const weather = "https://api.example/weather";
const calls = (urlHash: string, count: number, good: boolean, from = 0) =>
  appendCalls(
    database.pool,
    Array.from({ length: count }, (_, i) =>
      someCall({
        at: NOW - 600 + i,
        good,
        attempt: from + i,
        call: { endpoint: urlHash, latencyMs: 300, price: 21_000n as never },
      }),
    ),
  );

test("an endpoint is asserted once it was called, in the transaction that stores its rating", async () => {
  const [first] = await insertEndpoints(database.pool, [{ url: weather }, { url: "https://api.example/untried" }]);
  await rate();
  expect(await events()).toEqual([]);

  await calls(first!.urlHash, 6, true);
  await rate();
  const said = await events();
  expect(said.map(({ kind, tags }) => [kind, tags[0]![1]])).toEqual([
    [30_384, ANNOUNCED],
    [30_385, weather],
  ]);
  const about = said[1]!;
  expect(verifyEvent(about, { now: unixSeconds(NOW), expectedPubkey: pubkeys.endpoint })).toMatchObject({
    holds: true,
  });
  const named = ["probe_cnt", "paid_cnt", "ok_pct", "latency_ms", "price_msat", "comment_cnt"];
  expect(named.map((name) => tagValue(about, name))).toEqual(["6", "6", "100", "300", "21000", "3"]);
  const { rows } = await database.pool.query("SELECT probability FROM endpoint_belief WHERE endpoint_id = 1");
  expect(tagValue(about, "rank")).toBe(String(Math.round(100 * rows[0].probability)));

  expect(await publishAll()).toMatchObject({ considered: 3, unchanged: 2, reasons: { new: 1 }, retracted: 0 });
  expect((await events()).at(-1)).toMatchObject({ kind: 30_382, pubkey: pubkeys.operator });
  expect(await publishAll()).toMatchObject({ considered: 3, unchanged: 3, staged: 0 });
});

test("when what is said cannot be stored, the rating is not either", async () => {
  const [first] = await insertEndpoints(database.pool, [{ url: weather }]);
  await calls(first!.urlHash, 3, true);
  await database.pool.query("ALTER TABLE outbox_event ADD CONSTRAINT nothing_fits CHECK (false) NOT VALID");
  await expect(rate()).rejects.toThrow();
  const rated = async () => (await database.pool.query("SELECT rated_at FROM endpoint_belief")).rows[0].rated_at;
  expect(await rated()).toBeNull();

  await database.pool.query("ALTER TABLE outbox_event DROP CONSTRAINT nothing_fits");
  await rate();
  expect(Number(await rated())).toBe(NOW);
  expect(await events()).toHaveLength(2);
});

test("an endpoint that is not offered any more is taken back at once, and said again when it returns", async () => {
  const [first] = await insertEndpoints(database.pool, [{ url: weather }]);
  await calls(first!.urlHash, 4, true);
  await rate();
  await database.pool.query("UPDATE endpoint SET removed_at = $1, changed_at = $1", [NOW + 10]);
  await rate(NOW + 20);
  expect((await events()).map(({ kind }) => kind)).toEqual([5]);
  expect(await events("retracted_at IS NOT NULL")).toHaveLength(2);
  expect(await outbox().findBySubject(first!.urlHash)).toEqual([]);

  await database.pool.query("UPDATE endpoint SET removed_at = NULL, changed_at = $1", [NOW + 30]);
  await rate(NOW + 20);
  const again = (await events()).filter(({ kind }) => kind !== 5);
  expect(again.map(({ created_at }) => created_at)).toEqual([NOW + 21, NOW + 21]);
});

test("of two methods the one that more is known of speaks for the URL", async () => {
  const inserted = await insertEndpoints(database.pool, [{ url: weather }, { url: weather, method: "POST" }]);
  await calls(inserted[0]!.urlHash, 2, false);
  await rate();
  const method = async () => tagValue((await events("kind = 30385"))[0]!, "method");
  expect(await method()).toBe("GET");
  await appendCalls(
    database.pool,
    Array.from({ length: 5 }, (_, i) =>
      someCall({ at: NOW - 300 + i, attempt: 100 + i, call: { endpoint: inserted[0]!.urlHash, method: "POST" } }),
    ),
  );
  await rate(NOW + 5);
  expect(await method()).toBe("POST");
});
