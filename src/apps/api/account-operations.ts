/** Everything about accounts that is no priced call, mounted together: buying one, seeing it, moving it to a new token. */
import type { Router } from "express";
import { mountAccount } from "./account-door.ts";
import { type Contract, mountFree } from "./operation.ts";
import { type BalancePorts, getBalance, getBalanceContract } from "./routes/get-balance.ts";
import { getPaymentStatus, getPaymentStatusContract, type PaymentStatusPorts } from "./routes/get-payment-status.ts";
import { getStatement, getStatementContract, type StatementPorts } from "./routes/get-statement.ts";
import { listTiers, listTiersContract } from "./routes/list-tiers.ts";
import { type DepositPorts, makeDeposit, makeDepositContract } from "./routes/make-deposit.ts";
import { type RotateTokenPorts, rotateToken, rotateTokenContract } from "./routes/rotate-token.ts";

export type AccountOperationsPorts = DepositPorts &
  BalancePorts &
  StatementPorts &
  PaymentStatusPorts &
  RotateTokenPorts;

/** Their contracts, in the order of the documents. */
export const accountContracts: readonly Contract[] = [
  listTiersContract,
  makeDepositContract,
  getPaymentStatusContract,
  getBalanceContract,
  getStatementContract,
  rotateTokenContract,
];

/** `priced` are the operations whose prices the tiers are about. */
export function mountAccountOperations(
  router: Router,
  ports: AccountOperationsPorts,
  facts: { priced: readonly Contract[]; keptAnswersSec: number },
): void {
  mountFree(router, listTiers(facts.priced, facts));
  mountFree(router, makeDeposit(ports));
  mountFree(router, getPaymentStatus(ports));
  mountAccount(router, ports, getBalance(ports));
  mountAccount(router, ports, getStatement(ports));
  mountAccount(router, ports, rotateToken(ports));
}
