/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a caller's promise that two requests are the same one, so
 * that the second is answered as the first was and costs nothing.
 */
import { createHash } from "node:crypto";
import type { Request } from "express";
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import type { Budget, RetryKey } from "../../core/l402/account.ts";

/**
 * The key of a request, with a digest of what it asks, method, path, query and body, and of the budgets it is asked under:
 * an account's narrowed tokens do not get each other's answers. Quotes around the key, which the draft
 * wants and few send, are taken off.
 * @throws VALIDATION_FAILED unless 1 to 255 printable ASCII characters, once
 */
export function readRetryKey(request: Request, budgets: readonly Budget[]): RetryKey | undefined {
  const lines = request.headersDistinct["idempotency-key"];
  if (lines === undefined) return undefined;
  const key = /^"(.*)"$/.exec(lines[0] ?? "")?.[1] ?? lines[0] ?? "";
  if (lines.length !== 1 || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new OracleError("VALIDATION_FAILED", "Idempotency-Key: one value of 1 to 255 printable characters is needed");
  }
  const under = budgets.map(({ budgetId }) => toHex(budgetId));
  const question = JSON.stringify([request.method, request.originalUrl, request.body ?? null, under]);
  return { key, fingerprint: createHash("sha256").update(question).digest() };
}
