/** The evidence that a thread's worlds are drawn from: the log as far as it has been told of it. */
import { toHex } from "../core/bytes.ts";
import { decodeEvidence } from "../core/evidence/canonical.ts";
import type { ChainHead, Link } from "../core/evidence/chain.ts";
import type { Evidence } from "../core/evidence/observation.ts";
import { openRecentEvidence, type RecentEvidence } from "../core/evidence/recent.ts";
import type { BeliefVersion } from "../core/intent/decision.ts";
import { NO_GROUNDS } from "../core/intent/evidence.ts";
import { EVIDENCE_LIMIT, EVIDENCE_WINDOW_SEC } from "../core/probe/believe.ts";
import type { UnixSeconds } from "../core/units.ts";

/**
 * Entries that follow `after`, in their order. `begins` opens the book there, whatever it held; `at` is the instant that ages
 * are counted to; with `more` further entries come at once.
 */
export type EvidenceNews = {
  readonly begins: boolean;
  readonly after: ChainHead;
  readonly entries: readonly Link[];
  readonly at: UnixSeconds;
  readonly more: boolean;
};

/** Holds nothing yet. */
export function openEvidenceBook() {
  let recent: RecentEvidence | undefined;
  let version: BeliefVersion = NO_GROUNDS.version;

  return {
    version: () => version,
    /** What beliefs are made of now, oldest first. */
    read: (): readonly Evidence[] => recent?.at(version.at) ?? [],
    /** False for news that do not follow what the book holds; it then stays as it is. @throws EVIDENCE_MALFORMED */
    take({ begins, after, entries, at }: EvidenceNews): boolean {
      if (begins) recent = openRecentEvidence(EVIDENCE_WINDOW_SEC, EVIDENCE_LIMIT);
      else if (!recent || after.position !== version.position) return false;
      recent?.add(entries.map(({ position, text }) => ({ position, evidence: decodeEvidence(text) })));
      const { position, hash } = entries.at(-1) ?? after;
      version = { position, head: toHex(hash), at };
      return true;
    },
  };
}
