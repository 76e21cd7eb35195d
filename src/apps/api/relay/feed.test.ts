/** How the news is followed when the database is not what it was. */
import { expect, test } from "vitest";
import { readMoment } from "../../../adapters/postgres/moment.ts";
import type { News, NewsCursor } from "../../../adapters/postgres/relay.ts";
import { listEvent } from "../../../core/relay/listed-event.ts";
import { unixSeconds } from "../../../core/units.ts";
import { bodyOf, nodeAssertion } from "../../../testing/some-assertions.ts";
import { startFeed } from "./feed.ts";
import type { NewEvent } from "./ports.ts";

const listed = (index: number): NewEvent => {
  const event = nodeAssertion(index);
  return { ...listEvent(event, bodyOf(event)), change: 100 + index };
};

/** A database that says these pages one after another; an error is thrown, and then nothing more is new. */
async function follow(pages: (Partial<News> | Error)[], started = "10:10:") {
  const asked: { since: string; cursor: NewsCursor | undefined }[] = [];
  const told: string[] = [];
  let lost = 0;
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const ports = {
    now: () => unixSeconds(0),
    events: { failed: () => undefined } as never,
    look: async () => readMoment(started),
    news: async (since: { text: string }, { cursor }: { cursor: NewsCursor | undefined }): Promise<News> => {
      asked.push({ since: since.text, cursor });
      const page = pages.shift();
      if (page instanceof Error) throw page;
      if (!page) finish();
      return { events: [], moment: readMoment(page ? "20:20:" : "30:30:"), next: undefined, ...page };
    },
  };
  const feed = await startFeed(ports, { tell: (event) => told.push(event.body), onLost: () => (lost += 1) });
  await done;
  await feed.stop();
  return { asked, told, lost: lost as number, isFollowing: feed.isFollowing() };
}

test("a page that was told is not told again when the next one fails", async () => {
  const next = { upTo: readMoment("20:20:"), after: { change: 101, outboxId: 1n } };
  const got = await follow([
    { events: [listed(1)], next },
    new Error("away"),
    { events: [listed(2)], moment: readMoment("20:20:") },
  ]);
  expect(got.told).toEqual([listed(1), listed(2)].map(({ body }) => body));
  expect(got.asked.map(({ since, cursor }) => [since, cursor?.after.change])).toEqual([
    ["10:10:", undefined],
    ["10:10:", 101],
    ["10:10:", 101],
    ["20:20:", undefined],
  ]);
});

test("transactions that are counted from further back are another database: nobody is told half of it", async () => {
  const got = await follow([{ moment: readMoment("5:5:"), events: [listed(1)] }]);
  expect(got).toMatchObject({ told: [], lost: 1, isFollowing: true });
});

test.each([
  ["10:20:12,15", [9, 10, 11, 12, 15, 19, 20], [true, true, true, false, false, true, false]],
  ["7:7:", [6, 7], [true, false]],
])("a moment knows what had been committed: %s", (text, ids, want) => {
  expect(ids.map((id) => readMoment(text).includes(id))).toEqual(want);
});
