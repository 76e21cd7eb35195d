/** What is read back depends on what has arrived, and not on how. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { unixSeconds } from "../units.ts";
import { openRecentEvidence, type PlacedEvidence } from "./recent.ts";

const START = 1_790_000_000;
const WINDOW_SEC = 1_000;
const entry = (position: number, agoSec: number): PlacedEvidence => ({
  position: BigInt(position),
  evidence: {
    observedAt: unixSeconds(START - agoSec),
    source: "probe",
    attempt: "00".repeat(32),
    vantage: `02${"a".repeat(64)}`,
    observation: { kind: "own-failure", code: `C${position}` },
  },
});
const names = (recent: ReturnType<typeof openRecentEvidence>, atSec: number) =>
  recent.at(unixSeconds(START + atSec)).map(({ observation }) => "code" in observation && observation.code);

test("the newest within the window, oldest first, whatever the order and the parts they came in", () => {
  const arrivals = fc.array(fc.nat(2_000), { maxLength: 30 }).chain((ages) => {
    const entries = ages.map((agoSec, i) => entry(i + 1, agoSec));
    const keys = fc.array(fc.nat(), { minLength: entries.length, maxLength: entries.length });
    return keys.map((key) => ({
      entries,
      mixed: entries.map((each, i) => [key[i]!, each] as const).sort((a, b) => a[0] - b[0]),
    }));
  });
  fc.assert(
    fc.property(arrivals, fc.array(fc.nat(400), { maxLength: 4 }), ({ entries, mixed }, pauses) => {
      const grown = openRecentEvidence(WINDOW_SEC, 8);
      const instants = [0, ...pauses].map((_, i) => pauses.slice(0, i).reduce((sum, pause) => sum + pause, 0));
      for (const [i, at] of instants.entries()) {
        const part = mixed.filter((_, j) => j % instants.length === i).map(([, each]) => each);
        grown.add(part);
        grown.add(part);
        grown.at(unixSeconds(START + at));
      }
      const anew = openRecentEvidence(WINDOW_SEC, 8);
      anew.add(entries);
      const last = instants.at(-1)!;
      expect(names(grown, last)).toEqual(names(anew, last));
    }),
  );
});

test("what has left the window is gone, and of more than the limit the oldest", () => {
  const recent = openRecentEvidence(WINDOW_SEC, 2);
  recent.add([entry(1, 1_000), entry(2, 500)]);
  expect(names(recent, 0)).toEqual(["C1", "C2"]);
  expect(names(recent, 1)).toEqual(["C2"]);
  recent.add([entry(4, 500), entry(3, 500)]);
  expect(names(recent, 1)).toEqual(["C3", "C4"]);
});
