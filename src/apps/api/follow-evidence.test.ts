import fc from "fast-check";
import { expect, test } from "vitest";
import { CHAIN_START, type Link } from "../../core/evidence/chain.ts";
import { unixSeconds } from "../../core/units.ts";
import type { EvidenceNews } from "../evidence-book.ts";
import { followEvidence } from "./follow-evidence.ts";

const link = (position: number): Link => ({
  position: BigInt(position),
  text: `entry ${position}`,
  hash: new Uint8Array(32).fill(position % 251),
});
const said = ({ begins, after, entries, at, more }: EvidenceNews) => [
  begins ? "begins" : "goes on",
  Number(after.position),
  entries.length,
  at,
  more ? "more" : "all",
];

test("the log is told in pages from the window on, then what is new, and all again to a thread that lost it", async () => {
  const log = Array.from({ length: 2_300 }, (_, i) => link(i + 1));
  const told: unknown[] = [];
  let holds = true;
  let now = 1_790_000_123;
  const windows: number[] = [];
  const follow = followEvidence(
    {
      placeBefore: async (at) => {
        windows.push(at);
        return log[99] ?? CHAIN_START;
      },
      networkPage: async (after, limit) => log.slice(Number(after), Number(after) + limit),
    },
    {
      async learn(news) {
        if (!holds && !news.begins) return false;
        told.push(said(news));
        holds = true;
        return true;
      },
    },
    () => unixSeconds(now),
  );
  const step = 1_790_000_100;
  await follow();
  expect(told.splice(0)).toEqual([
    ["begins", 100, 1_000, step, "more"],
    ["goes on", 1_100, 1_000, step, "more"],
    ["goes on", 2_100, 200, step, "all"],
  ]);
  expect(windows).toEqual([step - 3 * 86_400]);
  now += 300;
  await follow();
  log.push(link(2_301));
  await follow();
  expect(told.splice(0)).toEqual([
    ["goes on", 2_300, 0, step + 300, "all"],
    ["goes on", 2_300, 1, step + 300, "all"],
  ]);
  holds = false;
  await follow();
  expect(told).toEqual([]);
  await follow();
  expect(told[0]).toEqual(["begins", 100, 1_000, step + 300, "more"]);
  expect(windows).toHaveLength(2);
});

test("a log or a thread that fails at any point loses nothing and tells nothing twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 30 }), fc.nat(4_500), async (dice, length) => {
      const log = Array.from({ length }, (_, i) => link(i + 1));
      let rolls = 0;
      const mayFail = () => {
        if (dice[rolls++] === true) throw new Error("the connection is gone");
      };
      let held: Link[] | undefined;
      const follow = followEvidence(
        {
          placeBefore: async () => {
            mayFail();
            return CHAIN_START;
          },
          networkPage: async (after, limit) => {
            mayFail();
            return log.slice(Number(after), Number(after) + limit);
          },
        },
        {
          async learn({ begins, after, entries }) {
            if (begins) held = [];
            else if (held?.length !== Number(after.position)) return false;
            held.push(...entries);
            // A thread that dies over the news is started again with empty hands.
            if (dice[rolls++] === true) {
              held = undefined;
              throw new Error("the thread ended");
            }
            return true;
          },
        },
        () => unixSeconds(1_790_000_123),
      );
      while (rolls < dice.length) await follow().catch(() => undefined);
      await follow();
      if (held?.length !== log.length) await follow();
      expect(held).toEqual(log);
    }),
    { numRuns: 40 },
  );
});
