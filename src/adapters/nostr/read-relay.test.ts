/** Reading a relay page by page, over real sockets: what it has, and every way in which it can be of no use. */
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { errorCode } from "../../core/errors.ts";
import { type Page, type PageFilter, type ReadLimits, readRelay } from "./read-relay.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

type Request = { since?: number; until?: number; limit: number };
type Say = (...message: unknown[]) => void;
type Relay = { url: string; asked: Request[]; clients: Set<WebSocket> };

/** A relay that does as it is told with each question. */
async function relayThat(answer: (say: Say, subscription: string, asked: Request, socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  closing.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const asked: Request[] = [];
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const [type, subscription, filter] = JSON.parse(String(data));
      if (type !== "REQ") return;
      asked.push(filter);
      answer((...message) => socket.send(JSON.stringify(message)), subscription, filter, socket);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, clients: server.clients } satisfies Relay;
}

type Stored = { id: string; created_at: number };
const stored = (count: number, at = (index: number) => 1_000 + index): Stored[] =>
  Array.from({ length: count }, (_, index) => ({ id: `event ${index}`, created_at: at(index) }));

/** An honest relay that gives at most so many at once, whatever it is asked for. */
const honest = (events: readonly Stored[], most: number, hint?: (cut: boolean) => unknown) =>
  relayThat((say, subscription, { since = 0, until = 2 ** 40, limit }) => {
    const all = events.filter(({ created_at: at }) => at >= since && at <= until);
    const found = all.sort((a, b) => b.created_at - a.created_at).slice(0, Math.min(most, limit));
    for (const event of found) say("EVENT", subscription, event);
    say("EOSE", subscription, ...(hint ? [hint(found.length < all.length)] : []));
  });

const forever = new AbortController().signal;
async function read(
  url: string,
  {
    filter = { kinds: [1] },
    most = 1_000,
    ...limits
  }: { filter?: PageFilter; most?: number } & Partial<ReadLimits> = {},
) {
  const reading = readRelay(url, forever, limits);
  closing.push(reading.close);
  const pages: Page[] = [];
  for await (const page of reading.pages(filter)) {
    pages.push(page);
    if (pages.length >= most) break;
  }
  return { pages, events: pages.flatMap(({ events }) => events) as Stored[], reading };
}
const failure = (url: string, limits: Partial<ReadLimits> = {}) => read(url, limits).catch(errorCode);

test.each([
  { name: "nothing", count: 0 },
  { name: "one event", count: 1 },
  { name: "less than a page", count: 9 },
  { name: "exactly a page", count: 10 },
  { name: "many pages", count: 95 },
])("a relay with $name is read to its end, each event once", async ({ count }) => {
  const { url } = await honest(stored(count), 10);
  const { events, pages } = await read(url);
  expect(events.map(({ id }) => id).sort()).toEqual(
    stored(count)
      .map(({ id }) => id)
      .sort(),
  );
  expect(pages.at(-1)!.resumeAt).toBeUndefined();
});

test("events of one second that fill a page do not stop the reading", async () => {
  const { url } = await honest([...stored(10, () => 2_000), { id: "older", created_at: 1_000 }], 10);
  expect((await read(url)).events.at(-1)).toEqual({ id: "older", created_at: 1_000 });
});

test("a relay that says that nothing is left is not asked again, and one that says more is", async () => {
  const finished = await honest(stored(3), 10, (cut) => [cut ? "more" : "finish"]);
  await read(finished.url);
  expect(finished.asked).toHaveLength(1);
  const more = await honest(stored(30), 10, (cut) => [cut ? "more" : "finish"]);
  expect((await read(more.url)).events).toHaveLength(30);
});

test("a reading that was left goes on where it was", async () => {
  const { url } = await honest(stored(30), 10);
  const first = await read(url, { most: 1 });
  const rest = await read(url, { filter: { kinds: [1], until: first.pages[0]!.resumeAt! } });
  const ids = new Set([...first.events, ...rest.events].map(({ id }) => id));
  expect(ids.size).toBe(30);
});

