/** A version of an event that one relay will take, in the place of one it will not: newer than what it has, or with the work it asks for. */
import { decodeEvent, type SignedEvent, type UnsignedEvent } from "../../core/nip85/event.ts";
import { isIdentity } from "../../core/nip85/kinds.ts";
import { nextCreatedAt } from "../../core/nip85/republish.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

/** What was published and is to be signed again; `signedAgain`: how often the relay has had that already. */
type Published = { id: string; json: string; subject: string; priority: number; signedAgain: number };

export type SignAgainPorts = {
  /** Counted before it is done, so that a relay that asks for ever does not get it for ever. */
  countSigning(relay: string, id: string): Promise<void>;
  /** The event with a nonce that gives its id so many leading zero bits; undefined when that takes too long. */
  mine(event: UnsignedEvent, bits: number, signal: AbortSignal): Promise<UnsignedEvent | undefined>;
  sign(events: readonly UnsignedEvent[]): Promise<SignedEvent[]>;
  /** Makes these the versions to send, to every relay. An older version never replaces a newer one. */
  stage(
    events: readonly { event: SignedEvent; subject: string; priority: number }[],
    now: UnixSeconds,
  ): Promise<number>;
};

/** About four seconds of one core; NIP-13 knows no honest relay that asks ordinary clients for more. */
const MAX_BITS = 20;
/** One to meet what the relay asks for, one to find that the clock was behind. */
const MOST_IN_A_ROW = 2;

/**
 * Stages a version with a later `created_at`, and with `bits` of work when any are asked for: that only for the few events that say who
 * we are. False when the relay asks too much or too often, or when the clock is behind what was published.
 */
export async function signAgain(
  ports: SignAgainPorts,
  relay: string,
  published: Published,
  { bits, now, signal }: { bits: number; now: UnixSeconds; signal: AbortSignal },
): Promise<boolean> {
  const event = decodeEvent(published.json);
  if (!event || published.signedAgain >= MOST_IN_A_ROW) return false;
  if (bits > 0 && (bits > MAX_BITS || !isIdentity(event.kind))) return false;
  const createdAt = nextCreatedAt(now, unixSeconds(event.created_at));
  if (createdAt === undefined) return false;

  await ports.countSigning(relay, published.id);
  const { pubkey, kind, tags, content } = event;
  const draft: UnsignedEvent = { pubkey, created_at: createdAt, kind, tags, content };
  const next = bits > 0 ? await ports.mine(draft, bits, signal) : draft;
  if (!next) return false;
  const signed = await ports.sign([next]);
  const { subject, priority } = published;
  const staged = signed.map((version) => ({ event: version, subject, priority }));
  return (await ports.stage(staged, now)) > 0;
}
