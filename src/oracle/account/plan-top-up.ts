/** A larger deposit into an account that is there: who may, how much, and at which rate its new token calls. */
import { mayTopUp } from "../../core/l402/budget.ts";
import { carriedCaveats } from "../../core/l402/caveat.ts";
import { raiseTier } from "../../core/l402/raise-tier.ts";
import { MAX_BALANCE_SAT, tierOf } from "../../core/l402/tier.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type AccountPorts, readAccount } from "./read-account.ts";

/** The account to be paid into, under every restriction of the token that asks, and the tier it is raised to. */
export type TopUpPlan =
  | { planned: true; tier: number; topUp: { tokenId: Uint8Array; caveats: string[] } }
  | { planned: false; reason: "out-of-scope" | "revoked" | "balance-limit" };

/**
 * Plans a top-up of `amountSat`. A tier once bought is never lost: the better of the old one and what this deposit buys.
 * @throws PAYMENT_PENDING, LND_UNAVAILABLE as {@link readAccount} does
 */
export async function planTopUp(
  ports: AccountPorts,
  { token, amountSat, now }: { token: AuthenticToken; amountSat: bigint; now: UnixSeconds },
): Promise<TopUpPlan> {
  if (!mayTopUp(token)) return { planned: false, reason: "out-of-scope" };
  const view = await readAccount(ports, token, now);
  if (!view) return { planned: false, reason: "revoked" };
  const { balance, held } = view.account;
  if (balance + held + amountSat * 1_000n > MAX_BALANCE_SAT * 1_000n)
    return { planned: false, reason: "balance-limit" };

  const tier = Math.max(token.tier, tierOf(amountSat));
  const caveats = raiseTier(carriedCaveats(token.caveats), tier);
  return { planned: true, tier, topUp: { tokenId: token.tokenId, caveats } };
}
