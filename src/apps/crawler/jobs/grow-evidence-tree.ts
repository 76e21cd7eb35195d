/** Job: hash what the evidence log has new, so that any entry can be proved at once. */
import type { Database } from "../../../adapters/postgres/connect.ts";
import { evidenceTree } from "../../../adapters/postgres/evidence-tree.ts";
import type { Job } from "../../../adapters/postgres/jobs.ts";

/** Readers hash the rest themselves, up to 2,048 entries: far more than are written in that time. */
const EVERY_SEC = 30;
const TIMEOUT_SEC = 1_800;

export function growEvidenceTreeJob({ database, signal }: { database: Database; signal: AbortSignal }): Job {
  const tree = evidenceTree(database);
  return {
    name: "grow-evidence-tree",
    everySec: EVERY_SEC,
    timeoutSec: TIMEOUT_SEC,
    async run() {
      return { taken: await tree.grow(signal) };
    },
  };
}
