/** Audit: whether a relay still has what it was once seen with, and what it lacks is sent again. What it has beyond that stays there. */
import type { RelayInfo } from "../../core/nip85/relay-info.ts";
import { supports } from "../../core/nip85/relay-info.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** A current event that the relay was seen with. `createdAt` in unix seconds. */
export type ConfirmedEvent = { id: string; sig: string; json: string; createdAt: number; kind: number; pubkey: string };
type Filter = { authors: string[]; kinds: number[] };

export type AuditPorts = {
  describe(relay: string, now: UnixSeconds): Promise<{ info: RelayInfo | undefined }>;
  readConfirmed(relay: string, now: UnixSeconds): Promise<ConfirmedEvent[]>;
  /** NIP-77: the ids among `items` that the relay lacks; undefined when it does not come to an end. */
  findMissing(
    filter: Filter,
    items: readonly { id: string; createdAt: number }[],
    signal: AbortSignal,
    info?: RelayInfo,
  ): Promise<string[] | undefined>;
  /** NIP-45; undefined when it does not say. */
  count(filter: Filter, signal: AbortSignal): Promise<number | undefined>;
  /** The ids the relay shows with our content. When not `answered`, absence means nothing. */
  readBack(
    events: readonly ConfirmedEvent[],
    signal: AbortSignal,
    info?: RelayInfo,
  ): Promise<{ present: ReadonlySet<string>; answered: boolean }>;
  /** Makes confirmed deliveries due again. */
  reopen(relay: string, ids: readonly string[], now: UnixSeconds): Promise<number>;
  noteAudit(relay: string, missing: number, now: UnixSeconds): Promise<void>;
};

/** `by`: how it was found out. When not `answered`, nothing is known and nothing was changed. */
export type AuditReport = {
  confirmed: number;
  missing: number;
  by: "negentropy" | "sample" | "all";
  answered: boolean;
};

/** One missing in a hundred is then found with a probability of 0.87, and one in thirty with 0.999. */
const SAMPLE = 200;

export type AuditRequest = { relay: string; now: UnixSeconds; signal: AbortSignal; random: () => number };

/**
 * Compares by set reconciliation where the relay has it. Else a sample is asked for by id, and the number of events where the relay counts:
 * when either shows that something is gone, every event is asked for.
 */
export async function auditRelay(ports: AuditPorts, request: AuditRequest): Promise<AuditReport> {
  const { relay, now } = request;
  const events = await ports.readConfirmed(relay, now);
  const { info } = await ports.describe(relay, now);
  const found = events.length === 0 ? { missing: [], by: "all" as const } : await find(ports, events, info, request);
  const report = { confirmed: events.length, missing: found.missing?.length ?? 0, by: found.by };
  if (!found.missing) return { ...report, answered: false };
  if (found.missing.length > 0) await ports.reopen(relay, found.missing, now);
  await ports.noteAudit(relay, found.missing.length, now);
  return { ...report, answered: true };
}

type Found = { missing: string[] | undefined; by: AuditReport["by"] };

async function find(
  ports: AuditPorts,
  events: readonly ConfirmedEvent[],
  info: RelayInfo | undefined,
  { signal, random }: AuditRequest,
): Promise<Found> {
  const filter = {
    authors: [...new Set(events.map(({ pubkey }) => pubkey))],
    kinds: [...new Set(events.map(({ kind }) => kind))],
  };
  if (supports(info, 77)) {
    const missing = await ports.findMissing(filter, events, signal, info);
    if (missing) return { missing, by: "negentropy" };
  }
  const absentOf = async (asked: readonly ConfirmedEvent[]) => {
    const { present, answered } = await ports.readBack(asked, signal, info);
    return answered ? asked.flatMap(({ id }) => (present.has(id) ? [] : [id])) : undefined;
  };
  const sample = drawSample(events, random);
  const absent = await absentOf(sample);
  const counted = supports(info, 45) ? await ports.count(filter, signal) : undefined;
  const looksWhole = absent?.length === 0 && (counted ?? Infinity) >= events.length;
  if (!absent || looksWhole || sample.length === events.length) return { missing: absent, by: "sample" };
  return { missing: await absentOf(events), by: "all" };
}

/** The first places of a shuffle. */
function drawSample<Item>(items: readonly Item[], random: () => number): Item[] {
  const rest = [...items];
  const size = Math.min(SAMPLE, rest.length);
  for (let place = 0; place < size; place++) {
    const from = place + Math.floor(random() * (rest.length - place));
    [rest[place], rest[from]] = [rest[from]!, rest[place]!];
  }
  return rest.slice(0, size);
}
