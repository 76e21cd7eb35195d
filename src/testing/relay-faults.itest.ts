/** Every fault a relay can have, through the real delivery on a real Postgres: each ends in the right state, and in the end all is there. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { mine } from "../adapters/nostr/mine.ts";
import { contentHash } from "../core/nip85/content-hash.ts";
import { type SignedEvent, tagValue } from "../core/nip85/event.ts";
import { leadingZeroBits } from "../core/nip85/relay-info.ts";
import { openTestDatabase, type TestDatabase } from "./database.ts";
import { deliver } from "./deliver.ts";
import { brandKey, nodeKey, relayWorld } from "./relay-world.ts";
import { type Behaviour, type Peer, type StrictRelay, startStrictRelay } from "./strict-relay.ts";

const now = 1_790_000_000;
const DAY_SEC = 86_400;
const MEGABYTE = 1_048_576;
let database: TestDatabase;
let relay: StrictRelay;
let world: Awaited<ReturnType<typeof relayWorld>>;
let clock = now;
beforeAll(async () => {
  database = await openTestDatabase();
  world = await relayWorld(database, now);
});
beforeEach(async () => {
  await database.pool.query("TRUNCATE outbox_event, relay_ack, relay_pause, relay_state");
  clock = now;
  relay = await startStrictRelay(() => clock);
});
afterEach(async () => {
  world.close();
  await relay.stop();
});
afterAll(() => database.close());

const batch = (at = now, more: Partial<Parameters<typeof deliver>[2]> = {}) => {
  clock = at;
  return deliver(database.pool, world.connect(relay.url), { relay: relay.url, at, sign: world.sign, mine, ...more });
};
/** What the socket has really given to the network. */
const written = ({ socket }: Peer) => (socket as unknown as { _socket: { bytesWritten: number } })._socket.bytesWritten;
const refusing = (text: string): Behaviour => ({
  event(peer, event) {
    peer.ok(event, false, text);
    return false;
  },
});
const isAssertion = ({ kind }: SignedEvent) => kind >= 30_000;

/** `first`: states after the fault; `pause`: seconds the relay is then left alone, and the failures in a row; `last`: states in the end. */
type Case = {
  name: string;
  behave: Behaviour;
  first: Record<string, number>;
  pause?: [sec: number, failures: number];
  last?: Record<string, number>;
};
const ALL = { confirmed: 4 };

