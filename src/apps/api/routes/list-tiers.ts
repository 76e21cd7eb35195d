/** GET /api/deposit/tiers: what a deposit buys, and what we promise about it. Generated from the constants that charge. Free. */
import { z } from "zod";
import { MAX_BALANCE_SAT, MAX_DEPOSIT_SAT, priceAt, TIERS } from "../../../core/l402/tier.ts";
import type { Msat } from "../../../core/units.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { amountMsat } from "../schemas.ts";

const sats = z.int().min(1);
const price = z.object({
  operation: z.string(),
  priceMsat: amountMsat,
  callsPerDeposit: z
    .string()
    .regex(/^\d+$/)
    .meta({ description: "Whole calls that the smallest deposit of this tier pays for" }),
});
const tier = z.object({
  tier: z.int().min(0),
  depositSat: sats.meta({ description: "The smallest deposit that buys it" }),
  ratePermille: z.int().min(1).meta({ description: "What a call costs, in thousandths of its price" }),
  prices: z.array(price),
});
const policy = z.object({
  minDepositSat: sats,
  maxDepositSat: sats,
  maxBalanceSat: sats.meta({ description: "Above this no top-up is offered" }),
  balanceExpires: z.literal(false),
  withdrawable: z.literal(false),
  keptAnswersSec: z.int().min(1),
  statements: z.array(z.string()),
});

export const listTiersContract = {
  operation: "listTiers",
  method: "get",
  path: "/api/deposit/tiers",
  summary: "What a deposit buys, at which price per call, and what becomes of it",
  response: z.object({ tiers: z.array(tier), policy }),
} as const satisfies Contract;

type Answer = z.infer<typeof listTiersContract.response>;

/** `keptAnswersSec` is how long an answer under an Idempotency-Key can be had again. */
export function listTiers(
  contracts: readonly Contract[],
  facts: { keptAnswersSec: number },
): FreeOperation<undefined, Answer> {
  const priced = contracts.flatMap(({ operation, price }) => (price === undefined ? [] : [{ operation, price }]));
  const answer: Answer = { tiers: TIERS.map((each) => describeTier(each, priced)), policy: describePolicy(facts) };
  return { ...listTiersContract, serve: async () => answer };
}

function describeTier(
  { tier, depositSat, ratePermille }: (typeof TIERS)[number],
  priced: { operation: string; price: Msat }[],
): Answer["tiers"][number] {
  return {
    tier,
    depositSat: Number(depositSat),
    ratePermille: Number(ratePermille),
    prices: priced.map(({ operation, price }) => {
      const each = priceAt(tier, price);
      return { operation, priceMsat: String(each), callsPerDeposit: String((depositSat * 1_000n) / each) };
    }),
  };
}

function describePolicy({ keptAnswersSec }: { keptAnswersSec: number }): Answer["policy"] {
  return {
    minDepositSat: Number(TIERS[0]!.depositSat),
    maxDepositSat: Number(MAX_DEPOSIT_SAT),
    maxBalanceSat: Number(MAX_BALANCE_SAT),
    balanceExpires: false,
    withdrawable: false,
    keptAnswersSec,
    statements: [
      "A balance does not expire.",
      "A balance cannot be withdrawn: this process holds no right to pay, so nobody who breaks into it can take what was paid in.",
      "What is paid is credited in full, an overpayment too.",
      "A tier is written into the token when it is bought, and kept for the life of its account. A larger top-up brings a better one.",
      `One deposit is at most ${MAX_DEPOSIT_SAT} sat; no top-up is offered that would bring an account above ${MAX_BALANCE_SAT} sat.`,
      "A call that fails is given back exactly, by itself.",
      `The answer to a call with an Idempotency-Key is kept for ${keptAnswersSec} seconds, and costs nothing when it is asked for again.`,
    ],
  };
}