test("the seconds asked for are kept to, whatever the relay sends", async () => {
  const { url, asked } = await relayThat((say, subscription) => {
    for (const event of [...stored(3, () => 5_000), ...stored(1, () => 150), ...stored(2, () => 10)])
      say("EVENT", subscription, event);
    for (const nonsense of [null, 7, "x", [], {}, { id: "x", created_at: "150" }, { id: "y", created_at: 1.5 }])
      say("EVENT", subscription, nonsense);
    say("EOSE", subscription);
  });
  const { events } = await read(url, { filter: { kinds: [1], since: 100, until: 200 } });
  expect(events).toEqual([{ id: "event 0", created_at: 150 }]);
  expect(asked[0]).toMatchObject({ since: 100, until: 200, limit: 500 });
});

test("what was not asked for is not heard", async () => {
  const { url } = await relayThat((say, subscription) => {
    say("EVENT", "another", { id: "a", created_at: 1 });
    say("NOTICE", "slow down");
    say("AUTH", "a challenge");
    say("OK", "ab".repeat(32), true, "");
    say("EOSE", "another");
    say("EVENT", subscription, { id: "b", created_at: 1 });
    say("EOSE", subscription, ["finish"]);
  });
  expect((await read(url)).events).toEqual([{ id: "b", created_at: 1 }]);
});

test("a flood is cut to a page, and a reading of floods to its bytes", async () => {
  let serial = 0;
  const { url } = await relayThat((say, subscription, { until = 1_000 }) => {
    for (let i = 0; i < 5_000; i++) say("EVENT", subscription, { id: `made up ${++serial}`, created_at: until });
  });
  const { pages } = await read(url, { most: 1, pageEvents: 50 });
  expect(pages[0]!.events).toHaveLength(50);
  expect(await failure(url, { pageEvents: 50, totalBytes: 200_000 })).toBe("RELAY_UNAVAILABLE");
});

test.each<[string, Parameters<typeof relayThat>[0], string]>([
  ["says no", (say, subscription) => say("CLOSED", subscription, "restricted: members only"), "RELAY_REFUSED"],
  ["is silent", () => undefined, "RELAY_UNAVAILABLE"],
  ["sends events and no end", (say, subscription) => say("EVENT", subscription, stored(1)[0]), "RELAY_UNAVAILABLE"],
  ["hangs up", (_say, _subscription, _asked, socket) => socket.terminate(), "RELAY_UNAVAILABLE"],
  ["sends rubbish", (_say, _subscription, _asked, socket) => socket.send("{]"), "RELAY_UNAVAILABLE"],
  [
    "sends one enormous message",
    (_say, _subscription, _asked, socket) => socket.send("x".repeat(300_000)),
    "RELAY_UNAVAILABLE",
  ],
])("a relay that %s fails, and nothing else does", async (_name, answer, code) => {
  const { url } = await relayThat(answer);
  expect(await failure(url, { answerMs: 150 })).toBe(code);
});

test("a relay that refused one question answers the next", async () => {
  let questions = 0;
  const { url } = await relayThat((say, subscription) => {
    if (questions++ === 0) say("CLOSED", subscription, "error: busy");
    else say("EOSE", subscription);
  });
  const reading = readRelay(url, forever);
  closing.push(reading.close);
  await expect(reading.pages({ kinds: [1] }).next()).rejects.toMatchObject({ code: "RELAY_REFUSED" });
  expect(await reading.pages({ kinds: [1] }).next()).toEqual({ done: false, value: { events: [] } });
});

test("the whole reading has one time, and a stop ends it", async () => {
  const slow = await honest(stored(1_000), 1);
  expect(await failure(slow.url, { totalMs: 50 })).toBe("RELAY_UNAVAILABLE");

  const silent = await relayThat(() => stopping.abort());
  const stopping = new AbortController();
  const stopped = readRelay(silent.url, stopping.signal);
  await expect(stopped.pages({ kinds: [1] }).next()).rejects.toMatchObject({ code: "RELAY_UNAVAILABLE" });
  await expect(stopped.pages({ kinds: [1] }).next()).rejects.toMatchObject({ code: "RELAY_UNAVAILABLE" });
});

test("a relay that is not there is away", async () => {
  const { url } = await relayThat(() => undefined);
  closing.pop()!();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await failure(url)).toBe("RELAY_UNAVAILABLE");
});
