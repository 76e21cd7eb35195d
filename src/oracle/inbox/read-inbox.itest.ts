/** What others publish, from a real relay into a real database, and from relays that lie. Events are made by an independent library. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { finalizeEvent, generateSecretKey, getPublicKey } from "nostr-tools/pure";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { readRelay } from "../../adapters/nostr/read-relay.ts";
import { verifyEvents } from "../../adapters/nostr/verify-events.ts";
import { inboxTable } from "../../adapters/postgres/inbox.ts";
import { mentionTable } from "../../adapters/postgres/mention.ts";
import { mentionCountView } from "../../adapters/postgres/mention-count.ts";
import { nodeOperatorTable } from "../../adapters/postgres/node-operator.ts";
import { provenKeyView } from "../../adapters/postgres/proven-key.ts";
import { startLocalRelay } from "../../apps/demo/relay/start.ts";
import type { LabelledCall } from "../../core/inbox/outcome-label.ts";
import type { SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { announceNode, nodeKeyOf } from "../../testing/node-signature.ts";
import { insertEndpoints } from "../../testing/some-endpoints.ts";
import { insertNodes } from "../../testing/some-nodes.ts";
import { type InboxPorts, readInbox } from "./read-inbox.ts";

const START = 1_790_000_000;
const NAMESPACE = "com.example.l402-outcome";
const URL_RATED = "https://api.example/v1/weather?q=1";
const nodes = [1, 2, 3, 4].map((seed) => new Uint8Array(32).fill(seed));
const [node1, node2, node3, node4] = nodes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const [alice, bob, carol, stranger] = nodes.map(() => generateSecretKey()) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const key = (secret: Uint8Array) => getPublicKey(secret);
const about = (nodeSecret: Uint8Array) => `lightning:node:${nodeKeyOf(nodeSecret)}`;

let database: TestDatabase;
let clock: number;
let seen: Record<string, number>;
let failures: string[];
let told: LabelledCall[];
const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  database = await openTestDatabase(4);
  // The fourth is in the graph, and nobody can pay it.
  await insertNodes(database.pool, [node1, node2, node3].map(nodeKeyOf), [nodeKeyOf(node4)]);
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  await database.close();
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE inbox_cursor, node_info, node_announcement, node_claim, mention, label_taken");
  await database.pool.query("DELETE FROM endpoint");
  clock = START;
  seen = {};
  failures = [];
  told = [];
});

const now = () => unixSeconds(clock);
const signal = new AbortController().signal;

/** Reads one relay once. */
async function readFrom(relay: string, change: Partial<InboxPorts> = {}) {
  const reading = readRelay(relay, signal, { answerMs: 2_000, pageEvents: 20 });
  const ports: InboxPorts = {
    ...inboxTable(database.pool),
    ...nodeOperatorTable(database.pool),
    ...mentionTable(database.pool),
    pages: reading.pages,
    verify: verifyEvents,
    breathe: () => Promise.resolve(),
    async report(call) {
      told.push(call);
      return { counted: true };
    },
    now,
    seen: (feed, outcome, count) => {
      const name = `${feed} ${outcome}`;
      if (count > 0) seen[name] = (seen[name] ?? 0) + count;
    },
    failed: (feed) => failures.push(feed),
    ...change,
  };
  const taken = await readInbox(ports, { relay, namespaces: [NAMESPACE], signal });
  reading.close();
  return taken;
}
const operatorOf = (secret: Uint8Array) => nodeOperatorTable(database.pool).operatorOf(nodeKeyOf(secret), now());
const counts = async (...identifiers: string[]) =>
  Object.fromEntries(await mentionCountView(database.pool, now).mentionsOf(identifiers));
const bindings = () => provenKeyView(database.pool, now);

/** The demo world's relay, with what is given to it. */
async function openRelay(events: readonly SignedEvent[] = []) {
  const dataDir = mkdtempSync(path.join(tmpdir(), "satrank-inbox-"));
  const relay = await startLocalRelay({ dataDir, host: "127.0.0.1", port: 0, now: () => clock });
  cleanups.push(
    () => rmSync(dataDir, { recursive: true, force: true }),
    () => relay.stop(),
  );
  await send(relay.url, events);
  return relay.url;
}

async function send(url: string, events: readonly SignedEvent[]): Promise<void> {
  const socket = new WebSocket(url);
  await new Promise((resolve) => socket.once("open", resolve));
  for (const event of events) {
    const answered = new Promise<string>((resolve) => socket.once("message", (data) => resolve(String(data))));
    socket.send(JSON.stringify(["EVENT", event]));
    expect(JSON.parse(await answered)).toMatchObject(["OK", event.id, true, ""]);
  }
  socket.close();
}

