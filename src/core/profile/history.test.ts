import { expect, test } from "vitest";
import type { UnixSeconds } from "../units.ts";
import { channelsAt, DAY_SEC, exposureOf, MOST_DAYS, tellHistory } from "./history.ts";

const at = (day: number) => (day * DAY_SEC) as UnixSeconds;
const history = {
  watchedSince: at(100),
  days: [
    { day: 100, opened: 3, closed: 0 },
    { day: 110, opened: 1, closed: 2 },
    { day: 120, opened: 0, closed: 1 },
  ],
};

test("each day tells how many channels there were at its end", () => {
  expect(tellHistory(history).map(({ startsAt, channels }) => [startsAt, channels])).toEqual([
    [at(100), 3],
    [at(110), 2],
    [at(120), 1],
  ]);
  expect([99, 100, 109, 110, 130].map((day) => channelsAt(history, at(day)))).toEqual([0, 3, 3, 2, 1]);
});

test("channel-days are those of every channel for as long as it was there", () => {
  // Three for ten days, two for ten, one for ten.
  expect(exposureOf(history, at(130))).toEqual({ closed: 3, channelDays: 60 });
  expect(exposureOf({ watchedSince: undefined, days: [] }, at(130))).toEqual({ closed: 0, channelDays: 0 });
});

test("only the newest days are told, with what came before counted in", () => {
  const days = Array.from({ length: MOST_DAYS + 10 }, (_, i) => ({ day: i, opened: 1, closed: 0 }));
  const told = tellHistory({ watchedSince: at(0), days });
  expect(told).toHaveLength(MOST_DAYS);
  expect(told[0]).toEqual({ startsAt: at(10), opened: 1, closed: 0, channels: 11 });
});
