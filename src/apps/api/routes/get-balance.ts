/** GET /api/balance: what a token may spend, and the account behind it. Free; needs a token. */
import { z } from "zod";
import { TIERS } from "../../../core/l402/tier.ts";
import type { AuthenticToken } from "../../../core/l402/verify.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { type AccountPorts, type AccountView, readAccount } from "../../../oracle/account/read-account.ts";
import { type AccountDoorPorts, type AccountOperation, refuseHolder } from "../account-door.ts";
import type { Contract } from "../operation.ts";
import { amountMsat, unixTime } from "../schemas.ts";

const account = z.object({
  balanceMsat: amountMsat,
  heldMsat: amountMsat.meta({ description: "Held for calls that are running; not in the balance" }),
  depositedMsat: amountMsat.meta({ description: "Paid in, or moved here from the account that this one replaced" }),
  spentMsat: amountMsat,
  openedAt: unixTime.nullable(),
});

/** What the holder of a token is shown; a deposit answers the same. */
export const balanceAnswer = z
  .object({
    balanceMsat: amountMsat.meta({
      description: "What this token may spend now: its budgets and the account allow it",
    }),
    tier: z.int().min(0),
    ratePermille: z.int().min(1).meta({ description: "What a call costs at this tier, in thousandths of its price" }),
    validUntil: unixTime.nullable().meta({ description: "Exclusive; null when nothing ends it" }),
    budgets: z
      .array(z.object({ limitMsat: amountMsat, spentMsat: amountMsat }))
      .meta({ description: "Limits of this token besides the balance, outermost first" }),
    account: account.nullable().meta({ description: "Null for a token that was handed a part of an account only" }),
  })
  .meta({ id: "Balance" });

type Answer = z.infer<typeof balanceAnswer>;

export const getBalanceContract = {
  operation: "getBalance",
  method: "get",
  path: "/api/balance",
  summary: "What this token may still spend",
  access: "token",
  response: balanceAnswer,
} as const satisfies Contract;

export type BalancePorts = AccountPorts & AccountDoorPorts & { now(): UnixSeconds };

export function getBalance(ports: BalancePorts): AccountOperation<undefined, Answer> {
  return {
    ...getBalanceContract,
    async serve(_input, token, _request, response) {
      const view = await readAccount(ports, token, ports.now());
      if (view) return presentBalance(token, view);
      refuseHolder(ports, response, { operation: getBalanceContract.operation, reason: "revoked" });
      return undefined;
    },
  };
}

/** The view as JSON carries it. The account's own numbers are its owner's business, not that of everybody who got a part. */
export function presentBalance(token: AuthenticToken, view: AccountView): Answer {
  const { balance, held, deposited, spent, openedAt } = view.account;
  const { validUntil } = token.terms;
  return {
    balanceMsat: String(view.spendable),
    tier: token.tier,
    ratePermille: Number(TIERS[token.tier]!.ratePermille),
    validUntil: Number.isFinite(validUntil) ? validUntil : null,
    budgets: view.budgets.map((budget) => ({ limitMsat: String(budget.limit), spentMsat: String(budget.spent) })),
    account:
      token.budgets.length > 0
        ? null
        : {
            balanceMsat: String(balance),
            heldMsat: String(held),
            depositedMsat: String(deposited),
            spentMsat: String(spent),
            openedAt: openedAt > 0 ? openedAt : null,
          },
  };
}