function sign(secret: Uint8Array, kind: number, tags: string[][], content = "", at = clock): SignedEvent {
  return JSON.parse(JSON.stringify(finalizeEvent({ kind, created_at: at, tags, content }, secret)));
}
const announced = (nodeSecret: Uint8Array, secret: Uint8Array, at = clock) => announceNode({ nodeSecret, secret, at });
const comment = (secret: Uint8Array, subject: string, content = "Works.", at = clock) => {
  const type = subject.startsWith("lightning:") ? "lightning:node" : "web";
  return sign(
    secret,
    1_111,
    [
      ["I", subject],
      ["K", type],
      ["i", subject],
      ["k", type],
    ],
    content,
    at,
  );
};
const react = (secret: Uint8Array, subject: string, content = "+", at = clock) =>
  sign(
    secret,
    17,
    [
      ["i", subject],
      ["k", subject.startsWith("lightning:") ? "lightning:node" : "web"],
    ],
    content,
    at,
  );
const remove = (secret: Uint8Array, ...events: SignedEvent[]) =>
  sign(
    secret,
    5,
    events.map(({ id }) => ["e", id]),
    "",
    clock,
  );

test("a node's announcement binds it to the key that published it, with the relay it was found on", async () => {
  const relay = await openRelay([announced(node1, alice)]);
  expect(await readFrom(relay)).toMatchObject({ nodes: 1 });
  expect(await operatorOf(node1)).toEqual({ pubkey: key(alice), proof: "clip", since: START });
  const address = `38171:${key(alice)}:${nodeKeyOf(node1)}`;
  expect(await bindings().nodeAddresses()).toEqual(new Map([[nodeKeyOf(node1), { address, relay }]]));
  expect(await bindings().provenKeys()).toEqual([
    { pubkey: key(alice), relay, nodes: [nodeKeyOf(node1)], endpoints: [], proofs: [address] },
  ]);
});

test("the newest announcement of a node stands, in whatever order and on whichever relay it is found", async () => {
  const [first, second] = [announced(node1, alice, START - 500), announced(node1, bob, START - 400)];
  const newer = await openRelay([second]);
  const older = await openRelay([first]);
  await readFrom(newer);
  await readFrom(older);
  expect(await operatorOf(node1)).toMatchObject({ pubkey: key(bob) });
  expect(seen).toMatchObject({ "nodes announced": 1, "nodes outdated": 1 });
  const address = `38171:${key(bob)}:${nodeKeyOf(node1)}`;
  expect(await bindings().nodeAddresses()).toEqual(new Map([[nodeKeyOf(node1), { address, relay: newer }]]));
  expect((await bindings().provenKeys()).map(({ pubkey }) => pubkey)).toEqual([key(bob)]);
});

test("an announcement that is taken back leaves nobody, and no older one comes back", async () => {
  const mine = announced(node1, bob, START - 400);
  const relay = await openRelay([mine]);
  await readFrom(relay);
  await send(relay, [remove(alice, mine)]);
  await readFrom(relay);
  expect(await operatorOf(node1)).toMatchObject({ pubkey: key(bob) });
  await send(relay, [remove(bob, mine)]);
  await readFrom(relay);
  expect(await operatorOf(node1)).toBeUndefined();
  expect(await bindings().nodeAddresses()).toEqual(new Map());

  await readFrom(await openRelay([announced(node1, alice, START - 500)]));
  expect(await operatorOf(node1)).toBeUndefined();
  await readFrom(await openRelay([announced(node1, alice, START - 300)]));
  expect(await operatorOf(node1)).toMatchObject({ pubkey: key(alice) });
});

test("an announcement that says when it ends holds until then", async () => {
  const until = announceNode({
    nodeSecret: node1,
    secret: alice,
    at: START,
    extraTags: [["expiration", String(START + 60)]],
  });
  await readFrom(await openRelay([until]));
  expect(await operatorOf(node1)).toMatchObject({ pubkey: key(alice) });
  clock += 60;
  expect(await operatorOf(node1)).toBeUndefined();
  expect(await bindings().provenKeys()).toEqual([]);
});

test("a node outside the graph is not taken, nor one that has not signed", async () => {
  const outside = announced(new Uint8Array(32).fill(77), alice);
  const forged = announceNode({ nodeSecret: node1, secret: alice, at: START, signed: () => "y".repeat(104) });
  await readFrom(await openRelay([outside, forged]));
  expect(seen).toEqual({ "nodes unknown-node": 1, "nodes node-signature": 1 });
  expect(await bindings().provenKeys()).toEqual([]);
});

