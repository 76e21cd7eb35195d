/** Publishing: which scores are news, signed and put into the outbox. Sending them is another verb and another moment. */
import { type NodeAssertion, nodeAssertion } from "../../core/nip85/assertion.ts";
import { contentHash } from "../../core/nip85/content-hash.ts";
import { type SignedEvent, tagValue, type UnsignedEvent } from "../../core/nip85/event.ts";
import { type Network, nodeIdentifier } from "../../core/nip85/identifier.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { lintEvent } from "../../core/nip85/lint.ts";
import {
  nextCreatedAt,
  type PublishedVersion,
  REPUBLISH_REASONS,
  type RepublishReason,
  republishReason,
} from "../../core/nip85/republish.ts";
import type { Fault } from "../../core/nip85/subject-faults.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type PublishPorts = {
  /** The newest version under each of these addresses, sent or not; absent when never published. */
  findPublished(
    key: { kind: number; pubkey: string },
    addresses: readonly string[],
  ): Promise<Map<string, PublishedVersion>>;
  /** The events in order, signed by their authors' keys. */
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** Makes these the versions to send. Atomic per call; an older version never replaces a newer one. */
  stage(
    events: readonly { event: SignedEvent; subject: string; priority: number }[],
    now: UnixSeconds,
  ): Promise<number>;
};

export type PublishRequest = {
  scores: readonly NodeAssertion[];
  /** The service key of the node algorithm. */
  pubkey: string;
  origin: string;
  network: Network;
  now: UnixSeconds;
  signal: AbortSignal;
};

/** A score that was not signed, and the rules it broke. */
export type RefusedScore = { nodeKey: string; faults: Fault[] };

export type PublishReport = {
  considered: number;
  unchanged: number;
  staged: number;
  reasons: Record<RepublishReason, number>;
  refusedCount: number;
  /** The first few of them. */
  refused: RefusedScore[];
};

/** Bounds the memory of one step, and how long the event loop is held by it. */
const CHUNK = 32;
const MAX_REFUSED_LISTED = 20;
/** What is sent first: news before small changes before renewals. Identity events (0) and retractions (1) precede them. */
const PRIORITY: Record<RepublishReason, number> = {
  new: 2,
  band: 2,
  rank: 3,
  interval: 3,
  count: 3,
  text: 3,
  renewal: 4,
};

/**
 * Stages one event for each score that is news, was never published or is about to expire, and leaves the others alone:
 * running it twice publishes nothing the second time. A score that fails the lint is reported and not signed. When
 * aborted, it stops between two chunks and reports what was done.
 */
export async function publishAssertions(ports: PublishPorts, request: PublishRequest): Promise<PublishReport> {
  const report = emptyReport();
  for (let from = 0; from < request.scores.length && !request.signal.aborted; from += CHUNK) {
    const chunk = request.scores.slice(from, from + CHUNK);
    await publishChunk(ports, request, chunk, report);
  }
  return report;
}

type Draft = { event: UnsignedEvent; nodeKey: string; reason: RepublishReason };

async function publishChunk(
  ports: PublishPorts,
  request: PublishRequest,
  scores: readonly NodeAssertion[],
  report: PublishReport,
): Promise<void> {
  const key = { kind: KIND.aboutIdentifier, pubkey: request.pubkey };
  const addressed = scores.map((score) => ({ score, address: nodeIdentifier(score.nodeKey, request.network) }));
  const published = await ports.findPublished(
    key,
    addressed.map(({ address }) => address),
  );

  const drafts: Draft[] = [];
  for (const { score, address } of addressed) {
    const previous = published.get(address);
    const draft = draftVersion(score, request, previous);
    const faults = draft ? lintVersion(draft.event, request, previous) : [];
    report.considered++;
    if (!draft) report.unchanged++;
    else if (faults.length === 0) drafts.push(draft);
    else refuse(report, score.nodeKey, faults);
  }

  const signed = await ports.sign(drafts.map(({ event }) => event));
  const staged = signed.map((event, index) => {
    const { nodeKey, reason } = drafts[index]!;
    return { event, subject: nodeKey, priority: PRIORITY[reason] };
  });
  report.staged += staged.length > 0 ? await ports.stage(staged, request.now) : 0;
  for (const { reason } of drafts) report.reasons[reason]++;
}

/** The version to publish, or undefined when what is published still says it. */
function draftVersion(
  score: NodeAssertion,
  request: PublishRequest,
  previous: PublishedVersion | undefined,
): Draft | undefined {
  const { pubkey, origin, network, now } = request;
  const last = previous && unixSeconds(previous.event.created_at);
  // A time too far ahead is refused by the lint, with its reason.
  const createdAt = nextCreatedAt(now, last) ?? unixSeconds(last! + 1);
  const event = nodeAssertion(score, { pubkey, origin, network, createdAt });
  const reason = republishReason(previous, event, now);
  if (!reason) return undefined;

  const sayTheSame = previous !== undefined && previous.contentHash === contentHash(event);
  return { event: sayTheSame ? keepDataTime(event, previous.event) : event, nodeKey: score.nodeKey, reason };
}

/** `as_of` moves only when another tag moved. */
function keepDataTime(event: UnsignedEvent, previous: UnsignedEvent): UnsignedEvent {
  const asOf = tagValue(previous, "as_of");
  if (asOf === undefined) return event;
  return { ...event, tags: event.tags.map((tag) => (tag[0] === "as_of" ? ["as_of", asOf] : tag)) };
}

function lintVersion(event: UnsignedEvent, request: PublishRequest, previous: PublishedVersion | undefined): Fault[] {
  const lastCreatedAt = previous && unixSeconds(previous.event.created_at);
  return lintEvent(event, { pubkey: request.pubkey, kinds: [KIND.aboutIdentifier], now: request.now, lastCreatedAt });
}

function refuse(report: PublishReport, nodeKey: string, faults: Fault[]): void {
  report.refusedCount++;
  if (report.refused.length < MAX_REFUSED_LISTED) report.refused.push({ nodeKey, faults });
}

function emptyReport(): PublishReport {
  const reasons = Object.fromEntries(REPUBLISH_REASONS.map((reason) => [reason, 0])) as Record<RepublishReason, number>;
  return { considered: 0, unchanged: 0, staged: 0, reasons, refusedCount: 0, refused: [] };
}
