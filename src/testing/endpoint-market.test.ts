/** What attackers gain: a small market of each kind. `make bench BENCH=attacks` runs larger ones and prints them. */
import { expect, test } from "vitest";
import { ATTACKS, type MarketSize, runMarket, runNewcomer } from "./endpoint-market.ts";

const SMALL: MarketSize = { honest: 12, attackers: 3, hours: 120, callersPerHour: 3, flood: 20 };
const SEEDS = [1, 2];
const meanOf = (attack: (typeof ATTACKS)[number]) => {
  const results = SEEDS.map((seed) => runMarket(attack, SMALL, seed));
  const mean = (of: "error" | "deceived" | "excess") =>
    results.reduce((sum, result) => sum + result[of], 0) / results.length;
  return { error: mean("error"), deceived: mean("deceived"), excess: mean("excess") };
};
const peace = meanOf("none");

test.each(ATTACKS.slice(1))(
  "under %s honest endpoints are ranked at most twice as wrongly, and few callers are deceived",
  (attack) => {
    const { error, deceived } = meanOf(attack);
    expect(error).toBeLessThanOrEqual(2 * peace.error);
    expect(deceived).toBeLessThan(0.35);
  },
);

test("without an attack some are ranked wrongly, and the first costs little more than the best", () => {
  expect(peace.error).toBeGreaterThan(0);
  expect(peace.error).toBeLessThan(0.3);
  expect(peace.excess).toBeLessThan(0.3);
});

test("a good newcomer that only callers pay is first within two days", () => {
  for (const seed of SEEDS) expect(runNewcomer({ ...SMALL, callersPerHour: 10 }, seed)).toBeLessThanOrEqual(48);
});
