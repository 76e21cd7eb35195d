/**
 * One fact about the network, as somebody saw it happen. An observation says what was proved and nothing more: beliefs
 * are drawn from it later, and may be drawn again in another way.
 *
 * Node keys are 66 lower-case hex digits; `from` is the end of a channel that forwards, `to` the other.
 */
import type { Msat, UnixSeconds } from "../units.ts";

/** One direction of one channel. */
export type Direction = { readonly channelId: bigint; readonly from: string; readonly to: string };

/** What a node announced for one direction, as it came back with a failure (BOLT 7 `channel_update`). */
export type AnnouncedPolicy = {
  readonly feeBaseMsat: number;
  readonly feePpm: number;
  readonly cltvDelta: number;
  readonly minHtlc: Msat;
  /** 0 when the update names none. */
  readonly maxHtlc: Msat;
  readonly disabled: boolean;
  readonly updatedAt: UnixSeconds;
};

/** Which part of an announced policy did not hold. */
export const POLICY_FAULTS = ["fee", "minimum", "maximum", "time-lock", "disabled"] as const;
export type PolicyFault = (typeof POLICY_FAULTS)[number];

export type Observation =
  /** `from` forwarded the amount: it held that much. */
  | ({ readonly kind: "holds-at-least"; readonly amount: Msat } & Direction)
  /** `from` could not forward the amount: it held less. */
  | ({ readonly kind: "holds-below"; readonly amount: Msat } & Direction)
  /** `from` forwarded the amount over one of several channels that it may choose from: the best of them held that much. */
  | { readonly kind: "pair-holds-at-least"; readonly from: string; readonly to: string; readonly amount: Msat }
  | { readonly kind: "online"; readonly node: string }
  /** `seenBy`, its neighbour, had no connection to it. */
  | { readonly kind: "offline"; readonly node: string; readonly seenBy: string }
  | ({ readonly kind: "channel-gone" } & Direction)
  /** `policy` is what `from` says it is instead, when it says so. */
  | ({ readonly kind: "policy-stale"; readonly fault: PolicyFault; readonly policy?: AnnouncedPolicy } & Direction)
  /** An HTLC of this amount arrived at `node`; `code` is what it answered. */
  | { readonly kind: "reached"; readonly node: string; readonly amount: Msat; readonly code: string }
  /** `node` said that it cannot forward at all now. */
  | { readonly kind: "node-fault"; readonly node: string; readonly code: string }
  /** A failure that convicts nobody. `node` is who seems to have sent it, where that is known. */
  | { readonly kind: "unattributed"; readonly code: string; readonly node?: string }
  /** The attempt did not leave our own node: nothing about anybody else. */
  | { readonly kind: "own-failure"; readonly code: string };

export type ObservationKind = Observation["kind"];

/** Whose word an observation is: ours, by a probe or a payment, or that of somebody who could show a payment's preimage. */
export const EVIDENCE_SOURCES = ["probe", "payment", "report"] as const;
export type EvidenceSource = (typeof EVIDENCE_SOURCES)[number];

/**
 * An observation with its origin: when, by which attempt, and from which node it was made (of a report: the payee, who
 * signed the invoice). The attempt is 64 hex digits: a probe's payment hash; for a payment random ones, since whoever forwarded it knows its hash and would learn who paid.
 */
export type Evidence = {
  readonly observedAt: UnixSeconds;
  readonly source: EvidenceSource;
  readonly attempt: string;
  readonly vantage: string;
  readonly observation: Observation;
};
