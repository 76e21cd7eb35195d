/** Every operation's contract, with the prices of a configuration. */
import { type Msat, msat } from "../../core/units.ts";
import { accountContracts } from "./account-operations.ts";
import { auditContracts } from "./audit-operations.ts";
import type { Contract } from "./operation.ts";
import { disputeContract, replyContract, statementsContract } from "./routes/answer-evidence.ts";
import { claimNodeContract, withdrawNodeClaimContract } from "./routes/claim-node.ts";
import { getCalibrationContract } from "./routes/get-calibration.ts";
import { getHealthContract, getLivenessContract, getReadinessContract } from "./routes/get-health.ts";
import { getNodeContract } from "./routes/get-node.ts";
import { getRelaysContract } from "./routes/get-relays.ts";
import { getServiceContract } from "./routes/get-service.ts";
import { listNodesContract, searchNodesContract } from "./routes/list-nodes.ts";
import { listCategoriesContract, listServicesContract } from "./routes/list-services.ts";
import { amendServiceContract, registerServiceContract, withdrawServiceContract } from "./routes/register-service.ts";
import { reportOutcomeContract } from "./routes/report-outcome.ts";
import { resolveIntentContract } from "./routes/resolve-intent.ts";

/** What operators do with their own nodes and endpoints, and what everybody may see of it. */
export const operatorContracts: readonly Contract[] = [
  claimNodeContract,
  withdrawNodeClaimContract,
  registerServiceContract,
  amendServiceContract,
  withdrawServiceContract,
  replyContract,
  disputeContract,
  statementsContract,
];

const DEFAULT_PRICE = msat(1_000n);

export function apiContracts(intentPrice: Msat = DEFAULT_PRICE, profilePrice: Msat = DEFAULT_PRICE): Contract[] {
  return [
    { ...resolveIntentContract, price: intentPrice },
    { ...getNodeContract, price: profilePrice },
    { ...getServiceContract, price: profilePrice },
    listNodesContract,
    searchNodesContract,
    listServicesContract,
    listCategoriesContract,
    ...operatorContracts,
    ...auditContracts,
    getCalibrationContract,
    getRelaysContract,
    reportOutcomeContract,
    getHealthContract,
    getLivenessContract,
    getReadinessContract,
    ...accountContracts,
  ];
}
