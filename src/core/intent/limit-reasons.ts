/** What the caller's limits cost: a route is there, and breaks one of them. */
import {
  defaultFeeLimitMsat,
  type Limit,
  LOOSEST_FEE_MSAT,
  MAX_CLTV,
  MAX_HOPS,
  type RouteLimits,
} from "../graph/limits.ts";
import { type Chance, chanceOfWorlds } from "../score/interval.ts";
import { CLEAR_GAIN, chanceOfOther, type IntentCase } from "./case.ts";
import type { Reason, ReasonCode } from "./decision.ts";
import { leavesWhatever, routeOf } from "./judge.ts";
import { isKnown } from "./payer.ts";
import { amountText, percentText } from "./wording.ts";

const LOOSEST: RouteLimits = { maxFeeMsat: LOOSEST_FEE_MSAT, maxCltvDelta: MAX_CLTV, maxHops: MAX_HOPS };

const CODES: Record<Limit, ReasonCode> = {
  maxFeeMsat: "fee-limit-decides",
  maxCltvDelta: "lock-limit-decides",
  maxHops: "hop-limit-decides",
};

/** The limit that costs most, if one of them costs something; or that no route tried first keeps them all. */
export function explainLimits(question: IntentCase): Reason | undefined {
  const { engine, chance, limits, path } = question;
  if (!isKnown(question)) return undefined;
  const whatever = chanceOfWorlds(leavesWhatever(engine, question, question)).probability;
  if (whatever >= chance.probability + CLEAR_GAIN) {
    const loosened = (Object.keys(CODES) as Limit[])
      .filter((limit) => limits[limit] < LOOSEST[limit])
      .map((limit) => ({ limit, chance: chanceOfOther(question, { limits: loosen(limits, limit) }) }));
    const best = loosened.reduce<{ limit: Limit; chance: Chance } | undefined>(
      (a, b) => (a && a.chance.probability >= b.chance.probability ? a : b),
      undefined,
    );
    if (best && best.chance.probability >= chance.probability + CLEAR_GAIN) return explainLimit(question, best);
  }
  if (path) return undefined;
  return {
    code: "no-route-within-limits",
    text: `A search like LND's finds no route of at most ${limitText(limits)}.`,
    wouldChange: null,
  };
}

function loosen(limits: RouteLimits, limit: Limit): RouteLimits {
  return { ...limits, [limit]: LOOSEST[limit] };
}

function explainLimit(question: IntentCase, { limit, chance }: { limit: Limit; chance: Chance }): Reason {
  const { engine, limits, amountMsat, target } = question;
  const route = routeOf(engine, question, { target, amountMsat, limits: loosen(limits, limit) });
  const costs = route
    ? `, first by a route of ${limitText({ maxFeeMsat: route.feeMsat, maxCltvDelta: route.cltvDelta, maxHops: route.hops })}`
    : "";
  const usual =
    limit === "maxFeeMsat" && limits.maxFeeMsat === defaultFeeLimitMsat(amountMsat) ? ", LND's default," : "";
  return {
    code: CODES[limit],
    text: `The limit of ${TEXTS[limit](limits)}${usual} decides: within it the payment arrives in ${percentText(question.chance.probability)} of the worlds.`,
    wouldChange: `Without it: ${percentText(chance.probability)}${costs}.`,
  };
}

const TEXTS: Record<Limit, (limits: RouteLimits) => string> = {
  maxFeeMsat: ({ maxFeeMsat }) => `${amountText(maxFeeMsat)} in fees`,
  maxCltvDelta: ({ maxCltvDelta }) => `${maxCltvDelta} blocks`,
  maxHops: ({ maxHops }) => `${maxHops} hops`,
};

function limitText(limits: RouteLimits): string {
  return `${TEXTS.maxHops(limits)}, ${TEXTS.maxCltvDelta(limits)} and ${TEXTS.maxFeeMsat(limits)}`;
}
