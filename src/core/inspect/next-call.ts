/** When an endpoint is called again. Nobody should be able to tell when: every interval is drawn from half to one and a half. */
import { type UnixSeconds, unixSeconds } from "../units.ts";
import type { Finding } from "./finding.ts";

export type Cadence = {
  /** Between two calls that do not pay. */
  readonly everySec: number;
  /** Between two that do. */
  readonly paidEverySec: number;
};

export type NextCall = { readonly nextAt: UnixSeconds; readonly nextPaidAt?: UnixSeconds; readonly misses: number };

/** After a first miss the next look is soon: one failure says little, and what is down should be seen to come back. */
const FIRST_RETRY_SEC = 600;
const LONGEST_SEC = 86_400;

/** `random` is uniform in [0, 1). `paid`: money was sent. */
export function planNextCall(
  { finding, misses, paid, now }: { finding: Finding; misses: number; paid: boolean; now: UnixSeconds },
  cadence: Cadence,
  random: () => number,
): NextCall {
  const around = (sec: number) => unixSeconds(now + Math.round(sec * (0.5 + random())));
  const missed = finding.verdict === "good" ? 0 : misses + 1;
  const retrySec = Math.min(FIRST_RETRY_SEC, cadence.everySec);
  const pauseSec = missed === 0 ? cadence.everySec : Math.min(retrySec * 2 ** (missed - 1), LONGEST_SEC);
  return {
    nextAt: around(pauseSec),
    misses: missed,
    ...(paid && { nextPaidAt: around(cadence.paidEverySec) }),
  };
}
