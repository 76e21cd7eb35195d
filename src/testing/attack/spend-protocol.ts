/** What the driver of a spending attack and its payers tell each other over Node's channel between parent and child. */
import type { PaymentLimits } from "../../core/spend/policy.ts";

/** To a payer that waits: begin. Its node is the driver's, reached through LND's own interface. */
export type BeginSpending = {
  kind: "begin";
  databaseUrl: string;
  host: string;
  tlsCertPath: string;
  payMacaroonPath: string;
  readonlyMacaroonPath: string;
  limits: PaymentLimits;
  /** The length of the budget's windows: a day in life, seconds here. */
  windowSec: number;
  /** How often it looks after payments nobody knows the end of. */
  resolveMs: number;
};

export type ToPayer = BeginSpending | { kind: "pay"; id: number; invoice: string; subject: string };
/** `done` with the state of the payment, or why it was not sent. */
export type ToSpendDriver =
  | { kind: "ready" }
  | { kind: "done"; id: number; word: string }
  | { kind: "resolved"; count: number }
  | { kind: "failure"; line: string };
