import { expect, test } from "vitest";
import { DAY_SEC } from "../../core/profile/history.ts";
import type { WatchedNode } from "../../core/profile/survival.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { findSubject, type HistoryPorts, openRemembering } from "./answer-profile.ts";

const now = unixSeconds(1_770_000_000);
const lost: WatchedNode = { channels: 1, capacitySat: 1_000_000, ageDays: 100, isLost: true, days: 3 };

/** A history that began some days ago, and what was asked of it. */
function history(days: number | undefined, fails = 0) {
  const asked: [from: number, until: number][] = [];
  const ports: HistoryPorts = {
    historyOf: async (keyHex) => ({ watchedSince: undefined, days: [{ day: keyHex.length, opened: 1, closed: 0 }] }),
    watchedSince: async () => (days === undefined ? undefined : unixSeconds(now - days * DAY_SEC)),
    async becameOf(from, until) {
      asked.push([(now - from) / DAY_SEC, until - now]);
      if (asked.length <= fails) throw new Error("no database");
      return [lost];
    },
  };
  return { ports, asked };
}

test("what became of all nodes is read once an hour, over the newest ninety days", async () => {
  const { ports, asked } = history(400);
  const remember = openRemembering(ports);
  const first = await remember("ab", now);
  expect(first).toMatchObject({ nodeKey: "ab", now, history: { days: [{ day: 2 }] } });
  expect([...first.record.bySize.values()]).toEqual([{ losses: 1, nodeDays: 3 }]);
  await remember("cd", (now + 3_599) as UnixSeconds);
  expect(asked).toEqual([[90, 0]]);
  await remember("cd", (now + 3_600) as UnixSeconds);
  expect(asked).toHaveLength(2);
});

test.each([
  { name: "no history at all", days: undefined, asked: [] },
  { name: "less than a week", days: 6.9, asked: [] },
  { name: "a week", days: 7, asked: [[7, 0]] },
])("$name", async ({ days, asked: want }) => {
  const { ports, asked } = history(days);
  const { record } = await openRemembering(ports)("ab", now);
  expect(asked).toEqual(want);
  expect(record.bySize.size).toBe(want.length);
});

test("a reading that failed fails its question, and is tried again by the next", async () => {
  const { ports, asked } = history(30, 1);
  const remember = openRemembering(ports);
  await expect(remember("ab", now)).rejects.toThrow("no database");
  expect((await remember("ab", now)).record.bySize.size).toBe(1);
  expect(asked).toHaveLength(2);
});

test("a name that nobody has is refused", async () => {
  const nobody = { find: async () => undefined };
  await expect(findSubject(nobody, "ab".repeat(32))).rejects.toMatchObject({ code: "SUBJECT_UNKNOWN" });
  await expect(findSubject(nobody, "ab")).rejects.toMatchObject({ code: "SUBJECT_MALFORMED" });
  const somebody = { find: async () => ({ keyHex: "x" }) };
  expect(await findSubject(somebody, "ab".repeat(32))).toEqual({ keyHex: "x" });
});
