/** What becomes of a publication when the relay answers, lies, falls silent or goes away. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { nodeAssertion } from "../../core/nip85/assertion.ts";
import { encodeEvent, type SignedEvent } from "../../core/nip85/event.ts";
import { unixSeconds } from "../../core/units.ts";
import { deriveServiceKey } from "./keys.ts";
import type { OutgoingEvent } from "./publish-all.ts";
import { type RelayConnection, relayConnection } from "./relay-connection.ts";
import { createSigner } from "./signer.ts";

const key = deriveServiceKey(new Uint8Array(32).fill(7), "lightning-node");
const at = unixSeconds(1_790_000_000);
const nodeKey = "0362c0a046dacce86ddd0343c6d3c7c79c2208ba0d9c9cf24a6d046d21d21f90f7";
const context = { pubkey: key.pubkey, origin: "https://oracle.example", network: "regtest", createdAt: at } as const;
const signer = await createSigner([key]);
const signed = await signer.sign(
  Array.from({ length: 40 }, (_, rank) =>
    nodeAssertion({ nodeKey, rank, rankLow: 0, rankHigh: 100, observations: 1, asOf: at }, context),
  ),
);
const outgoing = (event: SignedEvent): OutgoingEvent => ({ id: event.id, sig: event.sig, json: encodeEvent(event) });
const events = signed.map(outgoing);
const forever = new AbortController().signal;

let server: WebSocketServer | undefined;
let relay: RelayConnection | undefined;
afterEach(() => {
  relay?.close();
  for (const socket of server?.clients ?? []) socket.terminate();
  server?.close();
});

/** What the tests look at in a message: an event with its id and tags, or a subscription's name in its place. */
type Message = [type: string, first: { id: string; tags: string[][] }];
type Behaviour = (socket: WebSocket, message: Message) => void;

/** A relay that does as it is told, and our connection to it. */
async function relayThat(behave: Behaviour, options = {}): Promise<RelayConnection> {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("message", (data) => behave(socket, JSON.parse(String(data))));
  });
  await once(server, "listening");
  relay = relayConnection(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    answerTimeoutMs: 200,
    ...options,
  });
  return relay;
}
const say = (socket: WebSocket, ...message: unknown[]) => socket.send(JSON.stringify(message));
const outcomes = async (connection: RelayConnection, batch = events.slice(0, 1)) =>
  (await connection.publish(batch, forever)).map((answer) => answer.outcome);

test.each<{ name: string; behave: Behaviour; want: string }>([
  { name: "takes it", behave: (socket, [, event]) => say(socket, "OK", event.id, true, ""), want: "acked" },
  {
    name: "refuses it",
    behave: (socket, [, event]) => say(socket, "OK", event.id, false, "invalid: no"),
    want: "refused-for-good",
  },
  {
    name: "has it",
    behave: (socket, [, event]) => say(socket, "OK", event.id, false, "duplicate: x"),
    want: "duplicate",
  },
  { name: "is silent", behave: () => undefined, want: "unknown" },
  { name: "only complains", behave: (socket) => say(socket, "NOTICE", "tag too long"), want: "unknown" },
  {
    name: "answers about another event",
    behave: (socket) => say(socket, "OK", "ab".repeat(32), true, ""),
    want: "unknown",
  },
  { name: "hangs up", behave: (socket) => socket.terminate(), want: "unknown" },
  { name: "sends rubbish", behave: (socket) => socket.send("{]"), want: "unknown" },
  { name: "sends too much", behave: (socket) => socket.send("x".repeat(300_000)), want: "unknown" },
])("a relay that $name: $want", async ({ behave, want }) => {
  expect(await outcomes(await relayThat(behave))).toEqual([want]);
});

test("a complaint is kept with the answer that never came", async () => {
  const connection = await relayThat((socket) => say(socket, "NOTICE", "tag too long\n"));
  const [answer] = await connection.publish(events.slice(0, 1), forever);
  expect(answer?.text).toContain("the relay said: tag too long?");
});

test("a relay that is not there costs a retry and no exception", async () => {
  relay = relayConnection("ws://127.0.0.1:9");
  expect(await outcomes(relay, events)).toEqual(events.map(() => "retry"));
  expect(await relay.readBack(events, forever)).toEqual({ present: new Set(), answered: false });
});

