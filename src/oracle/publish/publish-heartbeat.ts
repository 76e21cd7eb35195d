/** Publishing that a key lives, how much it says, and one hash over all of it: after every change, and at least once an hour. */
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import {
  HEARTBEAT_NAME,
  type Heartbeat,
  heartbeatEvent,
  type LogHead,
  readHeartbeat,
} from "../../core/nip85/heartbeat.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { lintIdentity } from "../../core/nip85/lint-identity.ts";
import { nextCreatedAt, type PublishedVersion } from "../../core/nip85/republish.ts";
import { STANDING_MARGIN_SEC, type StandingEvent } from "../../core/nip85/standing-set.ts";
import type { Fault } from "../../core/nip85/subject-faults.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type PublishHeartbeatPorts = {
  findPublished(
    key: { kind: number; pubkey: string },
    addresses: readonly string[],
  ): Promise<Map<string, PublishedVersion>>;
  /** Whether a key has said or taken back anything since an instant, that second included. */
  spokeSince(pubkey: string, at: UnixSeconds): Promise<boolean>;
  /** Every assertion of a key that was not taken back and expires later than an instant, in one reading. */
  standingSet(
    pubkey: string,
    after: UnixSeconds,
  ): Promise<(StandingEvent & { createdAt: number; expiresAt: number })[]>;
  standingRoot(events: readonly StandingEvent[]): Promise<string>;
  /** How far the logs have come; asked once, and only when something is published. */
  logs(): Promise<{ evidence: LogHead; predictions: LogHead } & Pick<Heartbeat, "evidenceTree" | "calibration">>;
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  stage(
    events: readonly { event: SignedEvent; subject: string; priority: number }[],
    now: UnixSeconds,
  ): Promise<number>;
};

export type PublishHeartbeatReport = {
  staged: number;
  unchanged: number;
  refused: { pubkey: string; faults: Fault[] }[];
};

const EVERY_SEC = 3_600;
/** An event is dated before it is signed and stored: for so long after a change the set is looked at again. */
const SLOWEST_SEC = 600;
/** With retractions: a relay that takes little of ours takes the proof of what it lacks. */
const PRIORITY = 1;

/** One heartbeat for each of these keys whose set has changed, or whose last one is an hour old. */
export async function publishHeartbeats(
  ports: PublishHeartbeatPorts,
  { pubkeys, now }: { pubkeys: readonly string[]; now: UnixSeconds },
): Promise<PublishHeartbeatReport> {
  const report: PublishHeartbeatReport = { staged: 0, unchanged: 0, refused: [] };
  const drafts: UnsignedEvent[] = [];
  let logs: Awaited<ReturnType<PublishHeartbeatPorts["logs"]>> | undefined;
  for (const pubkey of pubkeys) {
    const key = { kind: KIND.heartbeat, pubkey };
    const previous = (await ports.findPublished(key, [HEARTBEAT_NAME])).get(HEARTBEAT_NAME)?.event;
    const news = await changedSet(ports, pubkey, previous, now);
    if (!news) {
      report.unchanged++;
      continue;
    }
    logs ??= await ports.logs();
    const last = previous && unixSeconds(previous.created_at);
    const createdAt = unixSeconds(Math.max(news.asOf, nextCreatedAt(now, last) ?? last! + 1));
    const event = heartbeatEvent({ ...news, ...logs }, { pubkey, createdAt });
    const faults = lintIdentity(event, { pubkey, kinds: [KIND.heartbeat], now, lastCreatedAt: last });
    if (faults.length === 0) drafts.push(event);
    else report.refused.push({ pubkey, faults });
  }
  if (drafts.length === 0) return report;
  const signed = await ports.sign(drafts);
  report.staged = await ports.stage(
    signed.map((event) => ({ event, subject: event.pubkey, priority: PRIORITY })),
    now,
  );
  return report;
}

/** The set that stands, or undefined when the last heartbeat still tells it and is not due to be renewed. */
async function changedSet(
  ports: PublishHeartbeatPorts,
  pubkey: string,
  previous: UnsignedEvent | undefined,
  now: UnixSeconds,
): Promise<Pick<Heartbeat, "asOf" | "counts" | "root"> | undefined> {
  const told = previous && readHeartbeat(previous);
  const due = !told || now - told.asOf >= EVERY_SEC;
  if (!due && !(await ports.spokeSince(pubkey, unixSeconds(told.asOf - SLOWEST_SEC)))) return undefined;

  const rows = await ports.standingSet(pubkey, now);
  const asOf = unixSeconds(rows.reduce((latest, { createdAt }) => Math.max(latest, createdAt), Number(now)));
  const standing = rows.filter(({ expiresAt }) => expiresAt > asOf + STANDING_MARGIN_SEC);
  const root = await ports.standingRoot(standing.map(({ kind, d, id }) => ({ kind, d, id })));
  if (!due && root === told.root) return undefined;
  const kinds = [...new Set(standing.map(({ kind }) => kind))].sort();
  const counts = kinds.map((kind) => ({ kind, count: standing.filter((event) => event.kind === kind).length }));
  return { asOf, counts, root };
}
