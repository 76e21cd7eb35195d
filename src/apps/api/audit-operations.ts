/** What anybody may check us by, mounted together. */
import type { Router } from "express";
import type { Database } from "../../adapters/postgres/connect.ts";
import { endpointGroundsView } from "../../adapters/postgres/endpoint-grounds.ts";
import { evidenceTable } from "../../adapters/postgres/evidence.ts";
import { evidenceTree } from "../../adapters/postgres/evidence-tree.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import type { LimitPorts } from "./hold-to-limit.ts";
import { type Contract, mountFree } from "./operation.ts";
import {
  evidenceHeadContract,
  getEvidenceContract,
  listEvidenceContract,
  proveEvidenceContract,
  proveGrowthContract,
  readEvidence,
} from "./routes/read-evidence.ts";
import { getGrounds, getGroundsContract, getModel, getModelContract } from "./routes/read-grounds.ts";

/** How often an address range may read in a minute: pages of 1,000 entries make that 600,000. */
const READINGS_PER_MINUTE = 600;

export const auditContracts: readonly Contract[] = [
  evidenceHeadContract,
  listEvidenceContract,
  getEvidenceContract,
  proveEvidenceContract,
  proveGrowthContract,
  getGroundsContract,
  getModelContract,
];

export function mountAudit(router: Router, database: Database, events: LimitPorts["events"]): void {
  const takeReading = prefixLimit(database, "audit", READINGS_PER_MINUTE).take;
  const log = evidenceTable(database);
  for (const operation of readEvidence({ log, tree: evidenceTree(database), takeReading, events }))
    mountFree(router, operation);
  const grounds = { ...endpointGroundsView(database), takeReading, events };
  mountFree(router, getGrounds(grounds));
  mountFree(router, getModel(grounds));
}
