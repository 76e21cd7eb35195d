/** The form of POST /api/intent that asks for a service: which endpoints, and what a good answer of each will cost this caller. */
import { z } from "zod";
import { DROP_REASONS } from "../../../core/choice/question.ts";
import { STAGES, type Stage } from "../../../core/endpoint/call.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import type { ChoiceQuestion, PreparedChoice, ToldEndpoint } from "../../../oracle/choice/answer-choice.ts";
import { amountMsat, hash, interval, nodeKey, probability, subject, unixTime } from "../schemas.ts";

const MAX_BUDGET_SAT = 1_000_000;
const MAX_WAIT_MS = 60_000;

const category = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z][a-z0-9/_-]{1,31}$/, "2 to 32 of a-z, 0-9, / _ -, a letter first")
  .meta({ description: "One of GET /api/services/categories", example: "data" });
const keyword = z
  .string()
  .trim()
  .min(1)
  .max(50)
  .regex(/[\p{L}\p{N}]/u, "a letter or a digit is needed")
  .meta({ description: "A word of its name, tags, provider, category or description", example: "weather" });

export const choiceQuestion = z
  .strictObject({
    category: category.optional(),
    keywords: z.array(keyword).max(10).default([]).meta({ description: "Each must be there: another one narrows" }),
    budgetSat: z.int().min(1).max(MAX_BUDGET_SAT).optional().meta({ description: "The most that one call may cost" }),
    maxLatencyMs: z.int().min(1).max(MAX_WAIT_MS).optional().meta({ description: "Of half of its calls" }),
    caller: subject.optional().meta({ description: "The node that would pay; default a typical one" }),
    limit: z.int().min(1).max(20).default(5),
    explore: z.boolean().default(true).meta({
      description: "Whether the last place may be one that might be the best, by what is not known of it",
    }),
    includeUnknown: z.boolean().default(false).meta({
      description: "Offer those of unknown price as well, last; and let those of unknown latency pass maxLatencyMs",
    }),
  })
  .refine((asked) => asked.category !== undefined || asked.keywords.length > 0, {
    path: ["target"],
    error: "name a target to pay, or a category or keywords of a service",
  });

const stageBelief = z.object({
  probability,
  interval,
  measured: z.boolean().meta({ description: "False: nothing was seen of it lately, this is what others are like" }),
});
const stageBeliefs = z.object(
  Object.fromEntries(STAGES.map((stage) => [stage, stageBelief])) as Record<Stage, typeof stageBelief>,
);
const candidate = z.object({
  id: hash.meta({ description: "SHA-256 of its normalised URL" }),
  url: z.string(),
  method: z.enum(METHODS),
  name: z.string().nullable(),
  category: z.string().nullable(),
  priceMsat: amountMsat
    .nullable()
    .meta({ description: "What its newest invoice asked, else as announced; null: unknown" }),
  expectedCostMsat: amountMsat
    .nullable()
    .meta({ description: "Until a good answer, waiting included; null: unknown price" }),
  verdict: z.enum(["pay", "caution", "insufficient"]),
  probability: probability.meta({ description: "That a call of a typical caller goes well in all five stages" }),
  interval,
  stages: stageBeliefs,
  reach: z
    .object({ probability, interval, feeMsat: amountMsat })
    .nullable()
    .meta({ description: "How this caller gets to the payee; null where either is in no graph" }),
  observations: z.int().min(0),
  newestAgeSec: z.int().min(0).nullable(),
  latencyMs: z
    .int()
    .min(0)
    .nullable()
    .meta({ description: "Half of its calls were answered within it; null: unknown" }),
  latency90Ms: z.int().min(0).nullable(),
  payee: nodeKey.nullable(),
  operator: hash.nullable().meta({ description: "The Nostr key that proved to run its host" }),
  sources: z.array(z.string()).meta({ description: "Who lists it" }),
  reasons: z.array(z.object({ code: z.string(), text: z.string() })),
  explore: z.boolean().meta({ description: "True: it might be the best, by what is not known of it" }),
  ratedAt: unixTime,
});
export const choiceAnswer = z.object({
  candidates: z.array(candidate).max(20).meta({ description: "The least expected cost first" }),
  counts: z.object({
    matched: z.int().min(0).meta({ description: "Listed endpoints of this category and with these keywords" }),
    matchedIsMore: z.boolean().meta({ description: "True: the first three hundred were counted" }),
    dropped: z
      .object(
        Object.fromEntries(DROP_REASONS.map((reason) => [reason, z.int().min(0)])) as Record<
          (typeof DROP_REASONS)[number],
          z.ZodInt
        >,
      )
      .meta({ description: "How many of them are not offered, each for the first reason" }),
    repeats: z.int().min(0).meta({ description: "Passed over: two of their operator, host or payee come before them" }),
  }),
  caller: nodeKey.nullable().meta({ description: "Null: none was named, or no announced node has the name" }),
  predictionId: z.uuid().nullable().meta({ description: "The logged prediction, which is of the first candidate" }),
  asOf: unixTime,
});

