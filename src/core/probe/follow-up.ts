/**
 * What to send next along a route that was just probed, and when to stop.
 *
 * After a stale policy the same amount goes again, once, under the policy that came back. After a want of liquidity, or an
 * arrival, the amount moves into what is still possible for the channel that decides, until that is narrow.
 */
import type { Observation } from "../evidence/observation.ts";
import { USABLE_RATIO } from "../graph/prior.ts";
import { type Msat, msat } from "../units.ts";
import { narrowAmount } from "./narrow-amount.ts";
import type { Override, ProbeHop } from "./route.ts";

/** What is known by now of the amount each hop carries, by its position; both absent at the start. */
export type Narrowing = ReadonlyMap<number, { readonly atLeast: Msat; readonly below: Msat }>;

/** The policy to go again under; undefined when none came back, or it forbids the hop altogether. */
export function mendedPolicy(seen: readonly Observation[]): Override | undefined {
  const stale = seen.find((each) => each.kind === "policy-stale");
  if (stale?.kind !== "policy-stale" || !stale.policy || stale.policy.disabled) return undefined;
  return { channelId: stale.channelId, from: stale.from, policy: stale.policy };
}

/** The next amount at the target, and what was known when it was chosen. Undefined when nothing is left to ask. */
export function nextAmount(
  hops: readonly ProbeHop[],
  seen: readonly Observation[],
  known: Narrowing = new Map(),
): { amount: Msat; known: Narrowing } | undefined {
  const reached = seen.some(({ kind }) => kind === "reached");
  const short = seen.find((each) => each.kind === "holds-below");
  if (!reached && !short) return undefined;
  const failed = hops.findIndex((hop) => short?.kind === "holds-below" && hop.channelId === short.channelId);
  const updated = new Map(known);
  hops.forEach((hop, i) => {
    if (i === 0) return;
    const { atLeast, below } = boundsOf(hop, updated.get(i));
    const passed = reached || i < failed;
    if (passed) updated.set(i, { atLeast: hop.amount > atLeast ? hop.amount : atLeast, below });
    else if (i === failed) updated.set(i, { atLeast, below: hop.amount < below ? hop.amount : below });
  });
  const at = reached ? tightest(hops) : failed;
  const decides = hops[at];
  const bounds = updated.get(at);
  if (!decides || !bounds) return undefined;
  const amount = narrowAmount({ ...bounds, capacitySat: decides.capacitySat });
  return amount === undefined ? undefined : { amount, known: updated };
}

/** Of a route that carried its amount, the hop that will be the first to carry no more. Our own is known. */
function tightest(hops: readonly ProbeHop[]): number {
  let at = 1;
  for (let i = 2; i < hops.length; i++) if (hops[i]!.capacitySat < hops[at]!.capacitySat) at = i;
  return at;
}

function boundsOf(hop: ProbeHop, known: { atLeast: Msat; below: Msat } | undefined): { atLeast: Msat; below: Msat } {
  return known ?? { atLeast: msat(0n), below: msat(BigInt(Math.floor(hop.capacitySat * 1000 * USABLE_RATIO))) };
}
