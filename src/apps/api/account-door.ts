/**
 * The door of operations that need a token and cost nothing. The credential is read where the priced ones read it, and its
 * caveats hold here too; but no invoice is made, because there is nothing to pay: whoever may not pass meets a 401 or
 * a 403. The operator's token opens none of them: an account is its holder's.
 */
import type { Request, Response, Router } from "express";
import { OracleError } from "../../core/errors.ts";
import { invitesPayment, REFUSALS, type Refusal, refusalCode } from "../../core/l402/refusal.ts";
import type { AuthenticToken } from "../../core/l402/verify.ts";
import type { Events } from "../events.ts";
import { type Contract, mount, readInput } from "./operation.ts";
import { sendProblem, title } from "./problem.ts";
import type { TokenReader } from "./token-reader.ts";

export type AccountDoorPorts = { readToken: TokenReader; events: Events };

/** `serve` answers 403 itself with {@link refuseHolder}, and then returns nothing. */
export type AccountOperation<Input, Answer> = Contract & {
  access: "token";
  serve(input: Input, token: AuthenticToken, request: Request, response: Response): Promise<Answer | undefined>;
};

/** Mounts an operation behind the door. What it answers is for its holder alone, and kept by nobody on the way. */
export function mountAccount<Input, Answer>(
  router: Router,
  ports: AccountDoorPorts,
  operation: AccountOperation<Input, Answer>,
): void {
  mount(router, operation, async (request, response) => {
    response.set("Cache-Control", "no-store");
    const token = requireToken(ports, operation, request, response);
    if (!token) return;
    const input = (await readInput(operation, request, response)) as Input;
    const data = await operation.serve(input, token, request, response);
    if (!response.headersSent) response.json({ data });
  });
}

/** The token of a request, or undefined when the refusal has been answered. @throws CREDENTIAL_REQUIRED when there is none */
export function requireToken(
  ports: AccountDoorPorts,
  operation: Contract,
  request: Request,
  response: Response,
): AuthenticToken | undefined {
  const presented = ports.readToken(request, operation);
  if (presented.kind === "none") {
    throw new OracleError("CREDENTIAL_REQUIRED", "this needs a token: send Authorization: L402 <macaroon>:<preimage>");
  }
  if (presented.kind === "token") return presented.token;
  refuseHolder(ports, response, { ...presented, operation: operation.operation });
  return undefined;
}

/** Says why a token does not open a free operation: 401 when it is none of ours, 403 when it is and may not. */
export function refuseHolder(
  ports: Pick<AccountDoorPorts, "events">,
  response: Response,
  { operation, reason, detail = TEXTS[reason] }: { operation: string; reason: Refusal; detail?: string | undefined },
): void {
  ports.events.refused(operation, reason);
  const code = refusalCode(reason);
  const status = invitesPayment(reason) ? 403 : REFUSALS[reason];
  sendProblem(response, { status, code, title: title(code), detail });
}

const TEXTS: Record<Refusal, string> = {
  missing: "this needs a token",
  expired: "this token has expired",
  exhausted: "the balance is used up",
  "over-budget": "what this token may spend is spent",
  revoked: "this token was withdrawn, or replaced by another",
  "unknown-key": "this token was minted under a key that is no longer in use",
  "out-of-scope": "this token does not allow this: use the one it was made from",
  malformed: "this is not an L402 credential: expected L402 <base64 macaroon>:<64-hex preimage>",
  forged: "the signature or the preimage does not hold",
};
