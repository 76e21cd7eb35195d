/**
 * Operator tokens: what lets the operator's own programs call without paying, and what each of them may do.
 *
 * The text is `sro_<id>_<secret>`: an id that logs and lists may show, and 32 random bytes that only the holder has.
 * Of the secret a plain SHA-256 is kept; a slow hash would protect a password, and these bytes cannot be guessed.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes, fromBase64, toBase64, toHex, utf8 } from "./bytes.ts";
import type { ErrorCode } from "./errors.ts";
import { isPrintable } from "./subject.ts";
import { type UnixSeconds, unixSeconds } from "./units.ts";

const ID_BYTES = 6;
const SECRET_BYTES = 32;

/** How many random bytes a new token is made of. */
export const OPERATOR_TOKEN_RANDOM_BYTES = ID_BYTES + SECRET_BYTES;
/** No token outlives a year: one that was forgotten ends by itself. */
export const OPERATOR_TOKEN_MAX_LIFE_SEC = 366 * 86_400;
/** The largest number of uses a token can be limited to. */
export const OPERATOR_TOKEN_MAX_USES = 1_000_000_000_000;
/** The most operations one token can name. */
export const OPERATOR_TOKEN_MAX_OPERATIONS = 32;
/** In a token's operations: every one of them. */
export const EVERY_OPERATION = "*";

const MAX_LABEL_CHARACTERS = 64;
const ID = /^[0-9a-f]{12}$/;
/** The last digit carries four bits of the secret, so that each secret has one spelling. */
const TEXT = /^sro_([0-9a-f]{12})_([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;
const OPERATION = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** What a token may do, as its maker wants it. */
export type OperatorGrant = {
  label: string;
  operations: readonly string[];
  lifeSec: number;
  maxUses: number | undefined;
};

/** A token as it is kept. `expiresAt` is exclusive: the token is dead in the second it names. */
export type OperatorToken = {
  tokenId: string;
  secretHash: Uint8Array;
  label: string;
  operations: readonly string[];
  createdAt: UnixSeconds;
  expiresAt: UnixSeconds;
  maxUses: number | undefined;
  uses: number;
  lastUsedAt: UnixSeconds | undefined;
  revokedAt: UnixSeconds | undefined;
};

/** Why an operator's credential opens nothing. All but `invalid` are told only to whoever knows the secret. */
export const OPERATOR_REFUSALS = {
  invalid: "OPERATOR_TOKEN_INVALID",
  revoked: "OPERATOR_TOKEN_REVOKED",
  expired: "OPERATOR_TOKEN_EXPIRED",
  "out-of-scope": "OPERATOR_TOKEN_OUT_OF_SCOPE",
  "used-up": "OPERATOR_TOKEN_USED_UP",
} as const satisfies Record<string, ErrorCode>;

export type OperatorRefusal = keyof typeof OPERATOR_REFUSALS;

/** Makes a token of {@link OPERATOR_TOKEN_RANDOM_BYTES} random bytes. `text` is the only copy of its secret. */
export function newOperatorToken(
  random: Uint8Array,
  grant: OperatorGrant,
  now: UnixSeconds,
): { text: string; token: OperatorToken } {
  const tokenId = toHex(random.subarray(0, ID_BYTES));
  const secret = random.subarray(ID_BYTES, OPERATOR_TOKEN_RANDOM_BYTES);
  const { label, operations, lifeSec, maxUses } = grant;
  return {
    text: `sro_${tokenId}_${toBase64(secret).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`,
    token: {
      tokenId,
      secretHash: hashOperatorSecret(secret),
      label,
      operations: operations.includes(EVERY_OPERATION) ? [EVERY_OPERATION] : [...new Set(operations)],
      createdAt: now,
      expiresAt: unixSeconds(now + lifeSec),
      maxUses,
      uses: 0,
      lastUsedAt: undefined,
      revokedAt: undefined,
    },
  };
}

/** Reads the text of a token; undefined for anything else. */
export function parseOperatorToken(text: string): { tokenId: string; secret: Uint8Array } | undefined {
  const [, tokenId, digits = ""] = TEXT.exec(text) ?? [];
  const secret = fromBase64(digits);
  return tokenId !== undefined && secret ? { tokenId, secret } : undefined;
}

/** The id in an id, or in a whole token that somebody pastes instead; undefined for anything else. */
export function parseOperatorTokenId(text: string): string | undefined {
  return ID.test(text) ? text : parseOperatorToken(text)?.tokenId;
}

/** SHA-256, of a token's secret or of the plain secret of the settings. */
export function hashOperatorSecret(secret: Uint8Array | string): Uint8Array {
  return sha256(typeof secret === "string" ? utf8(secret) : secret);
}

/** Compared with when there is no token of that id, so that an unknown id takes as long as a wrong secret. */
const NO_HASH = new Uint8Array(32);

/** Whether a secret is the one whose hash is kept. Takes the same time whatever differs, and when nothing is kept. */
export function isOperatorSecret(secret: Uint8Array | string, keptHash: Uint8Array | undefined): boolean {
  const same = equalBytes(hashOperatorSecret(secret), keptHash ?? NO_HASH);
  return same && keptHash !== undefined;
}

/** What stands against using a token for an operation; undefined when nothing does. */
export function checkOperatorToken(
  token: OperatorToken,
  request: { operation: string; now: UnixSeconds },
): Exclude<OperatorRefusal, "invalid"> | undefined {
  if (token.revokedAt !== undefined) return "revoked";
  if (request.now >= token.expiresAt) return "expired";
  const { operations } = token;
  if (!operations.includes(request.operation) && !operations.includes(EVERY_OPERATION)) return "out-of-scope";
  return token.maxUses !== undefined && token.uses >= token.maxUses ? "used-up" : undefined;
}

/** Whether a text can name an operation, or {@link EVERY_OPERATION}. */
export function isOperationName(text: string): boolean {
  return text === EVERY_OPERATION || OPERATION.test(text);
}

/** Whether a text can label a token: short, and safe to print. */
export function isOperatorLabel(text: string): boolean {
  const length = [...text].length;
  return length >= 1 && length <= MAX_LABEL_CHARACTERS && isPrintable(text);
}
