/** What a call showed as a whole, and what of it is evidence. */
import type { Call, Stage } from "../endpoint/call.ts";
import { STAGES } from "../endpoint/call.ts";
import type { Method } from "../endpoint/endpoint.ts";
import type { Msat } from "../units.ts";
import type { TokenForm } from "./judge-challenge.ts";
import type { Judged } from "./judged.ts";

/** The last stage that was looked at, what was seen there, and what was learnt on the way. */
export type Finding = {
  readonly stage: Stage;
  readonly verdict: Judged["verdict"];
  readonly code: string;
  readonly price?: Msat;
  readonly payee?: string;
  readonly latencyMs?: number;
  readonly tokenForm?: TokenForm;
};

/**
 * The evidence in a finding. A stage of which nothing is known leaves the one before it, which went well, as the end; with
 * nothing at all known there is none.
 */
export function readFinding(finding: Finding, endpoint: { id: string; method: Method }): Call | undefined {
  const { stage, verdict, code, price, payee, latencyMs } = finding;
  const seen = {
    endpoint: endpoint.id,
    method: endpoint.method,
    ...(price !== undefined && { price }),
    ...(payee !== undefined && { payee }),
    ...(latencyMs !== undefined && { latencyMs }),
  };
  if (verdict !== "unknown") return { ...seen, stage, good: verdict === "good", code };
  const before = STAGES[STAGES.indexOf(stage) - 1];
  return before && { ...seen, stage: before, good: true, code: "OK" };
}