test("what is said of a node is taken from the key that its announcement names, and from no other", async () => {
  const says = (secret: Uint8Array, text: string, at: number) =>
    sign(
      secret,
      38_171,
      [
        ["d", `1:${nodeKeyOf(node1)}:mainnet`],
        ["k", "1"],
      ],
      JSON.stringify({ about: text, min_channel_size_sat: 5 }),
      at,
    );
  await readFrom(
    await openRelay([
      announced(node1, alice, START - 10),
      says(alice, "mine", START),
      says(bob, "not mine", START + 1),
    ]),
  );
  expect(await operatorOf(node1)).toMatchObject({ pubkey: key(alice), info: { about: "mine", minChannelSat: 5n } });
  expect(seen).toEqual({ "nodes announced": 1, "nodes informed": 1, "nodes not-its-operator": 1 });

  // With the node goes the right to speak of it.
  clock += 100;
  await readFrom(await openRelay([announced(node1, bob)]));
  expect(await operatorOf(node1)).toEqual({ pubkey: key(bob), proof: "clip", since: clock });
});

test("those who proved to run a node that can be paid are counted, once each, and nobody on what is his own", async () => {
  await insertEndpoints(database.pool, [{ url: URL_RATED, operator: key(bob) }]);
  const relay = await openRelay([
    ...[
      [node1, alice],
      [node2, bob],
      [node3, alice],
      [node4, carol],
    ].map(([node, secret]) => announced(node!, secret!)),
    comment(alice, about(node2), "one"),
    comment(alice, about(node2), "two"),
    comment(bob, about(node2), "my own"),
    comment(carol, about(node2), "nobody can pay my node"),
    comment(stranger, about(node2), "a key I made for this"),
    react(alice, about(node2), "🤙"),
    react(alice, about(node1), "+"),
    react(bob, about(node1), "-"),
    comment(alice, "https://API.example:443/v1/weather?q=1#part"),
    comment(bob, URL_RATED, "my own"),
    comment(alice, "https://api.example/v1/another"),
    comment(alice, about(new Uint8Array(32).fill(77))),
  ]);
  await readFrom(relay);
  expect(await counts(about(node1), about(node2), about(node3), URL_RATED)).toEqual({
    [about(node2)]: { comments: 1, reactions: 1 },
    [URL_RATED]: { comments: 1, reactions: 0 },
  });
  expect(seen).toMatchObject({ "comments saved": 7, "comments passed-over": 2, "reactions saved": 3 });
});

test("of an author's reactions the newest counts, and what was deleted does not", async () => {
  const liked = react(bob, about(node1), "+", START - 20);
  const relay = await openRelay([announced(node2, bob), liked, react(bob, about(node1), "-", START - 10)]);
  await readFrom(relay);
  expect(await counts(about(node1))).toEqual({});
  const again = react(bob, about(node1), "❤️", START);
  const said = comment(bob, about(node1));
  await send(relay, [again, said]);
  await readFrom(relay);
  expect(await counts(about(node1))).toEqual({ [about(node1)]: { comments: 1, reactions: 1 } });

  clock += 10;
  const elsewhere = await openRelay([said]);
  await send(relay, [remove(stranger, said), remove(bob, said)]);
  await readFrom(relay);
  await readFrom(elsewhere);
  expect(await counts(about(node1))).toEqual({ [about(node1)]: { comments: 0, reactions: 1 } });
});

test("a comment that says when it ends is not counted after", async () => {
  const passing = sign(
    bob,
    1_111,
    [
      ["I", about(node1)],
      ["K", "lightning:node"],
      ["expiration", String(START + 50)],
    ],
    "now",
  );
  await readFrom(await openRelay([announced(node2, bob), passing]));
  expect(await counts(about(node1))).toEqual({ [about(node1)]: { comments: 1, reactions: 0 } });
  clock += 50;
  expect(await counts(about(node1))).toEqual({});
});

test("labels are taken for reports, once, from any number of relays", async () => {
  const label = (outcome: string, at = clock) =>
    sign(
      stranger,
      1_985,
      [
        ["L", NAMESPACE],
        ["l", outcome, NAMESPACE],
        ["r", URL_RATED],
        ["latency_ms", "40"],
      ],
      "",
      at,
    );
  const events = [label("paid-no-content"), label("paid-ok", START - 86_500), label("superb")];
  const [one, two] = [await openRelay(events), await openRelay(events)];
  await readFrom(one);
  await readFrom(two);
  await readFrom(one);
  expect(told).toMatchObject([
    {
      method: "GET",
      witness: key(stranger),
      latencyMs: 40,
      told: { stage: "delivery", good: false, code: "NO_CONTENT", at: START },
    },
  ]);
  expect(seen).toMatchObject({ "labels counted": 1, "labels known": 2 });
});

