/** The vocabulary of the API: how amounts, probabilities and nodes look in JSON. */
import { z } from "zod";
import { MAX_MSAT, type Msat, msat } from "../../core/units.ts";

const POSITIVE_DIGITS = /^[1-9]\d{0,18}$/;
const DIGITS = /^(0|[1-9]\d{0,18})$/;
const IMPOSSIBLE = "more than all bitcoin there will be";

/** An amount a caller sends: msat above 0, as a decimal string, or as a number that JSON carries exactly. */
export const amountMsatInput = z
  .union([
    z.string().regex(POSITIVE_DIGITS, { error: "a positive decimal number of msat", abort: true }),
    z.int().positive(),
  ])
  .refine(isPossible, IMPOSSIBLE)
  .transform((value): Msat => msat(BigInt(value)))
  .meta({
    description: "Millisatoshis, above 0",
    example: "100000000",
    override: { type: "string", pattern: "^[1-9][0-9]{0,18}$" },
  });

/** The same where nothing is an amount as well. */
export const amountMsatOrZero = z
  .union([z.string().regex(DIGITS, { error: "a decimal number of msat", abort: true }), z.int().min(0)])
  .refine(isPossible, IMPOSSIBLE)
  .transform((value): Msat => msat(BigInt(value)))
  .meta({
    description: "Millisatoshis",
    example: "100000000",
    override: { type: "string", pattern: "^(0|[1-9][0-9]{0,18})$" },
  });

function isPossible(value: string | number): boolean {
  return BigInt(value) <= MAX_MSAT;
}

/** An amount we answer: msat as a decimal string, because JSON numbers lose digits. */
export const amountMsat = z
  .string()
  .regex(/^\d{1,19}$/)
  .meta({ description: "Millisatoshis", example: "100000000" });

export const probability = z.number().min(0).max(1);
/** 90 % interval of a probability. */
export const interval = z.object({ low: probability, high: probability });
export const unixTime = z.int().min(0).meta({ description: "Unix seconds" });
export const nodeKey = z
  .string()
  .regex(/^0[23][0-9a-f]{64}$/)
  .meta({ description: "Compressed public key, lower-case hex" });

export const hash = z.string().regex(/^[0-9a-f]{64}$/);

const prior = z
  .object({
    edge: z.number().meta({ description: "Log-odds of a balance at one of the ends; 0 without evidence" }),
    edgeSpread: probability.meta({ description: "How much of the doubt about that is left" }),
    offline: z.number().min(0).meta({ description: "Factor on the usual share of nodes offline" }),
    offlineSpread: probability.meta({ description: "How much of the doubt about that is left" }),
    tilt: z
      .object({ fee: z.number(), size: z.number(), disabled: z.number() })
      .meta({ description: "Log-odds that the end which announces less of it is the full one" }),
  })
  .meta({ description: "What was fitted to the evidence: it holds where nothing was observed" });

export const belief = z
  .object({
    position: z.string().regex(/^\d+$/).meta({ description: "Number of the newest entry of the evidence log" }),
    head: hash.meta({ description: "Hash of that entry, which covers all before it" }),
    at: unixTime.meta({ description: "What ages of evidence are counted to" }),
    prior,
  })
  .meta({ description: "The evidence the answer was computed from" });

/** A node's key as a caller sends it, in either case. */
export const nodeKeyInput = z
  .string()
  .regex(/^0[23][0-9a-fA-F]{64}$/, "66 hex digits of a compressed public key")
  .meta({ description: "Compressed public key, hex" });

/** How a caller names a node. */
export const subject = z.string().min(1).max(80).meta({
  description: "66-hex public key, 64-hex SHA-256 of that key's lower-case hex text, or alias@<exact alias>",
});

/** What is public and free about a node. */
export const nodeSummary = z.object({
  key: nodeKey,
  alias: z.string(),
  channelCount: z.int().min(0),
  liveInboundCount: z.int().min(0).meta({ description: "Channels with an enabled direction towards the node" }),
  capacitySat: z.string().regex(/^\d+$/),
  rank: z.int().min(0).max(100).nullable().meta({ description: "0-100; null when there is too little to say" }),
  rankLow: z.int().min(0).max(100).nullable(),
  rankHigh: z.int().min(0).max(100).nullable(),
  reachRatio: probability
    .nullable()
    .meta({ description: "Mean probability that 100,000 sat arrive from a typical caller" }),
  observations: z.int().min(0).nullable(),
  scoredAt: unixTime.nullable(),
});
