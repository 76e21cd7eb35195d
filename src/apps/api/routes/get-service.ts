/** GET /api/services/{id}: all that is known about one paid endpoint. Paid. */
import { z } from "zod";
import { explainEndpoint } from "../../../core/choice/reasons.ts";
import { STAGES, type Stage } from "../../../core/endpoint/call.ts";
import { METHODS } from "../../../core/endpoint/endpoint.ts";
import { SCHEMES } from "../../../core/endpoint/listing.ts";
import { CALL_SOURCES, type CallSource } from "../../../core/evidence/call.ts";
import type { Msat, UnixSeconds } from "../../../core/units.ts";
import {
  COUNTED_CALLS,
  type EndpointProfile,
  findEndpoint,
  type ProfilePorts,
  profileEndpoint,
} from "../../../oracle/choice/profile-endpoint.ts";
import type { Contract, PaidOperation } from "../operation.ts";
import { amountMsat, hash, interval, nodeKey, probability, unixTime } from "../schemas.ts";

const params = z.object({
  id: z
    .string()
    .toLowerCase()
    .regex(/^[0-9a-f]{64}$/, "64 hex digits: the SHA-256 of the normalised URL"),
});
const query = z.object({
  method: z.enum(METHODS).optional().meta({ description: "Needed where a URL is called by several" }),
});

const calls = z.number().min(0);
const shape = z.object({ good: calls, bad: calls });
const stage = z.object({
  probability,
  interval,
  measured: z.boolean(),
  prior: shape.meta({ description: "What others are like, in calls; of the payment: how likely the payee is reached" }),
  seen: shape.meta({ description: "What its own calls say, faded and weighed, in calls of ours made now" }),
});
const count = z.int().min(0).max(COUNTED_CALLS);
const call = z.object({
  attempt: hash.meta({ description: "Names the call in the evidence log" }),
  at: unixTime,
  source: z.enum(CALL_SOURCES),
  stage: z.enum(STAGES).meta({ description: "The last stage it came to" }),
  good: z.boolean(),
  code: z.string(),
  priceMsat: amountMsat.nullable(),
  payee: nodeKey.nullable(),
  latencyMs: z.int().min(0).nullable(),
});
const listing = z.object({
  source: z.string(),
  reference: z.string(),
  claim: z.record(z.string(), z.json()).meta({ description: "What it says, as it says it: never a measurement" }),
  firstSeenAt: unixTime,
  seenAt: unixTime,
  goneAt: unixTime.nullable().meta({ description: "When it stopped naming the endpoint" }),
});
const change = z.object({
  changedAt: unixTime,
  field: z.string(),
  before: z.json(),
  after: z.json(),
  source: z.string(),
});
const answer = z.object({
  id: hash,
  url: z.string(),
  method: z.enum(METHODS),
  host: z.string(),
  name: z.string().nullable(),
  category: z.string().nullable(),
  listed: z.boolean().meta({ description: "False: no source names it any more, or its operator took it out" }),
  verdict: z.enum(["pay", "caution", "avoid", "insufficient"]),
  probability: probability.meta({ description: "That a call of a typical caller goes well in all five stages" }),
  interval,
  stages: z.object(Object.fromEntries(STAGES.map((each) => [each, stage])) as Record<Stage, typeof stage>),
  reasons: z.array(z.object({ code: z.string(), text: z.string() })),
  evidence: z.object({
    observations: z.int().min(0).meta({ description: "Calls the belief was made from" }),
    newestAgeSec: z.int().min(0).nullable(),
    bySource: z
      .object(Object.fromEntries(CALL_SOURCES.map((each) => [each, count])) as Record<CallSource, typeof count>)
      .meta({ description: "Calls in the log, counted up to ten thousand of each" }),
  }),
  price: z.object({
    msat: amountMsat.nullable().meta({ description: "What the newest invoice asked, else as announced" }),
    announcedMsat: amountMsat.nullable(),
  }),
  latencyMs: z.int().min(0).nullable(),
  latency90Ms: z.int().min(0).nullable(),
  payee: nodeKey.nullable(),
  operator: z.object({
    key: hash.nullable().meta({ description: "The Nostr key that proved to run the host" }),
    endpoints: z.int().min(0).meta({ description: "Listed endpoints of the same key, or else of the same host" }),
    reply: z.object({ text: z.string(), at: unixTime }).nullable().meta({ description: "What it says to all of this" }),
    disputes: z
      .array(z.object({ attempt: hash, text: z.string(), at: unixTime }))
      .meta({ description: "Calls that it says were not as they are told; the newest first, a hundred at most" }),
  }),
  listings: z.array(listing).meta({ description: "Those that still name it first, fifty at most" }),
  changes: z.array(change).meta({ description: "The newest first, fifty at most" }),
  calls: z.array(call).meta({ description: "The newest first, fifty at most" }),
  lastLook: z
    .object({
      at: unixTime,
      stage: z.enum(STAGES),
      verdict: z.enum(["good", "bad", "unknown"]),
      code: z.string(),
      schemes: z.array(z.enum(SCHEMES)).meta({ description: "The ways of payment it offered" }),
    })
    .nullable()
    .meta({ description: "Our own newest call: also what was seen that nobody answers for, and so is no evidence" }),
  belief: z
    .object({ position: z.string().regex(/^\d+$/), head: hash, modelAt: unixTime, ratedAt: unixTime })
    .meta({ description: "The last entry of the evidence log that was read, the hour of the model, and when" }),
});