test.each<Case>([
  { name: "does it right", behave: {}, first: ALL },
  {
    name: "limits the rate",
    behave: refusing("rate-limited: you are noting too much"),
    first: { pending: 4 },
    pause: [60, 1],
  },
  {
    name: "says nothing at all",
    behave: { event: () => false, ask: () => false },
    first: { sent: 4 },
    pause: [1, 1],
  },
  {
    name: "only complains",
    behave: {
      event(peer) {
        peer.say("NOTICE", "tag too long");
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "hangs up at each event",
    behave: {
      event(peer) {
        peer.socket.terminate();
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "takes it and hangs up before saying so",
    behave: {
      event(peer, event) {
        peer.relay.store(event);
        peer.socket.terminate();
        return false;
      },
    },
    first: ALL,
  },
  {
    name: "says yes and stores nothing",
    behave: {
      event(peer, event) {
        peer.ok(event, true);
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "answers about other events",
    behave: {
      event(peer) {
        peer.say("OK", "ab".repeat(32), true, "");
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "has it already, it says, and has not",
    behave: refusing("duplicate: have it"),
    first: { pending: 4 },
    pause: [1, 1],
  },
  { name: "is in trouble", behave: refusing("error: disk full"), first: { pending: 4 }, pause: [1, 1] },
  { name: "has words of its own", behave: refusing("nope"), first: { pending: 4 }, pause: [1, 1] },
  { name: "blocks us", behave: refusing("blocked: no"), first: { pending: 4 }, pause: [DAY_SEC, 1] },
  { name: "wants money", behave: refusing("payment-required: 5 sat"), first: { pending: 4 }, pause: [DAY_SEC, 1] },
  { name: "mutes us", behave: refusing("mute: nobody sees you"), first: { pending: 4 }, pause: [DAY_SEC, 1] },
  {
    name: "finds our events wrong",
    behave: refusing("invalid: no"),
    first: { refused: 4 },
    last: { refused: 4 },
  },
  {
    name: "wants more work than anybody does",
    behave: refusing("pow: 40 bits needed"),
    first: { refused: 4 },
    last: { refused: 4 },
  },
  {
    name: "shows another signature on reading back",
    behave: {
      ask(peer, id, filters) {
        for (const event of peer.relay.held.values())
          if (filters[0]?.ids?.includes(event.id)) peer.say("EVENT", id, { ...event, sig: "00".repeat(64) });
        peer.say("EOSE", id);
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "shows other content under our ids, and events from the future",
    behave: {
      ask(peer, id) {
        for (const event of peer.relay.held.values()) {
          peer.say("EVENT", id, { ...event, created_at: now + 10 * DAY_SEC });
          peer.say("EVENT", id, { ...event, content: "changed" });
        }
        peer.say("EOSE", id);
        return false;
      },
    },
    first: { pending: 4 },
    pause: [1, 1],
  },
  {
    name: "closes every question",
    behave: {
      ask(peer, id) {
        peer.say("CLOSED", id, "error: too busy");
        return false;
      },
    },
    first: { sent: 4 },
    pause: [1, 1],
  },
  {
    name: "sends rubbish before it answers",
    behave: {
      event(peer) {
        peer.socket.send("{]");
        peer.socket.send("[[[[[[[[".repeat(20_000));
        peer.socket.send(Buffer.from([0xff, 0xfe, 0x00]));
        peer.say("EVENT", "nobody-asked", { id: 1 });
        peer.say("OK");
        peer.say(null, {}, []);
        return true;
      },
    },
    first: ALL,
  },
])("a relay that $name", async ({ behave, first, pause, last = ALL }) => {
  const profile = await world.stage([world.profile(nodeKey.pubkey)], 0);
  const said = await world.stage(
    ["https://a.example/", "https://b.example/", "https://c.example/"].map((d) => world.assertion(d)),
  );
  relay.behave = behave;
  await batch(now, { task: { role: "full", top: 0 }, limit: 500 });
  expect(await world.states(relay.url)).toEqual(first);
  const left = await world.pauseOf(relay.url);
  if (pause) expect([left!.untilAt - now, left!.failures]).toEqual(pause);

  // A day and a half later it is well.
  relay.behave = {};
  await batch(now + 2 * DAY_SEC);
  await batch(now + 2 * DAY_SEC);
  expect(await world.states(relay.url)).toEqual(last);
  if (last === ALL) expect(world.textsOf(relay.held.values())).toEqual(await world.current());
  // Whatever was sent again were the same bytes.
  expect(new Set(relay.received).size).toBeLessThanOrEqual(profile.length + said.length);
});

test("a frame of 100 megabytes is let go at its first bytes", async () => {
  await world.stage([world.assertion("https://a.example/")]);
  let sender: Peer | undefined;
  relay.behave = {
    event(peer) {
      sender = peer;
      const head = Buffer.alloc(10);
      head.set([0x81, 127]);
      head.writeBigUInt64BE(100n * BigInt(MEGABYTE), 2);
      peer.raw(head);
      // As fast as they are taken, and never more than one of them in waiting.
      const part = Buffer.alloc(MEGABYTE, 0x61);
      const socket = (peer.socket as unknown as { _socket: NodeJS.WritableStream & { destroyed: boolean } })._socket;
      const sendOn = (parts: number) => {
        if (parts > 0 && !socket.destroyed) socket.write(part, () => sendOn(parts - 1));
      };
      sendOn(100);
      return false;
    },
  };
  await batch();
  await expect.poll(() => sender?.socket.readyState).toBe(3);
  expect(written(sender!)).toBeLessThan(30 * MEGABYTE);
  expect(await world.states(relay.url)).toEqual({ pending: 1 });
});

test("a relay that never stops talking is hung up on", async () => {
  const [event] = await world.stage([world.assertion("https://a.example/")]);
  let sender: Peer | undefined;
  relay.behave = {
    ask(peer) {
      sender = peer;
      const talk = () => {
        if (peer.socket.readyState !== 1) return;
        for (let i = 0; i < 200; i++) peer.say("EVENT", "another", event);
        setImmediate(talk);
      };
      talk();
      return false;
    },
  };
  await batch(now, { limit: 500 });
  await expect.poll(() => sender?.socket.readyState).toBe(3);
  expect(await world.states(relay.url)).toEqual({ sent: 1 });
});

test("a message that comes a byte at a time is not waited for", async () => {
  await world.stage([world.assertion("https://a.example/")]);
  const timers: NodeJS.Timeout[] = [];
  relay.behave = {
    event(peer) {
      peer.raw(Buffer.from([0x81, 0x7e, 0x10, 0x00]));
      timers.push(setInterval(() => peer.raw(Buffer.from([0x20])), 20));
      return false;
    },
  };
  await batch();
  for (const timer of timers) clearInterval(timer);
  expect(await world.states(relay.url)).toEqual({ sent: 1 });
});

test("a relay that wants to know who we are is told by each author, once; and one that then still refuses is left alone", async () => {
  await world.stage([world.profile(nodeKey.pubkey), world.profile(brandKey.pubkey)], 0);
  await world.stage([world.assertion("https://a.example/"), world.assertion("https://b.example/")]);
  const shown: SignedEvent[] = [];
  const known = new Set<string>();
  let member = true;
  relay.behave = {
    connect: (peer) => peer.say("AUTH", "who are you"),
    auth(_peer, event) {
      shown.push(event);
      known.add(event.pubkey);
      return true;
    },
    event(peer, event) {
      if (member && known.has(event.pubkey)) return true;
      peer.ok(event, false, known.has(event.pubkey) ? "restricted: members" : "auth-required: sign in");
      return false;
    },
    ask(peer, id) {
      if (known.size > 0) return true;
      peer.say("CLOSED", id, "auth-required: sign in");
      return false;
    },
  };
  expect(await batch()).toMatchObject({ confirmed: 4 });
  expect(shown.map(({ pubkey }) => pubkey).sort()).toEqual([nodeKey.pubkey, brandKey.pubkey].sort());
  expect(shown.map(({ kind }) => kind)).toEqual([22_242, 22_242]);
  expect(
    shown.every((event) => tagValue(event, "relay") === relay.url && tagValue(event, "challenge") === "who are you"),
  ).toBe(true);

  member = false;
  await world.stage([world.assertion("https://c.example/", 60)]);
  await batch(now + 1);
  expect((await world.pauseOf(relay.url))?.untilAt).toBe(now + 1 + DAY_SEC);
});

test("a relay that asks who we are and sends no challenge gets no answer, and no second event", async () => {
  await world.stage([world.assertion("https://a.example/")]);
  relay.behave = refusing("auth-required: sign in");
  await batch();
  expect(relay.received).toHaveLength(1);
  expect((await world.pauseOf(relay.url))?.untilAt).toBe(now + DAY_SEC);
});

test("work is done for profiles and for nothing else", async () => {
  await world.stage([world.profile(nodeKey.pubkey)], 0);
  await world.stage([world.assertion("https://a.example/")]);
  relay.behave = {
    event(peer, event) {
      if (leadingZeroBits(event.id) >= 8) return true;
      peer.ok(event, false, "pow: difficulty 3<8");
      return false;
    },
  };
  expect(await batch()).toMatchObject({ taken: 2, signedAgain: 1 });
  expect(await batch(now + 1)).toMatchObject({ taken: 1, confirmed: 1 });
  const [held] = relay.held.values();
  // Publishing takes it for what it signed: it does not say it again.
  expect(contentHash(held!)).toBe(contentHash(world.profile(nodeKey.pubkey)));
  expect([relay.held.size, held!.kind, tagValue(held!, "nonce")]).toEqual([1, 0, expect.stringMatching(/^\d+$/)]);
  expect(held!.tags.find(([name]) => name === "nonce")?.[2]).toBe("8");
  expect(await world.states(relay.url)).toEqual({ confirmed: 1, refused: 1 });
});

test("a relay that has something newer of ours, or a deletion of it, gets a version of now", async () => {
  const [old] = await world.stage([world.assertion("https://a.example/", 50, now - 100)]);
  const [gone] = await world.stage([world.assertion("https://b.example/", 50, now - 100)]);
  // What a database that was restored from yesterday does not know of.
  const [newer, deletion] = await world.sign([
    world.assertion("https://a.example/", 51, now - 50),
    world.draft({
      kind: 5,
      created_at: now - 50,
      tags: [
        ["e", gone!.id],
        ["a", `30385:${nodeKey.pubkey}:https://b.example/`],
      ],
    }),
  ]);
  for (const event of [newer!, deletion!]) expect(relay.store(event).accepted).toBe(true);
  expect(await batch()).toMatchObject({ taken: 2, signedAgain: 2 });
  expect(await batch(now + 1)).toMatchObject({ taken: 2, confirmed: 2 });
  const ours = [...relay.held.values()].filter(isAssertion);
  expect(ours.map(({ created_at }) => created_at)).toEqual([now, now]);
  expect(ours.some(({ id }) => id === old!.id)).toBe(false);
});

test("a relay that always says that it has something newer is believed twice", async () => {
  await world.stage([world.assertion("https://a.example/", 50, now - 100)]);
  relay.behave = refusing("replaced: have newer event");
  for (let sec = 0; sec < 10; sec++) await batch(now + sec);
  expect(relay.received).toHaveLength(3);
  expect(await world.states(relay.url)).toEqual({ refused: 1 });
});

test("what a strict relay keeps: an address up to 255 bytes, and of longer ones the last", async () => {
  const long = (name: string) => `https://a.example/${name.padEnd(260, "x")}`;
  const fits = `https://a.example/${"y".repeat(237)}`;
  const [first, second, third] = await world.sign(
    [long("1"), long("2"), fits].map((d, i) => world.assertion(d, 50, now + i)),
  );
  for (const event of [first!, second!, third!]) expect(relay.store(event).accepted).toBe(true);
  expect([...relay.held.values()].map(({ id }) => id)).toEqual([second!.id, third!.id]);
  expect(Buffer.byteLength(fits)).toBe(255);
});

test.each([
  { name: "a p of 66 digits", change: { tags: [["p", `02${"ab".repeat(32)}`]] }, want: "fixed-size tag: p" },
  { name: "16 minutes ahead", change: { created_at: now + 901 }, want: "too late" },
  { name: "expired", change: { tags: [["expiration", String(now)]] }, want: "expired" },
  { name: "64 KiB", change: { content: "x".repeat(65_536) }, want: "too large" },
  { name: "a long tag", change: { tags: [["t", "x".repeat(1_025)]] }, want: "tag val too large" },
  {
    name: "somebody else's deletion",
    change: { kind: 5, tags: [["a", `30385:${"cd".repeat(32)}:x`]] },
    want: "foreign",
  },
])("the strict relay refuses $name", async ({ change, want }) => {
  const [event] = await world.sign([world.draft({ kind: 1, ...change })]);
  expect(relay.store(event!)).toEqual({ accepted: false, text: expect.stringContaining(want) });
  expect(relay.store({ ...event!, sig: "00".repeat(64) }).accepted).toBe(false);
});
