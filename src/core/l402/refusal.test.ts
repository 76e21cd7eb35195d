/** Each refusal, its status and its code: programs branch on both. */
import { expect, test } from "vitest";
import { invitesPayment, REFUSALS, type Refusal, refusalCode } from "./refusal.ts";

test("every refusal has its answer", () => {
  const answers = Object.entries(REFUSALS).map(([reason, status]) => [reason, status, refusalCode(reason as Refusal)]);
  expect(answers).toEqual([
    ["missing", 402, "PAYMENT_REQUIRED"],
    ["expired", 402, "TOKEN_EXPIRED"],
    ["exhausted", 402, "BALANCE_EXHAUSTED"],
    ["over-budget", 402, "BUDGET_EXHAUSTED"],
    ["revoked", 402, "TOKEN_REVOKED"],
    ["unknown-key", 402, "TOKEN_KEY_RETIRED"],
    ["out-of-scope", 402, "TOKEN_OUT_OF_SCOPE"],
    ["malformed", 401, "CREDENTIAL_MALFORMED"],
    ["forged", 401, "CREDENTIAL_INVALID"],
  ]);
});

test("a 402 invites payment and a 401 does not", () => {
  const inviting = (Object.keys(REFUSALS) as Refusal[]).filter(invitesPayment);
  expect(inviting).toEqual([
    "missing",
    "expired",
    "exhausted",
    "over-budget",
    "revoked",
    "unknown-key",
    "out-of-scope",
  ]);
});