test("a relay that never finishes the handshake is given up", async () => {
  const mute = createServer().listen(0, "127.0.0.1");
  await once(mute, "listening");
  relay = relayConnection(`ws://127.0.0.1:${(mute.address() as AddressInfo).port}`, { connectTimeoutMs: 100 });
  expect(await outcomes(relay)).toEqual(["retry"]);
  mute.close();
});

test("no more than the window is ever in flight, and answers stay in order", async () => {
  let inFlight = 0;
  let most = 0;
  const connection = await relayThat((socket, [, event]) => {
    most = Math.max(most, ++inFlight);
    const rank = Number(event.tags[3]?.[1]);
    setTimeout(
      () => {
        inFlight--;
        say(socket, "OK", event.id, rank % 2 === 0, rank % 2 === 0 ? "" : "invalid: odd");
      },
      5 + (rank % 7),
    );
  });
  const got = await outcomes(connection, events);
  expect(got).toEqual(events.map((_, rank) => (rank % 2 === 0 ? "acked" : "refused-for-good")));
  expect(most).toBe(16);
});

test("after silence or a rate limit, the rest is not sent", async () => {
  let received = 0;
  const silent = await relayThat(() => void received++, { window: 4 });
  expect(await outcomes(silent, events)).toEqual(events.map((_, index) => (index < 4 ? "unknown" : "retry")));
  expect(received).toBe(4);

  const limited = await relayThat(
    (socket, [, event]) => say(socket, "OK", event.id, false, "rate-limited: slow down"),
    { window: 4 },
  );
  const answers = await limited.publish(events, forever);
  expect(answers.every((answer) => answer.outcome === "retry" && answer.pauseSec === 60)).toBe(true);
});

test("an abort ends the wait at once", async () => {
  const controller = new AbortController();
  let received = 0;
  const abortAfterTwo = () => (++received === 2 ? controller.abort() : undefined);
  const connection = await relayThat(abortAfterTwo, { answerTimeoutMs: 60_000, window: 2 });
  const answers = await connection.publish(events.slice(0, 3), controller.signal);
  expect(answers.map((answer) => answer.outcome)).toEqual(["unknown", "unknown", "retry"]);
  expect((await connection.readBack(events, controller.signal)).answered).toBe(false);
});

test("a lost connection is made again by the next call", async () => {
  let first = true;
  const connection = await relayThat((socket, [, event]) => {
    if (first) socket.terminate();
    else say(socket, "OK", event.id, true, "");
    first = false;
  });
  expect(await outcomes(connection)).toEqual(["unknown"]);
  expect(await outcomes(connection)).toEqual(["acked"]);
});

test("reading back believes only our own bytes", async () => {
  const [mine, forged, resigned, foreign, absent] = signed as [
    SignedEvent,
    SignedEvent,
    SignedEvent,
    SignedEvent,
    SignedEvent,
  ];
  const connection = await relayThat((socket, [type, id]) => {
    if (type !== "REQ") return;
    say(socket, "EVENT", id, mine);
    say(socket, "EVENT", id, { ...forged, tags: mine.tags });
    say(socket, "EVENT", id, { ...resigned, sig: mine.sig });
    say(socket, "EVENT", "another", foreign);
    say(socket, "EOSE", id);
  });
  const asked = [mine, forged, resigned, foreign, absent].map(outgoing);
  expect(await connection.readBack(asked, forever)).toEqual({ present: new Set([mine.id]), answered: true });
});

test.each<{ name: string; behave: Behaviour }>([
  { name: "closes the subscription", behave: (socket, [, id]) => say(socket, "CLOSED", id, "error: no") },
  { name: "never ends", behave: (socket, [, id]) => say(socket, "EVENT", id, signed[0]) },
  {
    name: "floods",
    behave: (socket, [, id]) => Array.from({ length: 500 }, () => say(socket, "EVENT", id, signed[0])),
  },
  { name: "hangs up", behave: (socket) => socket.terminate() },
])("a relay that $name while reading back has not answered", async ({ behave }) => {
  const connection = await relayThat((socket, message) => message[0] === "REQ" && behave(socket, message));
  expect((await connection.readBack(events.slice(0, 2), forever)).answered).toBe(false);
});
