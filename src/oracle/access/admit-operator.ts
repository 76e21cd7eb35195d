/**
 * Admission without payment, for the operator's own programs: who asks is found out first, and written down before
 * anything is served.
 *
 * The two steps are apart because a request may still turn out to be invalid in between: only one that is served is
 * counted and leaves a row.
 */
import { OracleError } from "../../core/errors.ts";
import {
  checkOperatorToken,
  isOperatorSecret,
  OPERATOR_REFUSALS,
  type OperatorRefusal,
  type OperatorToken,
  parseOperatorToken,
} from "../../core/operator-token.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** What the operator's door needs from outside. */
export type OperatorPorts = {
  /** SHA-256 of the plain secret, when the settings have one. */
  secretHash: Uint8Array | undefined;
  findToken(tokenId: string): Promise<OperatorToken | undefined>;
  /** Uses a token once and writes the audit row, or does neither and says why. Atomic. */
  useToken(use: TokenCall): Promise<{ used: true } | { used: false; reason: OperatorRefusal }>;
  /** Writes the audit row of a call under the plain secret. */
  useSecret(use: OperatorCall): Promise<void>;
  /** Seconds for which an address range may present nothing more; 0 when it may. No I/O. */
  guessWaitSec(addressRange: string, now: UnixSeconds): number;
  /** Counts one wrong credential; gives the seconds to wait when it was one too many, otherwise 0. */
  takeGuess(addressRange: string, now: UnixSeconds): Promise<number>;
};

/** A call to be served. `at` is when. */
export type OperatorCall = { operation: string; requestId: string; address: string; at: UnixSeconds };
type TokenCall = OperatorCall & { tokenId: string };

/** The operator, by what proved it. The id of a token is public. */
export type Operator = { by: "secret" } | { by: "token"; tokenId: string };

/** Why nothing is served. The id is there when the secret was right. */
export type OperatorRefused =
  | { reason: OperatorRefusal; tokenId?: string }
  | { reason: "limited"; retryAfterSec: number };

declare const audited: unique symbol;
/** Proof that the audit row of one call is committed. Only this file makes one. */
export type AuditedUse = Operator & { readonly [audited]: true };

const MAX_LINES = 4;
const MAX_LINE_CHARACTERS = 16_384;

/**
 * Finds out who presents these lines of `X-Operator-Token`, and whether they may call this operation now. Writes nothing
 * for a right credential; a wrong one is counted, and a range with too many is refused before anything is compared.
 */
export async function identifyOperator(
  ports: OperatorPorts,
  request: { presented: readonly string[]; operation: string; addressRange: string; now: UnixSeconds },
): Promise<{ known: true; operator: Operator } | { known: false; refused: OperatorRefused }> {
  const { operation, addressRange, now } = request;
  const waitSec = ports.guessWaitSec(addressRange, now);
  if (waitSec > 0) return { known: false, refused: { reason: "limited", retryAfterSec: waitSec } };

  const text = agreedLine(request.presented);
  if (text !== undefined) {
    if (isOperatorSecret(text, ports.secretHash)) return { known: true, operator: { by: "secret" } };
    const token = await findHolder(ports, text);
    if (token) {
      const { tokenId } = token;
      const reason = checkOperatorToken(token, { operation, now });
      return reason
        ? { known: false, refused: { reason, tokenId } }
        : { known: true, operator: { by: "token", tokenId } };
    }
  }

  const retryAfterSec = await ports.takeGuess(addressRange, now);
  const refused: OperatorRefused = retryAfterSec > 0 ? { reason: "limited", retryAfterSec } : { reason: "invalid" };
  return { known: false, refused };
}

/**
 * Uses what {@link identifyOperator} found, once. The call may be served only when this gives its proof: the row is
 * committed by then, and whatever has ended in the meantime ends here.
 */
export async function useOperator(
  ports: OperatorPorts,
  operator: Operator,
  call: OperatorCall,
): Promise<{ served: true; use: AuditedUse } | { served: false; refused: OperatorRefused }> {
  if (operator.by === "secret") {
    await ports.useSecret(call);
    return { served: true, use: operator as AuditedUse };
  }
  const { tokenId } = operator;
  const result = await ports.useToken({ ...call, tokenId });
  if (!result.used) return { served: false, refused: { reason: result.reason, tokenId } };
  return { served: true, use: operator as AuditedUse };
}

/** The one text that every line says; undefined when they disagree, or are more than anybody sends. */
function agreedLine(lines: readonly string[]): string | undefined {
  const [first, ...others] = lines.slice(0, MAX_LINES + 1);
  if (first === undefined || lines.length > MAX_LINES || first.length > MAX_LINE_CHARACTERS) return undefined;
  return others.every((line) => line === first) ? first : undefined;
}

/** The token whose secret this text holds. */
async function findHolder(ports: OperatorPorts, text: string): Promise<OperatorToken | undefined> {
  const presented = parseOperatorToken(text);
  if (!presented) return undefined;
  const token = await ports.findToken(presented.tokenId);
  return isOperatorSecret(presented.secret, token?.secretHash) ? token : undefined;
}

const TEXTS: Record<OperatorRefusal, string> = {
  invalid: "this operator token is not known",
  revoked: "this operator token was revoked",
  expired: "this operator token has expired",
  "out-of-scope": "this operator token does not open this operation",
  "used-up": "this operator token has no uses left",
};

/** A refusal as the failure it is to the caller. */
export function operatorError(refused: OperatorRefused): OracleError {
  if (refused.reason === "limited") {
    return new OracleError("RATE_LIMITED", "too many unknown operator tokens from here; wait, or leave the header out");
  }
  const text = `${TEXTS[refused.reason]}; leave the header out to pay instead`;
  return new OracleError(OPERATOR_REFUSALS[refused.reason], text);
}
