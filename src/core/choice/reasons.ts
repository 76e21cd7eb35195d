/** What to know of an endpoint before calling it, in words. */
import { STAGES, type Stage } from "../endpoint/call.ts";
import type { StageBelief } from "../trust/believe-endpoint.ts";
import type { Msat, UnixSeconds } from "../units.ts";

export type Known = {
  readonly stages: Readonly<Record<Stage, Pick<StageBelief, "probability" | "measured">>>;
  readonly announced: Msat | undefined;
  readonly price: Msat | undefined;
  readonly latencyMs: number | undefined;
  readonly payee: string | undefined;
  readonly newestAt: UnixSeconds | undefined;
};
export type EndpointReason = { readonly code: string; readonly text: string };

const WHAT: Record<Stage, string> = {
  challenge: "asked without payment, it answers with a challenge",
  invoice: "its invoice is what it says",
  payment: "its payee is reached and paid",
  delivery: "whoever paid is answered with success",
  quality: "the answer is what was promised",
};
const OLD_SEC = 7 * 86_400;

/** The stage it most likely fails at first; then what is not known, or not as announced. */
export function explainEndpoint(known: Known, now: UnixSeconds): EndpointReason[] {
  const { stages, announced, price, latencyMs, payee, newestAt } = known;
  const weakest = STAGES.reduce((a, b) => (stages[b].probability < stages[a].probability ? b : a));
  const unmeasured = STAGES.filter((stage) => !stages[stage].measured);
  const reasons: EndpointReason[] = [
    {
      code: "weakest-stage",
      text: `Least likely: that ${WHAT[weakest]} (${weakest}, ${percent(stages[weakest].probability)}).`,
    },
  ];
  const say = (code: string, text: string) => reasons.push({ code, text });
  if (unmeasured.length > 0) say("not-measured", `Not measured lately: ${unmeasured.join(", ")}.`);
  if (newestAt !== undefined && now - newestAt > OLD_SEC) say("stale", "Nothing was observed for more than a week.");
  if (price !== undefined && announced !== undefined && price !== announced)
    say("price-differs", `Announced for ${announced} msat, its newest invoice asks ${price}.`);
  if (price === undefined) say("price-unknown", "Its price is not known, so no cost can be said.");
  if (latencyMs === undefined) say("latency-unknown", "Nobody timed it: it counts as 30 seconds.");
  if (payee === undefined) say("payee-unknown", "It is not known which node its invoices pay.");
  return reasons;
}

function percent(probability: number): string {
  return `${Math.round(100 * probability)} %`;
}
