/**
 * GET /api/audit/grounds/{id} and /api/audit/model: what a rating of an endpoint rests on beside the evidence log, so that anybody
 * can compute it again. Free.
 */
import { z } from "zod";
import type { EndpointGrounds } from "../../../adapters/postgres/endpoint-grounds.ts";
import { STAGES } from "../../../core/endpoint/call.ts";
import { METHODS, type Method } from "../../../core/endpoint/endpoint.ts";
import { OracleError } from "../../../core/errors.ts";
import type { TrustModel } from "../../../core/trust/model.ts";
import { type UnixSeconds, unixSeconds } from "../../../core/units.ts";
import { holdToLimit, type LimitPorts, type TakeOne } from "../hold-to-limit.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { hash, interval, nodeKey, probability, unixTime } from "../schemas.ts";
import { sendUnlessUnchanged } from "../unchanged.ts";

const shape = z.object({ good: z.number().min(0), bad: z.number().min(0) });
const perStage = <Value extends z.ZodType>(value: Value) =>
  z.object(Object.fromEntries(STAGES.map((stage) => [stage, value])) as Record<(typeof STAGES)[number], Value>);
const model = z
  .object({
    fittedAt: unixTime.meta({ description: "The whole hour before which everything was used; 0 before the first fit" }),
    stages: perStage(
      z.object({
        all: shape,
        category: z.number(),
        operator: z.number(),
        endpoint: z.number(),
        halfLifeSec: z.number(),
      }),
    ),
    categories: z.record(z.string(), perStage(shape)),
  })
  .meta({ description: "What endpoints are like that nobody has tried (docs/endpoints.md, 2 and 3)" });

const params = z.object({ id: hash.meta({ description: "The endpoint's id: SHA-256 of its URL" }) });
const query = z.strictObject({ method: z.enum(METHODS).default("GET") });
const modelQuery = z.strictObject({
  at: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 40)
    .optional()
    .meta({ description: "`fittedAt` of it; default: the newest" }),
});
const grounds = z.object({
  url: z.string(),
  category: z.string().nullable(),
  payee: nodeKey.nullable(),
  siblings: z.int().min(0).meta({ description: "Other endpoints of its operator: what they say is part of `prior`" }),
  ratedAt: unixTime,
  position: z.string().regex(/^\d+$/).meta({ description: "The last entry of the log that was read for it" }),
  model,
  stages: perStage(
    z.object({
      prior: shape.meta({ description: "What others are like, in calls" }),
      seen: shape.meta({ description: "What its own calls say, faded and weighed" }),
    }),
  ),
  probability,
  interval,
});

export const getGroundsContract = {
  operation: "getGrounds",
  method: "get",
  path: "/api/audit/grounds/{id}",
  summary: "What the newest rating of an endpoint rests on beside its calls in the evidence log",
  params,
  query,
  response: grounds,
} as const satisfies Contract;
export const getModelContract = {
  operation: "getModel",
  method: "get",
  path: "/api/audit/model",
  summary: "What is believed of endpoints that nobody has tried, as it was fitted at a whole hour",
  query: modelQuery,
  response: model,
} as const satisfies Contract;

export type ReadGroundsPorts = LimitPorts & {
  groundsOf(id: string, method: Method): Promise<EndpointGrounds | undefined>;
  modelAt(fittedAt: UnixSeconds | undefined): Promise<TrustModel | undefined>;
  takeReading: TakeOne;
};

const KEPT_SEC = 10;

export function getGrounds(
  ports: ReadGroundsPorts,
): FreeOperation<{ id: string; method: Method }, z.infer<typeof grounds>> {
  return {
    ...getGroundsContract,
    async serve({ id, method }, request, response) {
      await holdToLimit(ports, "audit", ports.takeReading, request, response);
      const found = await ports.groundsOf(id, method);
      if (!found) throw new OracleError("SUBJECT_UNKNOWN", "this endpoint was not rated, or is not in the catalogue");
      const { chance, position, category, payee, stages, ...rest } = found;
      const answer = {
        ...rest,
        category: category ?? null,
        payee: payee ?? null,
        position: String(position),
        stages: Object.fromEntries(
          STAGES.map((stage) => [stage, { prior: stages[stage].prior, seen: stages[stage].seen }]),
        ) as z.infer<typeof grounds>["stages"],
        ...chance,
      };
      sendUnlessUnchanged(request, response, answer, KEPT_SEC);
      return answer;
    },
  };
}

export function getModel(ports: ReadGroundsPorts): FreeOperation<z.output<typeof modelQuery>, TrustModel> {
  return {
    ...getModelContract,
    async serve({ at }, request, response) {
      await holdToLimit(ports, "audit", ports.takeReading, request, response);
      const found = await ports.modelAt(at === undefined ? undefined : unixSeconds(at));
      if (!found) throw new OracleError("EVIDENCE_UNKNOWN", "no model was fitted then: ask for the newest one");
      sendUnlessUnchanged(request, response, found, KEPT_SEC);
      return found;
    },
  };
}
