/** A paid call in five stages, each of which can only go well or badly once those before it went well. */
import type { Msat } from "../units.ts";
import type { Method } from "./endpoint.ts";

/**
 * challenge: asked without payment, it answers 402 with a challenge that can be read; invoice: what it asks to pay is what it
 * says, and payable; payment: the invoice's payee can be reached and paid; delivery: whoever paid is answered with success;
 * quality: the body is what was promised.
 */
export const STAGES = ["challenge", "invoice", "payment", "delivery", "quality"] as const;
export type Stage = (typeof STAGES)[number];

/** How a call ended: every stage before `stage` went well, `stage` did or did not, and of later ones nothing is known. */
export type CallEnd = {
  readonly stage: Stage;
  readonly good: boolean;
  /** What was seen there, in upper case: "OK", "AMOUNT_DIFFERS", "STATUS_5XX". */
  readonly code: string;
};

/** One call of an endpoint, as far as it got. What we cannot blame on the endpoint is no call at all. */
export type Call = CallEnd & {
  /** SHA-256 of the normalised URL, 64 lower-case hex digits. */
  readonly endpoint: string;
  readonly method: Method;
  /** What the invoice asked. Absent before one was read. */
  readonly price?: Msat;
  /** Who the invoice pays, 66 lower-case hex digits. */
  readonly payee?: string;
  /** From the request to the end of the answer: of the last request that was answered. */
  readonly latencyMs?: number;
};
