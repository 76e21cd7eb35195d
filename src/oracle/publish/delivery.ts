/** The words in which delivery is asked for and told. */
import type { UnixSeconds } from "../../core/units.ts";

/**
 * A signed event due at the relay. `mayBeThere`: it was sent before, and nobody knows whether it arrived. `mayHoldOther`: the relay may
 * have another version. `signedAgain`: versions signed because this relay asked for other ones, since it last took one.
 */
export type DueDelivery = {
  id: string;
  sig: string;
  json: string;
  subject: string;
  priority: number;
  attempts: number;
  mayBeThere: boolean;
  mayHoldOther: boolean;
  signedAgain: number;
};
/** `held`: the relay has the event, or may have it or an older version. */
export type DeliveryResult = {
  id: string;
  state: "pending" | "sent" | "confirmed" | "refused";
  nextTryAt: UnixSeconds;
  answer: string;
  held: boolean;
};

/** Nothing is sent to the relay before `untilAt`; `failures` counts batches in a row without any success. */
export type RelayPause = { failures: number; untilAt: UnixSeconds; reason: string };

/** Which of our events a relay gets: all; identities, heartbeats, retractions and `top` assertions; or profiles and relay lists. */
export type RelayTask = { role: "full" | "selected" | "indexer"; top: number };

export type DeliverRequest = {
  relay: string;
  task: RelayTask;
  now: UnixSeconds;
  /** At most so many events in this batch. */
  limit: number;
  signal: AbortSignal;
  /** Uniform in [0, 1): spreads retries. */
  random: () => number;
};

export type DeliverReport = {
  taken: number;
  confirmed: number;
  refused: number;
  /** Will be tried again. */
  postponed: number;
  /** Refused as events that no relay should take: a fault of ours. */
  invalid: number;
  /** Replaced by a version that was signed because the relay asked for it. */
  signedAgain: number;
  /** True when going on at once makes no sense: the relay is away, silent, asked for a pause, or has had its share. */
  stalled: boolean;
};
