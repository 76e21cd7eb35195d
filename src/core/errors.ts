/**
 * Every failure this program names, with the HTTP status it becomes. `docs/errors.md` explains each one,
 * and a test holds the two together.
 */
export const ERRORS = {
  AMOUNT_INVALID: 400,
  TIME_INVALID: 400,
  REQUEST_MALFORMED: 400,
  JSON_MALFORMED: 400,
  VALIDATION_FAILED: 400,
  SUBJECT_MALFORMED: 400,
  MACAROON_MALFORMED: 400,
  INVOICE_MALFORMED: 400,
  PROOF_INVALID: 400,
  EVENT_MALFORMED: 400,
  CREDENTIAL_REQUIRED: 401,
  SIGNATURE_REQUIRED: 401,
  OPERATOR_TOKEN_INVALID: 403,
  OPERATOR_TOKEN_REVOKED: 403,
  OPERATOR_TOKEN_EXPIRED: 403,
  OPERATOR_TOKEN_OUT_OF_SCOPE: 403,
  OPERATOR_TOKEN_USED_UP: 403,
  ACCESS_DENIED: 403,
  OWNERSHIP_UNPROVEN: 403,
  ROUTE_UNKNOWN: 404,
  SUBJECT_UNKNOWN: 404,
  PAYMENT_UNKNOWN: 404,
  PREDICTION_UNKNOWN: 404,
  EVIDENCE_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  SUBJECT_AMBIGUOUS: 409,
  REQUEST_IN_PROGRESS: 409,
  RETRY_KEY_REUSED: 409,
  REPORT_TOO_LATE: 409,
  BALANCE_LIMIT: 409,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  EXPECTATION_FAILED: 417,
  PAYMENT_PENDING: 425,
  UPGRADE_REQUIRED: 426,
  RATE_LIMITED: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  CONFIG_INVALID: 500,
  EVIDENCE_MALFORMED: 500,
  SIGNER_FAULTY: 500,
  GRAPH_MALFORMED: 502,
  PAYMENT_FAILED: 502,
  RELAY_REFUSED: 502,
  LND_REFUSED: 502,
  SIGNER_REFUSED: 502,
  RELAY_UNAVAILABLE: 503,
  LND_UNAVAILABLE: 503,
  SIGNER_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  GRAPH_NOT_READY: 503,
  OVERLOADED: 503,
  SHUTTING_DOWN: 503,
  TIMED_OUT: 504,
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** The one error class. Callers branch on `code`; people read `message`; `cause` keeps the origin. */
export class OracleError extends Error {
  override readonly name = "OracleError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The code of an error, or undefined when it is not one this program names. */
export function errorCode(error: unknown): ErrorCode | undefined {
  return error instanceof OracleError ? error.code : undefined;
}
