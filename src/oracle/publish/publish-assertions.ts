/**
 * Everything there is to say, compared with everything that was said: news is signed and put into the outbox, and what is
 * not said any more is taken back. Sending it is another verb and another moment.
 */
import type { Statement } from "../../core/nip85/assertion.ts";
import { REPUBLISH_REASONS, type RepublishReason } from "../../core/nip85/republish.ts";
import type { Standing } from "../../core/nip85/retraction.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type DraftPorts, draftNews, draftRetractions, type Refused, type Staged } from "./draft-news.ts";

export type PublishPorts = DraftPorts & {
  /** Makes these the versions to send, and takes back what retractions among them name. Atomic per call; an older version never replaces a newer one. */
  stage(events: readonly Staged[], now: UnixSeconds): Promise<number>;
  /** What a key has said under the addresses that follow `after`, and that stands: at most `limit`, in order. */
  standing(pubkey: string, after: { kind: number; d: string }, limit: number): Promise<Standing[]>;
};

export type PublishRequest = {
  /** All that the keys have to say: what is missing here is taken back. */
  statements: AsyncIterable<readonly Statement[]>;
  /** The keys that speak. */
  pubkeys: readonly string[];
  now: UnixSeconds;
  signal: AbortSignal;
};

export type PublishReport = {
  considered: number;
  unchanged: number;
  staged: number;
  reasons: Record<RepublishReason, number>;
  refusedCount: number;
  /** The first few of them. */
  refused: Refused[];
  retracted: number;
  /** What would have been taken back, and was too much at once to be believed. */
  heldBack: number;
};

/** Bounds the memory of one step, and how long the event loop is held by it. */
const CHUNK = 128;
/** While one is signed in its thread and another lies ready there, a third is drafted and a fourth is stored. */
const AT_ONCE = 4;
const STANDING_AT_ONCE = 1_000;
const MAX_REFUSED_LISTED = 20;
/** A graph that was read in part, or an empty table after a restore, must not unsay everything: what stays unsaid expires. */
const SURELY_GONE = { count: 200, part: 0.2 };

/**
 * Running it twice publishes nothing the second time. A statement that fails the lint is reported and not signed. When
 * aborted, it stops between two chunks, takes nothing back, and reports what was done.
 */
export async function publishAssertions(ports: PublishPorts, request: PublishRequest): Promise<PublishReport> {
  const report = emptyReport();
  const said = new Map(request.pubkeys.map((pubkey) => [pubkey, new Set<string>()]));
  const chunks = chunksOf(request.statements);
  const publishOn = async (): Promise<void> => {
    while (!request.signal.aborted) {
      const { value: chunk, done } = await chunks.next();
      if (done) return;
      await publishChunk(ports, chunk, request.now, report);
      for (const { pubkey, kind, d } of chunk) said.get(pubkey)?.add(`${kind}:${d}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, publishOn));
  if (request.signal.aborted) return report;
  for (const [pubkey, addresses] of said) await takeBack(ports, request, pubkey, addresses, report);
  return report;
}

async function* chunksOf(pages: AsyncIterable<readonly Statement[]>): AsyncGenerator<readonly Statement[]> {
  for await (const page of pages)
    for (let from = 0; from < page.length; from += CHUNK) yield page.slice(from, from + CHUNK);
}

async function publishChunk(
  ports: PublishPorts,
  statements: readonly Statement[],
  now: UnixSeconds,
  report: PublishReport,
): Promise<void> {
  const { staged, reasons, unchanged, refused } = await draftNews(ports, statements, now);
  report.considered += statements.length;
  report.unchanged += unchanged;
  report.refusedCount += refused.length;
  report.refused.push(...refused.slice(0, MAX_REFUSED_LISTED - report.refused.length));
  for (const reason of reasons) report.reasons[reason]++;
  if (staged.length === 0) return;
  const count = await ports.stage(staged, now);
  report.staged += count;
}

/** What stands of a key, and is not said any more. */
async function takeBack(
  ports: PublishPorts,
  { now, signal }: PublishRequest,
  pubkey: string,
  said: ReadonlySet<string>,
  report: PublishReport,
): Promise<void> {
  const gone: Standing[] = [];
  let standing = 0;
  for (let after = { kind: -1, d: "" }; !signal.aborted; ) {
    const page = await ports.standing(pubkey, after, STANDING_AT_ONCE);
    standing += page.length;
    gone.push(...page.filter(({ kind, d }) => !said.has(`${kind}:${d}`)));
    const last = page.at(-1);
    if (!last || page.length < STANDING_AT_ONCE) break;
    after = { kind: last.kind, d: last.d };
  }
  if (signal.aborted || gone.length === 0) return;
  if (gone.length > Math.max(SURELY_GONE.count, SURELY_GONE.part * standing)) {
    report.heldBack += gone.length;
    return;
  }
  report.staged += await ports.stage(await draftRetractions(ports, pubkey, gone, now), now);
  report.retracted += gone.length;
}

function emptyReport(): PublishReport {
  const reasons = Object.fromEntries(REPUBLISH_REASONS.map((reason) => [reason, 0])) as Record<RepublishReason, number>;
  return {
    ...{ considered: 0, unchanged: 0, staged: 0, reasons },
    ...{ refusedCount: 0, refused: [], retracted: 0, heldBack: 0 },
  };
}
