/** The operator's way through the gate: `X-Operator-Token` in place of a payment. */
import type { Response } from "express";
import type { Database } from "../../adapters/postgres/connect.ts";
import { operatorGuesses } from "../../adapters/postgres/operator-guess.ts";
import { operatorTokenTable } from "../../adapters/postgres/operator-token.ts";
import { operatorUseTable } from "../../adapters/postgres/operator-use.ts";
import { hashOperatorSecret } from "../../core/operator-token.ts";
import type { UnixSeconds } from "../../core/units.ts";
import {
  type AuditedUse,
  identifyOperator,
  type Operator,
  type OperatorPorts,
  type OperatorRefused,
  operatorError,
  useOperator,
} from "../../oracle/access/admit-operator.ts";
import { addressPrefix } from "./address.ts";

/** Wrong credentials that one address range may present in a minute. */
const GUESSES_PER_MINUTE = 10;

/** What the operator's way needs; the gate's own ports include it. */
export type OperatorGatePorts = {
  operator: OperatorPorts;
  now(): UnixSeconds;
  events: {
    operatorServed(operation: string, address: string, operator: Operator): void;
    operatorRefused(operation: string, address: string, refused: OperatorRefused): void;
  };
};

/** The verbs of the operator's door on one database. Of the plain secret, only its hash is kept. */
export function operatorPorts(
  database: Database,
  plainSecret: string | undefined,
  guessesPerMinute = GUESSES_PER_MINUTE,
): OperatorPorts {
  const tokens = operatorTokenTable(database);
  const guesses = operatorGuesses(database, { perRange: guessesPerMinute });
  return {
    secretHash: plainSecret === undefined ? undefined : hashOperatorSecret(plainSecret),
    findToken: tokens.find,
    useToken: tokens.use,
    useSecret: operatorUseTable(database).append,
    guessWaitSec: guesses.waitSec,
    takeGuess: guesses.take,
  };
}

/** Who presents these lines. Nothing is used yet. @throws the operator's refusals, and RATE_LIMITED */
export async function findOperator(
  ports: OperatorGatePorts,
  response: Response,
  { presented, operation, address }: { presented: string[]; operation: string; address: string },
): Promise<Operator> {
  const request = { presented, operation, addressRange: addressPrefix(address), now: ports.now() };
  const found = await identifyOperator(ports.operator, request);
  if (found.known) return found.operator;
  ports.events.operatorRefused(operation, address, found.refused);
  if (found.refused.reason === "limited") response.set("Retry-After", String(found.refused.retryAfterSec));
  throw operatorError(found.refused);
}

/** Uses a credential once and leaves its audit row: with this proof the call may be served. @throws the operator's refusals */
export async function auditOperator(
  ports: OperatorGatePorts,
  response: Response,
  operator: Operator,
  { operation, address }: { operation: string; address: string },
): Promise<AuditedUse> {
  const requestId = String(response.locals["requestId"]);
  const result = await useOperator(ports.operator, operator, { operation, requestId, address, at: ports.now() });
  if (result.served) {
    ports.events.operatorServed(operation, address, operator);
    return result.use;
  }
  ports.events.operatorRefused(operation, address, result.refused);
  throw operatorError(result.refused);
}