type Asked = z.infer<typeof params> & z.infer<typeof query>;
type Answer = z.infer<typeof answer>;

export const getServiceContract = {
  operation: "getService",
  method: "get",
  path: "/api/services/{id}",
  summary: "All that is known about one paid endpoint",
  params,
  query,
  response: answer,
} as const satisfies Contract;

export type ServiceProfilePorts = ProfilePorts & { now(): UnixSeconds };

export function getService(
  ports: ServiceProfilePorts,
  price: Msat,
): PaidOperation<Asked, EndpointProfile["detail"], Answer> {
  return {
    ...getServiceContract,
    price,
    prepare: ({ id, method }) => findEndpoint(ports, { id, method }),
    answer: async (detail) => present(await profileEndpoint(ports, detail), ports.now()),
  };
}

function present(
  { detail, listings, changes, calls, lastLook, bySource, operatorEndpoints, operatorWord }: EndpointProfile,
  now: UnixSeconds,
): Answer {
  const { latency, price, announced, newestAt, chance } = detail;
  return {
    id: detail.urlHash,
    url: detail.url,
    method: detail.method,
    host: detail.host,
    name: detail.name ?? null,
    category: detail.category ?? null,
    listed: detail.listed,
    verdict: detail.verdict,
    ...chance,
    stages: detail.stages,
    reasons: explainEndpoint({ ...detail, latencyMs: latency?.medianMs }, now),
    evidence: {
      observations: detail.observations,
      newestAgeSec: newestAt === undefined ? null : Math.max(0, now - newestAt),
      bySource,
    },
    price: { msat: textOf(price), announcedMsat: textOf(announced) },
    latencyMs: latency?.medianMs ?? null,
    latency90Ms: latency?.ninetiethMs ?? null,
    payee: detail.payee ?? null,
    operator: {
      key: detail.operator ?? null,
      endpoints: operatorEndpoints,
      reply: operatorWord.reply ? { text: operatorWord.reply.text, at: operatorWord.reply.at } : null,
      disputes: operatorWord.disputes.map(({ attempt, text, at }) => ({ attempt, text, at })),
    },
    listings: listings.map(({ claim, goneAt, ...each }) => ({
      ...each,
      claim: claim as Answer["listings"][0]["claim"],
      goneAt: goneAt ?? null,
    })),
    changes: changes.map(({ changedAt, field, before, after, source }) => ({
      changedAt,
      field,
      before: before as z.infer<typeof change>["before"],
      after: after as z.infer<typeof change>["after"],
      source,
    })),
    calls: calls.map(({ observedAt, source, attempt, call: { stage, good, code, price, payee, latencyMs } }) => ({
      attempt,
      at: observedAt,
      source,
      stage,
      good,
      code,
      priceMsat: textOf(price),
      payee: payee ?? null,
      latencyMs: latencyMs ?? null,
    })),
    lastLook: lastLook ? { ...lastLook, schemes: [...lastLook.schemes] } : null,
    belief: {
      position: String(detail.position),
      head: detail.head,
      modelAt: detail.modelAt as UnixSeconds,
      ratedAt: detail.ratedAt,
    },
  };
}

function textOf(amount: Msat | undefined): string | null {
  return amount === undefined ? null : String(amount);
}
