/** Bench of no time but of harm: what attackers make of the ranking of endpoints, in markets whose truth is known. */
import { ATTACKS, type MarketSize, runMarket, runNewcomer } from "../endpoint-market.ts";
import { ratio, report } from "./report.ts";

const SIZE: MarketSize = { honest: 18, attackers: 4, hours: 240, callersPerHour: 6, flood: 60 };
const SEEDS = [1, 2, 3];

/** Prints the error under each attack beside that without one. */
export async function benchAttacks(): Promise<void> {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const results = ATTACKS.map((attack) => {
    const runs = SEEDS.map((seed) => runMarket(attack, SIZE, seed));
    return {
      attack,
      error: mean(runs.map(({ error }) => error)),
      deceived: mean(runs.map(({ deceived }) => deceived)),
    };
  });
  const peace = results[0]!.error;
  const { honest, attackers, hours, callersPerHour, flood } = SIZE;
  report(
    `${honest} honest endpoints, ${attackers} attackers, ${hours} hours, ${callersPerHour} callers and ${flood} made-up reports an hour; pairs of honest ones misranked`,
    results.map(({ attack, error, deceived }) => ({
      name: attack,
      value: percent(error),
      note: `${ratio(error, peace)} of no attack, aim at most 2; ${percent(deceived)} of callers named an attacker first`,
    })),
  );
  const hoursTo = SEEDS.map((seed) => runNewcomer(SIZE, seed) ?? "never");
  report("a newcomer that is the best and that only callers pay", [
    { name: "hours until it is first", value: hoursTo.join(", "), note: "one in five callers tries what is marked" },
  ]);
}
