/**
 * Delegated budgets: `satrank_max_sats=<n>` hands out a part of an account, offline and without asking anybody.
 *
 * Whoever holds a token appends the caveat and gives the child away; what the child spends counts against its budget
 * and against the account. A grandchild inherits the budgets of all its ancestors, because their caveats are above
 * its own. Two children written with the same text are the same macaroon and share one budget: a foreign caveat
 * before it, such as `nonce=1`, tells them apart.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8 } from "../bytes.ts";
import type { Budget } from "./account.ts";
import type { Terms } from "./terms.ts";

const BUDGET_LABEL = utf8("satrank budget");

/**
 * The budget of each spending cap, outermost first. `signatures` are those of the chain, one after each caveat.
 *
 * The signature right after the caveat names the child and everything above it. It is also the child's secret, from
 * which its holder could be impersonated, so only a hash of it is stored and compared.
 */
export function budgetsOf(tokenId: Uint8Array, terms: Terms, signatures: readonly Uint8Array[]): Budget[] {
  return terms.spendingCaps.map(({ limit, caveatIndex }) => ({
    budgetId: sha256(concatBytes(BUDGET_LABEL, tokenId, signatures[caveatIndex]!)),
    limit,
  }));
}

/**
 * Whether a payment may credit the account through this token. Not through a child with a budget: the macaroon of a
 * top-up is about another payment, so its caveats would make budgets with fresh ids, and the child would get its whole
 * allowance of the parent's balance again for the price of a call.
 */
export function mayTopUp(token: { readonly terms: Terms; readonly budgets: readonly Budget[] }): boolean {
  return token.terms.satisfiable && token.budgets.length === 0;
}
