/**
 * From what others publish to what we publish, in the crawler's own parts: a real relay beside one that hangs, a real database, and the
 * events that are signed in the end.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { publishAssertions } from "../../oracle/publish/publish-assertions.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { announceNode, nodeKeyOf } from "../../testing/node-signature.ts";
import { insertNodes } from "../../testing/some-nodes.ts";
import { now } from "../clock.ts";
import { startLocalRelay } from "../demo/relay/start.ts";
import { createEvents } from "../events.ts";
import type { LndGroup } from "../lnd-group.ts";
import { createLog } from "../log.ts";
import type { Start } from "../world.ts";
import { readInboxJobs } from "./jobs/read-inbox.ts";
import { createPublisher } from "./publisher.ts";
import { openSpeech } from "./speech.ts";

const origin = "https://oracle.example";
const nodes = Array.from({ length: 12 }, (_, index) => new Uint8Array(32).fill(index + 1));
const [first, second] = nodes as [Uint8Array, Uint8Array];
const [alice, bob, carol] = [generateSecretKey(), generateSecretKey(), generateSecretKey()];
const events = createEvents(createLog({ level: "silent", name: "test" }));
const stopping = new AbortController();
const closing: (() => unknown)[] = [];

let database: TestDatabase;
let relay: string;
let hung: string;
beforeAll(async () => {
  database = await openTestDatabase();
  await insertNodes(database.pool, nodes.map(nodeKeyOf));
  await database.pool.query(
    "UPDATE node SET rank = 70, rank_low = 60, rank_high = 80, reach_ratio = 0.5, observations = 3, scored_at = $1",
    [now()],
  );
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-inbox-"));
  const local = await startLocalRelay({ dataDir, host: "127.0.0.1", port: 0 });
  const silent = createServer((socket) => closing.push(() => socket.destroy()));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  [relay, hung] = [local.url, `ws://127.0.0.1:${(silent.address() as { port: number }).port}`];
  closing.push(
    () => rmSync(dataDir, { recursive: true, force: true }),
    local.stop,
    () => silent.close(),
    database.close,
  );
});
afterAll(async () => {
  for (const close of closing.splice(0)) await close();
});

async function send(...given: SignedEvent[]): Promise<void> {
  const socket = new WebSocket(relay);
  await new Promise((resolve) => socket.once("open", resolve));
  for (const event of given) {
    const answered = new Promise((resolve) => socket.once("message", resolve));
    socket.send(JSON.stringify(["EVENT", event]));
    await answered;
  }
  socket.close();
}
const comment = (secret: Uint8Array, nodeKey: string) => {
  const subject = `lightning:regtest:node:${nodeKey}`;
  const tags = [
    ["I", subject],
    ["K", "lightning:node"],
  ];
  return finalizeEvent({ kind: 1_111, created_at: now(), tags, content: "Works." }, secret);
};

test("an announcement and a comment become assertions; with another announcement the old ones are taken back", async () => {
  const config = { NOSTR_READ_RELAYS: [hung, relay] } as unknown as Start["config"];
  const world = { nostrRelays: [] } as unknown as Start["world"];
  const jobs = readInboxJobs({ config, world, events, signal: stopping.signal, database: database.pool, origin });
  const publisher = await createPublisher({
    source: { from: "secret", secret: "11".repeat(32) },
    ...{ origin, relays: [], onFallback: () => undefined },
  });
  closing.unshift(publisher.close);
  const lnd = { first: async () => ({ network: "regtest" }) } as unknown as LndGroup;
  const speech = openSpeech({ database: database.pool, publisher, origin, lnd, events, signal: stopping.signal });
  const publish = () =>
    publishAssertions(
      { ...outboxTable(database.pool), sign: publisher.sign },
      { statements: speech.statements(), pubkeys: speech.pubkeys, now: now(), signal: stopping.signal },
    );
  const said = async (kind: number) =>
    (
      await database.pool.query("SELECT body FROM outbox_event WHERE kind = $1 AND retracted_at IS NULL ORDER BY d", [
        kind,
      ])
    ).rows.map(({ body }) => JSON.parse(body) as SignedEvent);
  const named = async (kind: number) => (await said(kind)).map(({ tags }) => tags[0]![1]);

  await send(
    announceNode({ nodeSecret: first, secret: alice, at: now() - 20 }),
    announceNode({ nodeSecret: second, secret: carol, at: now() - 20 }),
    comment(carol, nodeKeyOf(first)),
    comment(generateSecretKey(), nodeKeyOf(first)),
    comment(alice, nodeKeyOf(first)),
  );
  // The one that hangs is asked at the same time.
  const waiting = jobs[0]!.run();
  expect(await jobs[1]!.run()).toMatchObject({ nodes: 2, comments: 3, taken: 5 });
  await publish();
  const address = (secret: Uint8Array, nodeSecret = first) => `38171:${getPublicKey(secret)}:${nodeKeyOf(nodeSecret)}`;
  expect(await named(30_384)).toEqual([address(alice), address(carol, second)].sort());
  expect(await named(30_382)).toEqual([getPublicKey(alice), getPublicKey(carol)].sort());
  const [about] = (await said(30_385)).filter(({ tags }) => tags[0]![1]!.endsWith(nodeKeyOf(first)));
  expect(about!.tags).toContainEqual(["comment_cnt", "1"]);
  expect(await publish()).toMatchObject({ staged: 0, retracted: 0 });

  await send(announceNode({ nodeSecret: first, secret: bob, at: now() }));
  await jobs[1]!.run();
  expect(await publish()).toMatchObject({ retracted: 2 });
  expect(await named(30_384)).toEqual([address(bob), address(carol, second)].sort());
  expect(await named(30_382)).toEqual([getPublicKey(bob), getPublicKey(carol)].sort());
  const takenBack = (await said(5)).flatMap(({ tags }) =>
    tags.filter(([name]) => name === "a").map(([, value]) => value),
  );
  expect(takenBack.map((value) => value!.split(":").slice(2).join(":")).sort()).toEqual(
    [address(alice), getPublicKey(alice)].sort(),
  );

  stopping.abort();
  expect(await waiting).toMatchObject({ relay: hung, taken: 0 });
  expect(await events.registry.metrics()).toContain('satrank_inbox_events_total{feed="nodes",outcome="announced"} 3');
});