test("a long list is read in several readings, and what comes later at the next", async () => {
  const many = Array.from({ length: 70 }, (_, index) => comment(bob, about(node1), `${index}`, START - index));
  const relay = await openRelay([announced(node2, bob), ...many]);
  const first = readRelay(relay, signal, { pageEvents: 20 });
  const oneOf = (pages: InboxPorts["pages"]): InboxPorts["pages"] =>
    async function* (filter) {
      for await (const page of pages(filter)) {
        yield page;
        if (filter.kinds.includes(1_111)) throw new Error("the relay went away");
      }
    };
  await readFrom(relay, { pages: oneOf(first.pages) });
  first.close();
  expect(failures).toEqual(["comments"]);
  expect(seen["comments saved"]).toBe(20);
  await readFrom(relay);
  expect(seen["comments saved"]).toBe(70);
  await readFrom(relay);
  await send(relay, [comment(bob, about(node1), "later", START + 5)]);
  clock += 10;
  await readFrom(relay);
  expect(seen["comments saved"]).toBe(71);
});

test("what is not what it says is passed over: forged, of the future, expired, of another kind, or no event", async () => {
  const good = comment(bob, about(node1));
  const flip = (text: string) => `${text[0] === "0" ? "1" : "0"}${text.slice(1)}`;
  const wrong: unknown[] = [
    { ...good, content: "changed" },
    { ...good, id: flip(good.id) },
    { ...good, sig: flip(good.sig) },
    { ...good, pubkey: key(alice) },
    { ...good, pubkey: "ff".repeat(32) },
    { ...good, sig: "00".repeat(64) },
    comment(bob, about(node1), "future", START + 901),
    sign(
      bob,
      1_111,
      [
        ["I", about(node1)],
        ["expiration", String(START)],
      ],
      "expired",
    ),
    sign(
      bob,
      1_111,
      [
        ["I", about(node1)],
        ["expiration", "soon"],
      ],
      "expired in no known way",
    ),
    sign(
      bob,
      1_111,
      [
        ["I", about(node1)],
        ["I", about(node2)],
      ],
      "two subjects",
    ),
    sign(bob, 1_111, [["I", about(node1)]], "   "),
    sign(bob, 1_111, [["I", "lightning:node:nobody"]], "no node"),
    sign(bob, 1_111, [["I", "javascript:alert(1)"]], "no page"),
    sign(bob, 1_111, [["I"]], "nothing"),
    sign(
      bob,
      1_111,
      Array.from({ length: 2_001 }, () => ["t", "x"]),
      "many tags",
    ),
    sign(bob, 1_111, [["I", `https://api.example/${"x".repeat(3_000)}`]], "a long one"),
    comment(bob, about(node1), "x".repeat(70_000)),
    sign(bob, 1, [["I", about(node1)]], "another kind"),
    { ...good, created_at: -1 },
    { ...good, created_at: 1.5 },
    { ...good, kind: "1111" },
    { ...good, tags: [["I", 7]] },
    { ...good, tags: "I" },
    { ...good, content: null },
    { id: good.id },
    [],
    "event",
    7,
    null,
  ];
  const lying: Partial<InboxPorts> = {
    async *pages({ kinds }) {
      yield { events: kinds.includes(1_111) ? [...wrong, good] : [announced(node2, bob)] };
    },
  };
  await readFrom("wss://liar.example", lying);
  expect(failures).toEqual([]);
  const { rows } = await database.pool.query("SELECT event_id FROM mention");
  expect(rows).toEqual([{ event_id: good.id }]);
  const passedOver = Object.entries(seen).filter(([name]) => name.startsWith("comments ") && name !== "comments saved");
  expect(passedOver.reduce((sum, [, count]) => sum + count, 0)).toBe(wrong.length);
});

/** One good event of each kind that is read, and the feed it comes in. */
const SAMPLES: [string, number, () => SignedEvent][] = [
  ["announcement", 38_171, () => announced(node1, alice)],
  ["reaction", 17, () => react(bob, about(node1))],
  [
    "label",
    1_985,
    () =>
      sign(stranger, 1_985, [
        ["L", NAMESPACE],
        ["l", "paid-ok", NAMESPACE],
        ["r", URL_RATED],
      ]),
  ],
  ["deletion", 5, () => remove(bob, comment(bob, about(node2), "to be deleted", START - 1))],
];

