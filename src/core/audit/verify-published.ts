/** Whether a published event may be relied on: by itself, by who announces its author, and by what it was drawn from. */
import { type SignedEvent, tagValue } from "../nip85/event.ts";
import { URL_TYPE } from "../nip85/identifier.ts";
import { KIND } from "../nip85/kinds.ts";
import { verifyEvent } from "../nip85/verify.ts";
import type { UnixSeconds } from "../units.ts";
import { type Announcer, checkAuthor } from "./check-author.ts";
import { checkEvidence } from "./check-evidence.ts";
import { checkCurrent, checkHeartbeat } from "./check-standing.ts";
import type { Dossier } from "./dossier.ts";
import type { Finding } from "./finding.ts";

/** Valid: nothing that could be checked fails. `believed` names what a reader has to take from the oracle all the same. */
export type Verdict = {
  readonly holds: boolean;
  readonly findings: readonly Finding[];
  readonly believed: readonly string[];
  readonly event?: SignedEvent;
};

export type PublishedOptions = Announcer & { readonly author?: string | undefined; readonly now: UnixSeconds };

/** Verifies an event given as JSON text or as parsed JSON, by whatever else is at hand. Never throws, whatever the input. */
export function verifyPublished(json: unknown, dossier: Dossier, options: PublishedOptions): Verdict {
  const { now, author } = options;
  const { checks, event, holds } = verifyEvent(json, { now, expectedPubkey: author });
  // What nobody signed is not held against anything.
  if (!event || !holds) return { holds: false, findings: checks, believed: [], ...(event && { event }) };
  const isAboutUrl = event.kind === KIND.aboutIdentifier && tagValue(event, "k") === URL_TYPE;
  const evidence = isAboutUrl ? checkEvidence(event, dossier) : { findings: [], believed: [] };
  const findings = [
    ...checks,
    ...checkAuthor(event, dossier, options),
    checkCurrent(event, dossier),
    checkHeartbeat(event, dossier, now),
    ...evidence.findings,
  ];
  return { holds: findings.every((each) => each.holds !== false), findings, believed: evidence.believed, event };
}
