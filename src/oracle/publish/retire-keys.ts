/** What becomes of the word of a key that is no longer in use: it takes it back, or asks relays to forget the key altogether. */

import { HANDLER_NAME } from "../../core/nip85/announcement.ts";
import type { SignedEvent, UnsignedEvent } from "../../core/nip85/event.ts";
import { HEARTBEAT_NAME } from "../../core/nip85/heartbeat.ts";
import type { OracleKey } from "../../core/nip85/key-ring.ts";
import { npub } from "../../core/nip85/key-text.ts";
import { KIND } from "../../core/nip85/kinds.ts";
import { lintEvent } from "../../core/nip85/lint.ts";
import { lintIdentity } from "../../core/nip85/lint-identity.ts";
import type { PublishedVersion } from "../../core/nip85/republish.ts";
import { MAX_TARGETS, retraction, type Standing } from "../../core/nip85/retraction.ts";
import { type KeyRole, KINDS_OF } from "../../core/nip85/roles.ts";
import type { Fault } from "../../core/nip85/subject-faults.ts";
import type { UnixSeconds } from "../../core/units.ts";

export type RetireKeysPorts = {
  /** Assertions of a key that stand, after an address in the order of kind and `d`. */
  standing(pubkey: string, after: { kind: number; d: string }, limit: number): Promise<Standing[]>;
  findPublished(
    key: { kind: number; pubkey: string },
    addresses: readonly string[],
  ): Promise<Map<string, PublishedVersion & { event: UnsignedEvent & { id?: string } }>>;
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** Makes these events to be sent; what retractions among them name is taken back. */
  stage(
    events: readonly { event: SignedEvent; subject: string; priority: number }[],
    now: UnixSeconds,
  ): Promise<number>;
  /** Whether a key has asked to be forgotten. */
  hasVanished(pubkey: string): Promise<boolean>;
  /** Stages the request to be forgotten, and takes back all that the key has said, at once. */
  vanish(event: SignedEvent, now: UnixSeconds): Promise<void>;
};

export type RetireKeysRequest = {
  retired: readonly OracleKey[];
  inUse: Readonly<Record<KeyRole, string>>;
  now: UnixSeconds;
  signal: AbortSignal;
};
export type RetireKeysReport = { takenBack: number; vanished: number; refused: { pubkey: string; faults: Fault[] }[] };

const PRIORITY = 1;
/** What a key says beside assertions that its successor says instead. Its profile and its relays stay: they tell who follows. */
const ANNOUNCEMENTS = [
  { kind: KIND.providers, d: "" },
  { kind: KIND.handler, d: HANDLER_NAME },
  { kind: KIND.heartbeat, d: HEARTBEAT_NAME },
] as const;

/** Idempotent: once all is taken back it does nothing. When aborted, it stops between two requests. */
export async function retireKeys(
  ports: RetireKeysPorts,
  { retired, inUse, now, signal }: RetireKeysRequest,
): Promise<RetireKeysReport> {
  const report: RetireKeysReport = { takenBack: 0, vanished: 0, refused: [] };
  for (const key of retired) {
    if (key.compromised) await vanish(ports, key, inUse[key.role], now, report);
    else await takeBack(ports, key, { now, signal }, report);
  }
  return report;
}

async function takeBack(
  ports: RetireKeysPorts,
  { role, pubkey }: OracleKey,
  { now, signal }: Pick<RetireKeysRequest, "now" | "signal">,
  report: RetireKeysReport,
): Promise<void> {
  const announced = await standingAnnouncements(ports, pubkey);
  for (let first = true; !signal.aborted; first = false) {
    const limit = MAX_TARGETS - ANNOUNCEMENTS.length;
    const targets = [...(first ? announced : []), ...(await ports.standing(pubkey, { kind: 0, d: "" }, limit))];
    if (targets.length === 0) return;
    const draft = retraction(pubkey, targets, now);
    const faults = lintEvent(draft, { pubkey, kinds: KINDS_OF[role], now });
    if (faults.length > 0) return void report.refused.push({ pubkey, faults });
    const [event] = await ports.sign([draft]);
    await ports.stage([{ event: event!, subject: pubkey, priority: PRIORITY }], now);
    report.takenBack += targets.length;
  }
}

async function standingAnnouncements(ports: RetireKeysPorts, pubkey: string): Promise<Standing[]> {
  const found: Standing[] = [];
  for (const { kind, d } of ANNOUNCEMENTS) {
    const version = (await ports.findPublished({ kind, pubkey }, [d])).get(d);
    const id = version?.event.id;
    if (version === undefined || id === undefined || version.retractedAt !== undefined) continue;
    found.push({ kind, d, id, createdAt: version.event.created_at });
  }
  return found;
}

/** Kind 62: relays drop everything of the key, and take nothing of it any more, whoever signs it. */
async function vanish(
  ports: RetireKeysPorts,
  { role, pubkey }: OracleKey,
  successor: string,
  now: UnixSeconds,
  report: RetireKeysReport,
): Promise<void> {
  if (await ports.hasVanished(pubkey)) return;
  const content = `Somebody else may have this key. Nothing signed with it is ours any more. Followed by ${npub(successor)}.`;
  const draft = { pubkey, created_at: now, kind: KIND.vanish, tags: [["relay", "ALL_RELAYS"]], content };
  const faults = lintIdentity(draft, { pubkey, kinds: KINDS_OF[role], now });
  if (faults.length > 0) return void report.refused.push({ pubkey, faults });
  const [event] = await ports.sign([draft]);
  await ports.vanish(event!, now);
  report.vanished++;
}