test.each(SAMPLES)(
  "a spoilt %s does nothing, however it was spoilt; a good one among them is taken",
  async (_name, kind, make) => {
    const standing = comment(bob, about(node2), "to be deleted", START - 1);
    const good = make();
    const flip = (text: string) => `${text[0] === "0" ? "1" : "0"}${text.slice(1)}`;
    const resign = (change: Partial<SignedEvent>) =>
      JSON.parse(
        JSON.stringify(
          finalizeEvent({ ...good, ...change }, kind === 38_171 ? alice : kind === 1_985 ? stranger : bob),
        ),
      );
    const spoilt: unknown[] = [
      ...["id", "sig", "pubkey"].map((field) => ({ ...good, [field]: flip(good[field as "id"]) })),
      ...["id", "sig", "pubkey", "created_at", "kind", "tags", "content"].map((field) => ({
        ...good,
        [field]: undefined,
      })),
      { ...good, content: `${good.content} ` },
      { ...good, created_at: good.created_at - 1 },
      { ...good, tags: [...good.tags, ["t", "x"]] },
      { ...good, sig: good.sig.toUpperCase() === good.sig ? "" : good.sig.toUpperCase() },
      { ...good, tags: [[]] },
      { ...good, tags: [null] },
      { ...good, tags: { length: 1 } },
      resign({ created_at: START + 901 }),
      resign({ tags: [...good.tags, ["expiration", String(START)]] }),
      resign({ tags: [...good.tags, ["expiration", "-1"]] }),
      resign({ tags: Array.from({ length: 2_001 }, () => ["x"]) }),
      resign({ tags: [] }),
      resign({ tags: good.tags.map(([name]) => [name!]) }),
      resign({ tags: good.tags.map(([name]) => [name!, ""]) }),
      resign({ tags: good.tags.map(([name, ...values]) => [name!, ...values.map(() => "\u0000\ud800")]) }),
      resign({ kind: 1 }),
      [good],
      JSON.stringify(good),
      null,
    ];
    const give = (events: unknown[]): Partial<InboxPorts> => ({
      async *pages({ kinds }) {
        if (kinds.includes(kind)) yield { events };
        else
          yield { events: kinds.includes(38_171) ? [announced(node2, bob)] : kinds.includes(1_111) ? [standing] : [] };
      },
    });
    const state = async () => [
      (await database.pool.query("SELECT node_key, pubkey FROM node_announcement WHERE pubkey = $1", [key(alice)]))
        .rows,
      (await database.pool.query("SELECT event_id FROM mention WHERE kind = 17 OR deleted_at IS NOT NULL")).rows,
      told.length,
    ];
    await readFrom("wss://liar.example", give(spoilt));
    expect(failures).toEqual([]);
    expect(await state()).toEqual([[], [], 0]);
    await readFrom("wss://liar.example", give([...spoilt, good]));
    expect(await state()).not.toEqual([[], [], 0]);
  },
);

test("one author is looked at so often in one reading, and one label that breaks something keeps none of the others", async () => {
  const many = Array.from({ length: 210 }, (_, index) => comment(bob, about(node1), `${index}`));
  await readFrom("wss://busy.example", {
    async *pages({ kinds }) {
      yield { events: kinds.includes(1_111) ? many : [] };
    },
  });
  expect(seen).toMatchObject({ "comments saved": 200, "comments author-limit": 10 });

  const labels = ["paid-ok", "paid-error", "no-challenge"].map((outcome, index) =>
    sign(stranger, 1_985, [
      ["L", NAMESPACE],
      ["l", outcome, NAMESPACE],
      ["r", `https://api.example/${index}`],
    ]),
  );
  await readFrom("wss://busy.example", {
    async *pages({ kinds }) {
      yield { events: kinds.includes(1_985) ? labels : [] };
    },
    async report({ told: { stage } }) {
      if (stage === "delivery") throw new TypeError("a fault of ours");
      return { counted: stage === "quality" };
    },
  });
  expect(seen).toMatchObject({ "labels counted": 1, "labels failed": 1, "labels repeated": 1 });
  expect(failures).toEqual(["labels"]);
});

test("a relay that is down moves nothing, and costs the others nothing", async () => {
  expect(await readFrom("ws://127.0.0.1:9")).toEqual({ deletions: 0 });
  expect(failures).toEqual(["nodes", "comments", "reactions", "labels"]);
  const { rows } = await database.pool.query("SELECT * FROM inbox_cursor");
  expect(rows).toEqual([]);
});
