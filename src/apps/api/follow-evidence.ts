/** Brings the evidence log to the verdict thread, page by page, and tells it when what it knows has grown older. */
import type { ChainHead, Link } from "../../core/evidence/chain.ts";
import { beliefInstant, EVIDENCE_WINDOW_SEC } from "../../core/probe/believe.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { VerdictThread } from "../verdict-thread.ts";

/** The log as it is stored. */
export type EvidenceLog = {
  /** The place after which everything observed since an instant comes. */
  placeBefore(at: UnixSeconds): Promise<ChainHead>;
  /** At most `limit` observations of the network after a position, in their order. */
  networkPage(after: bigint, limit: number): Promise<Link[]>;
};

const PAGE = 1_000;

/** @returns what to call from time to time; one call at a time */
export function followEvidence(
  log: EvidenceLog,
  thread: Pick<VerdictThread, "learn">,
  now: () => UnixSeconds,
): () => Promise<void> {
  let told: ChainHead | undefined;
  return async () => {
    const at = beliefInstant(now());
    for (let more = true; more; ) {
      const begins = told === undefined;
      const after: ChainHead = told ?? (await log.placeBefore((at - EVIDENCE_WINDOW_SEC) as UnixSeconds));
      const entries = await log.networkPage(after.position, PAGE);
      more = entries.length === PAGE;
      if (!(await thread.learn({ begins, after, entries, at, more }))) {
        // The thread was started again and holds nothing; the next call tells it everything.
        told = undefined;
        return;
      }
      told = entries.at(-1) ?? after;
    }
  };
}
