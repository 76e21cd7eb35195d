/**
 * POST /api/intent: will a payment from this caller to this target arrive, at what cost, and what else could be done; or which
 * endpoints serve best what is wanted. Paid.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { MAX_CAPACITY_SAT } from "../../../core/graph/channel-graph.ts";
import { MAX_CLTV, MAX_HOPS } from "../../../core/graph/limits.ts";
import { MAX_PARTS } from "../../../core/graph/parts.ts";
import type { Decision } from "../../../core/intent/decision.ts";
import { type Msat, msat, type UnixSeconds } from "../../../core/units.ts";
import {
  type AnswerChoicePorts,
  answerChoice,
  type PrepareChoicePorts,
  type PreparedChoice,
  prepareChoice,
} from "../../../oracle/choice/answer-choice.ts";
import {
  type AnswerPorts,
  answerIntent,
  type PreparedIntent,
  type PreparePorts,
  prepareIntent,
} from "../../../oracle/intent/answer-intent.ts";
import type { Admitted } from "../l402-gate.ts";
import type { Contract, PaidOperation } from "../operation.ts";
import {
  amountMsat,
  amountMsatInput,
  amountMsatOrZero,
  belief,
  hash,
  interval,
  nodeKey,
  nodeKeyInput,
  probability,
  subject,
  unixTime,
} from "../schemas.ts";
import {
  type AskedChoice,
  type ChoiceAnswer,
  choiceAnswer,
  choiceQuestion,
  presentChoice,
  readChoice,
} from "./choose-endpoints.ts";

/** What most calls are about, when a caller names no amount: 100,000 sat. */
const DEFAULT_AMOUNT = msat(100_000_000n);
/** Above this no channel of the network carries a payment in one part: 10 BTC. */
const MAX_AMOUNT = 1_000_000_000_000n;

/** More channels than this say little that the largest of them do not: a caller may choose. */
const MAX_CALLER_CHANNELS = 300;

/** More than any channel of the graph may hold: 10,000 BTC. */
const MAX_SPENDABLE = BigInt(MAX_CAPACITY_SAT) * 1000n;

const callerChannel = z.object({
  peer: nodeKeyInput,
  spendableMsat: amountMsatOrZero
    .refine((amount) => amount <= MAX_SPENDABLE, "at most 10,000 BTC")
    .meta({ description: "What can be sent over it at once: the balance less reserve" }),
});
const question = z
  .object({
    target: subject,
    caller: subject.optional().meta({ description: "Needed unless callerChannels are given" }),
    amountMsat: amountMsatInput.refine((amount) => amount <= MAX_AMOUNT, "at most 10 BTC").optional(),
    callerChannels: z.array(callerChannel).min(1).max(MAX_CALLER_CHANNELS).optional().meta({
      description:
        "All channels the caller can send over, announced or not. Used for this answer, and neither stored, logged nor cached",
    }),
    maxFeeMsat: amountMsatOrZero
      .refine((amount) => amount <= MAX_AMOUNT, "at most 10 BTC")
      .optional()
      .meta({ description: "Default: all of up to 1,000 sat, 5 % of more" }),
    maxCltvDelta: z.int().min(0).max(MAX_CLTV).optional().meta({
      description: "Blocks on top of the target's own final delta; default 2016",
    }),
    maxHops: z
      .int()
      .min(1)
      .max(MAX_HOPS)
      .optional()
      .meta({ description: "Channels from caller to target; default 20" }),
    maxParts: z.int().min(1).max(MAX_PARTS).optional().meta({
      description:
        "Equal parts the amount may be sent in; default 1. Above it, the answer takes some tenths of a second",
    }),
  })
  .refine(({ caller, callerChannels }) => caller !== undefined || callerChannels !== undefined, {
    path: ["caller"],
    error: "name the caller, or tell its channels in callerChannels",
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
  path: z.array(nodeKey).meta({ description: "From the caller, or its peer where the caller has no announced name" }),
});
const parts = z
  .object({
    maxParts: z.int().min(2),
    probability,
    interval,
    worldsTried: z
      .int()
      .min(0)
      .meta({ description: "Worlds in which several parts were tried, since one does not arrive" }),
  })
  .meta({ description: "That the amount arrives in up to maxParts equal parts within the limits" });
