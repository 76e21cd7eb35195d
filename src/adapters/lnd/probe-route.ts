/** The HTLCs of a route, as lnrpc.Route wants them: each hop is what its node passes on, not what reaches it. */
import { type Msat, msat } from "../../core/units.ts";
import type { LndRoute } from "./route.ts";

/** One channel of a route, the node it leads to, and the HTLC that crosses it. */
export type Crossing = { channelId: bigint; to: string; amount: Msat; expiryHeight: number };

/** The target passes nothing on: its hop repeats what reaches it. */
export function toLndRoute(crossings: readonly Crossing[]): LndRoute {
  const hops = crossings.map(({ channelId, to, amount, expiryHeight }, i) => {
    const next = crossings[i + 1] ?? { amount, expiryHeight };
    const fee = msat(amount - next.amount);
    return { channelId, nodeKey: to, amount: next.amount, fee, expiryHeight: next.expiryHeight };
  });
  const [first, last] = [crossings[0]!, crossings.at(-1)!];
  const totalFee = msat(first.amount - last.amount);
  return { hops, totalAmount: first.amount, totalFee, expiryHeight: first.expiryHeight };
}
