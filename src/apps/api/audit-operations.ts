/** What anybody may check us by, mounted together. */
import type { Router } from "express";
import type { Database } from "../../adapters/postgres/connect.ts";
import { endpointGroundsView } from "../../adapters/postgres/endpoint-grounds.ts";
import { evidenceTable } from "../../adapters/postgres/evidence.ts";
import { evidenceTree } from "../../adapters/postgres/evidence-tree.ts";
import { heartbeatView } from "../../adapters/postgres/heartbeat.ts";
import { nostrKeyTable } from "../../adapters/postgres/nostr-key.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { saidView } from "../../adapters/postgres/said.ts";
import { now } from "../clock.ts";
import type { LimitPorts } from "./hold-to-limit.ts";
import { type Contract, mountFree } from "./operation.ts";
import { bundleRouter } from "./routes/get-bundle.ts";
import { getDossier, getDossierContract } from "./routes/get-dossier.ts";
import { getProviders, getProvidersContract } from "./routes/get-providers.ts";
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
const DOSSIERS_PER_MINUTE = 60;
const BUNDLES_PER_MINUTE = 6;

export const auditContracts: readonly Contract[] = [
  evidenceHeadContract,
  listEvidenceContract,
  getEvidenceContract,
  proveEvidenceContract,
  proveGrowthContract,
  getGroundsContract,
  getModelContract,
  getDossierContract,
  getProvidersContract,
];

export function mountAudit(
  router: Router,
  { database, events, origin }: { database: Database; events: LimitPorts["events"]; origin: () => string },
): void {
  const takeReading = prefixLimit(database, "audit", READINGS_PER_MINUTE).take;
  const log = evidenceTable(database);
  const tree = evidenceTree(database);
  for (const operation of readEvidence({ log, tree, takeReading, events })) mountFree(router, operation);
  const grounds = { ...endpointGroundsView(database), takeReading, events };
  mountFree(router, getGrounds(grounds));
  mountFree(router, getModel(grounds));
  const said = { ...outboxTable(database), ...heartbeatView(database), ...saidView(database) };
  const { list } = nostrKeyTable(database);
  const brand = async () => (await list()).find(isBrand)?.pubkey;
  const takeDossier = prefixLimit(database, "dossier", DOSSIERS_PER_MINUTE).take;
  const takeBundle = prefixLimit(database, "bundle", BUNDLES_PER_MINUTE).take;
  const { newestCalls } = log;
  const { groundsOf } = grounds;
  const { paths } = tree;
  mountFree(router, getDossier({ ...said, brand, groundsOf, newestCalls, paths, takeDossier, events }));
  mountFree(router, getProviders({ list, origin, takeReading, events }));
  router.use(bundleRouter({ ...said, takeBundle, events, now }));
}

const isBrand = ({ role, until }: { role: string; until?: number | undefined }) =>
  role === "brand" && until === undefined;
