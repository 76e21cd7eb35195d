/** What the holder of a token sees: what this token may spend, and, unless it was handed a part only, the whole account. */
import { OracleError } from "../../core/errors.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type ClaimPorts, claimPayment } from "../access/claim-payment.ts";

/** What the view needs from outside. */
export type AccountPorts = ClaimPorts & {
  /** Undefined for an account that was never paid for. */
  account(tokenId: Uint8Array): Promise<(AccountState & { revokedAt: UnixSeconds | undefined }) | undefined>;
  /** What a budget has given out; nothing before its first use. */
  budgetSpent(budgetId: Uint8Array): Promise<Msat>;
};

/** An account as a whole. `held` is what running calls hold, and is no longer in the balance. */
export type AccountState = { balance: Msat; held: Msat; deposited: Msat; spent: Msat; openedAt: UnixSeconds };

/** `spendable` is the least of the balance and of what each budget has left; all of the account's amounts are its own. */
export type AccountView = {
  spendable: Msat;
  budgets: { limit: Msat; spent: Msat }[];
  account: AccountState;
};

/**
 * Books the token's payment, if that has not happened, and reads its account. Undefined when the account was revoked.
 * @throws PAYMENT_PENDING when LND has not settled the invoice yet, LND_UNAVAILABLE when it cannot be asked
 */
export async function readAccount(
  ports: AccountPorts,
  token: AuthenticToken,
  now: UnixSeconds,
): Promise<AccountView | undefined> {
  const isBooked = await claimPayment(ports, token, now);
  const found = await ports.account(token.tokenId);
  if (found?.revokedAt !== undefined) return undefined;
  if (!found && !isBooked)
    throw new OracleError("PAYMENT_PENDING", "the payment has not arrived; ask again in a moment");
  // Without an account, somebody else has claimed this payment: an invoice that strangers shared.
  const account = found ?? NEVER_OPENED;
  const budgets = await Promise.all(
    token.budgets.map(async ({ budgetId, limit }) => ({ limit, spent: await ports.budgetSpent(budgetId) })),
  );
  const left = [account.balance, ...budgets.map(({ limit, spent }) => limit - spent)];
  return { spendable: msat(left.reduce((least, each) => (each < least ? each : least))), budgets, account };
}

const NONE = msat(0n);
const NEVER_OPENED: AccountState = {
  balance: NONE,
  held: NONE,
  deposited: NONE,
  spent: NONE,
  openedAt: 0 as UnixSeconds,
};