const limits = z
  .object({ maxFeeMsat: amountMsat, maxCltvDelta: z.int().min(0), maxHops: z.int().min(1) })
  .meta({ description: "What a route was allowed: as asked, or as LND allows by default" });
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
  probability: probability.meta({ description: "That some route within the limits works within twelve tries" }),
  interval,
  firstTryProbability: probability,
  amountMsat,
  target: nodeKey,
  caller: nodeKey.nullable().meta({ description: "Null when no announced node has the caller's name" }),
  parts: parts
    .nullable()
    .meta({ description: "Null unless maxParts is above 1, and for a caller nothing is known of" }),
  limits,
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
  predictionId: z.uuid().nullable().meta({
    description: "The logged prediction, to be quoted in a report; null with callerChannels, of which nothing is kept",
  }),
  graphDigest: hash.meta({ description: "SHA-256 of the graph that was asked" }),
  asOf: unixTime.meta({ description: "When that graph was read from the node" }),
});

type Question = z.infer<typeof question> | AskedChoice;
type Answer = z.infer<typeof answer> | ChoiceAnswer;
type Prepared = PreparedIntent | PreparedChoice;

export const resolveIntentContract = {
  operation: "resolveIntent",
  method: "post",
  path: "/api/intent",
  summary: "Will this payment arrive, and what would it cost? Or: which endpoints serve this best?",
  body: z.union([question, choiceQuestion]),
  formOf: (body: unknown) =>
    typeof body === "object" && body !== null && "target" in body ? question : choiceQuestion,
  response: z.union([answer, choiceAnswer]),
} as const satisfies Contract;

/** What the form that asks for a service needs. */
type ServicePorts = PrepareChoicePorts &
  AnswerChoicePorts & {
    /** Notes whom we told of endpoints, so that it may say what became of them. Never waits. */
    noteAsked(admitted: Admitted, endpointIds: readonly bigint[]): void;
  };

export type IntentPorts = PreparePorts &
  AnswerPorts & {
    now(): UnixSeconds;
    /** @throws GRAPH_NOT_READY before the first graph; OVERLOADED when too many decisions wait */
    assertReady(): void;
    services: ServicePorts;
  };

export function resolveIntent(ports: IntentPorts, price: Msat): PaidOperation<Question, Prepared, Answer> {
  return {
    ...resolveIntentContract,
    price,
    async prepare(asked) {
      // Without a caller nothing is asked of the graph: services are found while it is being loaded.
      if (!("target" in asked)) {
        if (asked.caller !== undefined) ports.assertReady();
        return prepareChoice(ports.services, readChoice(asked));
      }
      const { amountMsat, maxFeeMsat, maxCltvDelta, maxHops, maxParts, callerChannels, ...nodes } = asked;
      ports.assertReady();
      const prepared = await prepareIntent(ports, {
        ...nodes,
        amount: amountMsat ?? DEFAULT_AMOUNT,
        limits: { maxFee: maxFeeMsat, maxCltvDelta, maxHops },
        maxParts,
        callerChannels: callerChannels?.map(({ peer, spendableMsat }) => ({ peer, spendable: spendableMsat })),
      });
      // Of calls that came together, those looked up last find the queue filled by the first, and are not charged.
      ports.assertReady();
      return prepared;
    },
    async answer(prepared, admitted) {
      const at = { predictionId: randomUUID(), now: ports.now() };
      if ("wanted" in prepared) {
        const { told, repeats, predictionId } = await answerChoice(ports.services, prepared, at);
        ports.services.noteAsked(
          admitted,
          told.map(({ detail }) => detail.endpointId),
        );
        return presentChoice(prepared, told, { repeats, predictionId, now: at.now });
      }
      const { decision, predictionId } = await answerIntent(ports, prepared, at);
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
  const { route, limits, alternatives, reasons, unknowns, belief } = decision;
  return {
    ...decision,
    limits: { ...limits, maxFeeMsat: String(limits.maxFeeMsat) },
    route: route && { ...route, feeMsat: String(route.feeMsat), path: [...route.path] },
    reasons: [...reasons],
    alternatives: alternatives.map((each) => ({ ...each, amountMsat: String(each.amountMsat) })),
    unknowns: [...unknowns],
    belief: { ...belief, position: String(belief.position) },
  };
}