export type AskedChoice = z.infer<typeof choiceQuestion>;
export type ChoiceAnswer = z.infer<typeof choiceAnswer>;

/** What was asked, in core's words. */
export function readChoice(asked: AskedChoice): ChoiceQuestion {
  const { budgetSat, maxLatencyMs, caller, limit, explore, includeUnknown } = asked;
  return {
    wanted: {
      category: asked.category,
      keywords: asked.keywords,
      mostMsat: budgetSat === undefined ? undefined : BigInt(budgetSat) * 1_000n,
      mostLatencyMs: maxLatencyMs,
      includeUnknown,
    },
    caller,
    limit,
    explore,
  };
}

export function presentChoice(
  { counts, caller }: PreparedChoice,
  told: readonly ToldEndpoint[],
  { repeats, predictionId, now }: { repeats: number; predictionId: string | null; now: UnixSeconds },
): ChoiceAnswer {
  const { matched, isMore: matchedIsMore, dropped } = counts;
  return {
    candidates: told.map((each) => presentCandidate(each, now)),
    counts: { matched, matchedIsMore, dropped, repeats },
    caller: caller ?? null,
    predictionId,
    asOf: now,
  };
}

function presentCandidate({ detail, costMsat, approached, reasons, explore }: ToldEndpoint, now: UnixSeconds) {
  const { latency, newestAt, price, chance } = detail;
  return {
    id: detail.urlHash,
    url: detail.url,
    method: detail.method,
    name: detail.name ?? null,
    category: detail.category ?? null,
    priceMsat: price === undefined ? null : String(price),
    expectedCostMsat: costMsat === undefined ? null : wholeMsat(costMsat),
    // Those to be avoided are not offered.
    verdict: detail.verdict as Exclude<typeof detail.verdict, "avoid">,
    ...chance,
    stages: presentStages(detail.stages),
    reach: approached
      ? { probability: approached.probability, interval: approached.interval, feeMsat: wholeMsat(approached.feeMsat) }
      : null,
    observations: detail.observations,
    newestAgeSec: newestAt === undefined ? null : Math.max(0, now - newestAt),
    latencyMs: latency?.medianMs ?? null,
    latency90Ms: latency?.ninetiethMs ?? null,
    payee: detail.payee ?? null,
    operator: detail.operator ?? null,
    sources: [...detail.sources],
    reasons: [...reasons],
    explore,
    ratedAt: detail.ratedAt,
  };
}

function presentStages(stages: ToldEndpoint["detail"]["stages"]) {
  const shown = STAGES.map((stage) => {
    const { probability, interval, measured } = stages[stage];
    return [stage, { probability, interval, measured }];
  });
  return Object.fromEntries(shown) as Record<Stage, z.infer<typeof stageBelief>>;
}

function wholeMsat(value: number): string {
  return String(BigInt(Math.ceil(value)));
}
