/**
 * Why a credential opens nothing, and the status that tells its holder what to do.
 *
 * Deployed clients recover through a 402 that carries a challenge and keep their token on a 401, so each refusal that
 * paying would mend is a 402.
 */
export const REFUSALS = {
  missing: 402,
  expired: 402,
  exhausted: 402,
  "over-budget": 402,
  revoked: 402,
  "unknown-key": 402,
  "out-of-scope": 402,
  malformed: 401,
  forged: 401,
} as const;

/** A reason to refuse. Each has its answer in {@link REFUSALS}, or it cannot be written. */
export type Refusal = keyof typeof REFUSALS;

const CODES = {
  missing: "PAYMENT_REQUIRED",
  expired: "TOKEN_EXPIRED",
  exhausted: "BALANCE_EXHAUSTED",
  "over-budget": "BUDGET_EXHAUSTED",
  revoked: "TOKEN_REVOKED",
  "unknown-key": "TOKEN_KEY_RETIRED",
  "out-of-scope": "TOKEN_OUT_OF_SCOPE",
  malformed: "CREDENTIAL_MALFORMED",
  forged: "CREDENTIAL_INVALID",
} as const satisfies Record<Refusal, string>;

/** The name of a refusal in an answer. Stable: programs branch on it. */
export type RefusalCode = (typeof CODES)[Refusal];

/** The public code of a refusal. */
export function refusalCode(refusal: Refusal): RefusalCode {
  return CODES[refusal];
}

/** A 402 says "pay and come back". Paying would not mend a 401, so a 401 offers no invoice. */
export function invitesPayment(refusal: Refusal): boolean {
  return REFUSALS[refusal] === 402;
}
