/** GET /api/stats/relays: how far each relay has taken what we publish. Free. */
import { z } from "zod";
import type { RelayStanding } from "../../../adapters/postgres/relay-state.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import type { Contract, FreeOperation } from "../operation.ts";
import { unixTime } from "../schemas.ts";

const count = z.int().min(0);
const relay = z.object({
  url: z.string(),
  role: z.enum(["full", "selected", "indexer"]).meta({ description: "All events, some, or profiles only" }),
  confirmed: count.meta({ description: "Current events that the relay has shown to us" }),
  waiting: count,
  refused: count,
  eventsPerMinute: z
    .number()
    .nullable()
    .meta({ description: "What its answers have taught us to send; null: as fast as it takes them" }),
  lastContactAt: unixTime.nullable(),
  lastConfirmedAt: unixTime.nullable(),
  pausedUntil: unixTime.nullable(),
  pauseReason: z.string().max(300).nullable().meta({ description: "In the relay's words, as far as it had any" }),
  auditedAt: unixTime.nullable(),
  missing: count.nullable().meta({ description: "Of what it was seen with, at the last audit" }),
});
const answer = z.object({ asOf: unixTime, relays: z.array(relay) });

type Answer = z.infer<typeof answer>;

export const getRelaysContract = {
  operation: "getRelays",
  method: "get",
  path: "/api/stats/relays",
  summary: "How far each relay has taken what we publish",
  response: answer,
} as const satisfies Contract;

const KEPT_SEC = 10;

/** Reads at most once in ten seconds, however many ask. */
export function getRelays(ports: {
  standing(now: UnixSeconds): Promise<RelayStanding[]>;
  now(): UnixSeconds;
}): FreeOperation<undefined, Answer> {
  let kept: { until: number; reading: Promise<Answer> } | undefined;
  const read = async (): Promise<Answer> => {
    const asOf = ports.now();
    const relays = (await ports.standing(asOf)).map(({ relay: url, perMinute, ...rest }) => {
      return { url, ...rest, eventsPerMinute: rest.role === "full" ? null : Math.round(10 * perMinute) / 10 };
    });
    return { asOf, relays };
  };
  const recent = (): Promise<Answer> => {
    if (kept && ports.now() < kept.until) return kept.reading;
    const mine = { until: ports.now() + KEPT_SEC, reading: read() };
    kept = mine;
    mine.reading.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return mine.reading;
  };
  return {
    ...getRelaysContract,
    async serve(_query, _request, response) {
      response.set("Cache-Control", `public, max-age=${KEPT_SEC}`);
      return recent();
    },
  };
}
