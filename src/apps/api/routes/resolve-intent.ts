/** POST /api/intent: will a payment from this caller to this target arrive, at what cost, and what else could be done. Paid. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Decision } from "../../../core/intent/decision.ts";
import { type Msat, msat, type UnixSeconds } from "../../../core/units.ts";
import {
  type AnswerPorts,
  answerIntent,
  type PreparedIntent,
  type PreparePorts,
  prepareIntent,
} from "../../../oracle/intent/answer-intent.ts";
import type { Contract, PaidOperation } from "../operation.ts";
import {
  amountMsat,
  amountMsatInput,
  belief,
  hash,
  interval,
  nodeKey,
  probability,
  subject,
  unixTime,
} from "../schemas.ts";

/** What most calls are about, when a caller names no amount: 100,000 sat. */
const DEFAULT_AMOUNT = msat(100_000_000n);
/** Above this no channel of the network carries a payment in one part: 10 BTC. */
const MAX_AMOUNT = 1_000_000_000_000n;

const question = z.object({
  target: subject,
  caller: subject,
  amountMsat: amountMsatInput.refine((amount) => amount <= MAX_AMOUNT, "at most 10 BTC").optional(),
});

const statement = z.object({ code: z.string(), text: z.string() });
const alternative = statement.extend({
  kind: z.enum(["amount", "first-hop", "last-hop", "target"]),
  amountMsat,
  node: nodeKey.nullable().meta({ description: "The node to pay, to send through or to have a channel with" }),
  probability,
  interval,
});
const route = z.object({
  feeMsat: amountMsat,
  cltvDelta: z.int().min(0),
  hops: z.int().min(1),
  path: z.array(nodeKey),
});
const probed = z.object({
  channels: z.int().min(0).meta({ description: "Channels about which probes have told something lately" }),
  ofChannels: z
    .int()
    .min(0)
    .meta({ description: "Channels at the target, at the caller and on the route tried first" }),
  targetSighted: z.boolean().meta({ description: "Whether a probe has told lately if the target is online" }),
  observations: z.int().min(0),
  newestAgeSec: z.int().min(0).nullable(),
});
const answer = z.object({
  verdict: z.enum(["pay", "caution", "avoid", "insufficient"]),
  probability: probability.meta({ description: "That some route works within twelve tries" }),
  interval,
  firstTryProbability: probability,
  amountMsat,
  target: nodeKey,
  caller: nodeKey.nullable().meta({ description: "Null when no announced node has the caller's name" }),
  route: route.nullable().meta({ description: "The route that an LND-like sender tries first" }),
  reasons: z.array(statement.extend({ wouldChange: z.string().nullable() })),
  alternatives: z.array(alternative).max(3),
  unknowns: z.array(statement),
  evidence: z.object({
    observations: z.int().min(0).meta({ description: "Announcements the answer leans on" }),
    newestAgeSec: z.int().min(0),
    probed,
  }),
  belief,
  seed: z.int().meta({ description: "Of the worlds' draws" }),
  predictionId: z.uuid().meta({ description: "The logged prediction, to be quoted in a report" }),
  graphDigest: hash.meta({ description: "SHA-256 of the graph that was asked" }),
  asOf: unixTime.meta({ description: "When that graph was read from the node" }),
});

type Question = z.infer<typeof question>;
type Answer = z.infer<typeof answer>;

export const resolveIntentContract = {
  operation: "resolveIntent",
  method: "post",
  path: "/api/intent",
  summary: "Will this payment arrive, what would it cost, and what else could the caller do?",
  body: question,
  response: answer,
} as const satisfies Contract;

export type IntentPorts = PreparePorts &
  AnswerPorts & {
    now(): UnixSeconds;
    /** @throws GRAPH_NOT_READY before the first graph; OVERLOADED when too many decisions wait */
    assertReady(): void;
  };

export function resolveIntent(ports: IntentPorts, price: Msat): PaidOperation<Question, PreparedIntent, Answer> {
  return {
    ...resolveIntentContract,
    price,
    async prepare({ target, caller, amountMsat }) {
      ports.assertReady();
      const prepared = await prepareIntent(ports, { target, caller, amount: amountMsat ?? DEFAULT_AMOUNT });
      // Of calls that came together, those looked up last find the queue filled by the first, and are not charged.
      ports.assertReady();
      return prepared;
    },
    async answer(prepared) {
      const predictionId = randomUUID();
      const decision = await answerIntent(ports, { ...prepared, predictionId, now: ports.now() });
      return {
        ...present(decision),
        predictionId,
        amountMsat: String(prepared.amount),
        target: prepared.target,
        caller: prepared.caller ?? null,
      };
    },
  };
}

/** The decision as JSON carries it: amounts as decimal text. */
function present(decision: Decision) {
  const { route, alternatives, reasons, unknowns, belief } = decision;
  return {
    ...decision,
    route: route && { ...route, feeMsat: String(route.feeMsat), path: [...route.path] },
    reasons: [...reasons],
    alternatives: alternatives.map((each) => ({ ...each, amountMsat: String(each.amountMsat) })),
    unknowns: [...unknowns],
    belief: { ...belief, position: String(belief.position) },
  };
}
