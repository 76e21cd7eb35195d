/** What the local relay keeps, shows and forgets, and that a restart changes none of it. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import type { SignedEvent } from "../../../core/nip85/event.ts";
import { openEventJournal } from "./event-journal.ts";
import { createEventStore } from "./event-store.ts";

const ME = "aa".repeat(32);
const OTHER = "bb".repeat(32);
const URL_D = "https://a.example:8443/x";
let serial = 0;
const event = (change: Partial<SignedEvent> = {}): SignedEvent => {
  const id = (++serial).toString(16).padStart(64, "0");
  return {
    id,
    pubkey: ME,
    created_at: 100,
    kind: 30_385,
    tags: [["d", URL_D]],
    content: "",
    sig: "00".repeat(64),
    ...change,
  };
};
const directory = mkdtempSync(path.join(tmpdir(), "satrank-relay-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("one event per address: the newest, and the lowest id of two in one second", () => {
  const store = createEventStore(10);
  const [low, high] = [event(), event()];
  expect(store.store(high)).toBe("stored");
  expect(store.store(high)).toBe("duplicate");
  expect(store.store(low)).toBe("stored");
  expect(store.store(high)).toBe("superseded");
  expect(store.store(event({ created_at: 99 }))).toBe("superseded");
  const newest = event({ created_at: 101 });
  store.store(newest);
  store.store(event({ pubkey: OTHER }));
  store.store(event({ tags: [["d", "another"]] }));
  expect(store.find({ authors: [ME], "#d": [URL_D] }, 0)).toEqual([newest]);
  expect(store.size()).toBe(3);
});

test("profiles are kept one per key, regular events all", () => {
  const store = createEventStore(10);
  store.store(event({ kind: 0, tags: [] }));
  store.store(event({ kind: 0, tags: [], created_at: 200 }));
  store.store(event({ kind: 1, tags: [] }));
  store.store(event({ kind: 1, tags: [] }));
  expect(store.find({ kinds: [0] }, 0).map((one) => one.created_at)).toEqual([200]);
  expect(store.find({ kinds: [1] }, 0)).toHaveLength(2);
});

test("a deletion removes its author's versions up to its time, by id and by address, and keeps them out", () => {
  const store = createEventStore(10);
  const [byAddress, byId, foreign] = [event(), event({ tags: [["d", "x"]] }), event({ pubkey: OTHER })];
  for (const one of [byAddress, byId, foreign]) store.store(one);
  const tags = [
    ["a", `30385:${ME}:${URL_D}`],
    ["e", byId.id],
    ["e", foreign.id],
    ["a", `30385:${OTHER}:${URL_D}`],
  ];
  const request = event({ kind: 5, created_at: 150, tags });
  expect(store.store(request)).toBe("stored");
  expect(store.find({ kinds: [30_385] }, 0)).toEqual([foreign]);
  expect(store.store(byAddress)).toBe("superseded");
  expect(store.store(byId)).toBe("superseded");
  const revived = event({ created_at: 151 });
  expect(store.store(revived)).toBe("stored");
  expect(store.find({ kinds: [5] }, 0)).toEqual([request]);
});

test.each([
  { name: "ids", filter: { ids: ["22".repeat(32)] }, want: [2] },
  { name: "authors and time", filter: { authors: [ME], since: 101, until: 102 }, want: [2, 1] },
  { name: "a tag", filter: { "#k": ["web"] }, want: [3, 1] },
  { name: "two tags that must both hold", filter: { "#k": ["web"], "#d": ["1"] }, want: [1] },
  { name: "whole addresses", filter: { kinds: [30_385], authors: [ME], "#d": ["1", "9"] }, want: [1] },
  { name: "a limit, newest first", filter: { limit: 2 }, want: [3, 2] },
  { name: "nothing", filter: { kinds: [1] }, want: [] },
])("a filter by $name", ({ filter, want }) => {
  const store = createEventStore(10);
  const kinds = { 1: "web", 2: "lightning:node", 3: "web" } as const;
  for (const n of [1, 2, 3] as const) {
    store.store(
      event({
        id: String(n).repeat(64),
        created_at: 100 + n,
        tags: [
          ["d", String(n)],
          ["k", kinds[n]],
        ],
      }),
    );
  }
  expect(store.find(filter, 0).map((one) => one.created_at - 100)).toEqual(want);
});

test("what has expired is not shown", () => {
  const store = createEventStore(10);
  store.store(
    event({
      tags: [
        ["d", "x"],
        ["expiration", "500"],
      ],
    }),
  );
  expect([store.find({}, 499).length, store.find({}, 500).length]).toEqual([1, 0]);
});

test("a full store refuses new addresses and still takes newer versions", () => {
  const store = createEventStore(2);
  store.store(event());
  store.store(event({ tags: [["d", "x"]] }));
  expect(store.store(event({ tags: [["d", "y"]] }))).toBe("full");
  expect(store.store(event({ created_at: 101 }))).toBe("stored");
});

test("what could not be written down is not held", () => {
  const store = createEventStore(2);
  const lost = event();
  expect(() =>
    store.store(lost, () => {
      throw new Error("disk full");
    }),
  ).toThrow("disk full");
  expect(store.find({}, 0)).toEqual([]);
});

test("a restart finds every acknowledged event, without the line a crash tore, and the file does not grow for ever", () => {
  const file = path.join(directory, "events.jsonl");
  const first = createEventStore(1000);
  const journal = openEventJournal(file, first);
  const versions = Array.from({ length: 300 }, (_, index) => event({ created_at: 100 + index }));
  const kept = event({ tags: [["d", "x"]] });
  for (const one of [...versions, kept]) first.store(one, () => journal.append(one));
  journal.close();
  appendFileSync(file, '{"id":"torn');

  const second = createEventStore(1000);
  openEventJournal(file, second).close();
  expect(second.find({}, 0)).toEqual([versions.at(-1), kept]);
  expect(readFileSync(file, "utf8").split("\n")).toHaveLength(3);
});
