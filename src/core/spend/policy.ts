/** What this program may spend without asking, and what it may not spend at all. */
import { type Msat, msat } from "../units.ts";

/** `off` spends nothing, `ask` waits for a person each time, `auto` asks only above a threshold. */
export type SpendMode = "off" | "ask" | "auto";

/** Bounds of payments. All inclusive: what is equal to a limit is allowed. */
export type PaymentLimits = {
  mode: SpendMode;
  /** What one payment may bring to its payee. */
  perPaymentMsat: Msat;
  /** What all payments together may cost, routing included, in any 24 hours. */
  per24hMsat: Msat;
  /** The same for one subject. */
  perSubject24hMsat: Msat;
  /** Payments of a larger amount wait for a person in mode `auto` too. */
  approveAboveMsat: Msat;
  /** What one payment may pay for routing. */
  maxFeeMsat: Msat;
};

/** Bounds of probes: HTLCs that nobody can settle, so what they cost is other people's patience. */
export type ProbeLimits = {
  mode: "off" | "auto";
  maxAmountMsat: Msat;
  perHour: number;
  perTarget24h: number;
  perPeerInFlight: number;
  perPeerPerHour: number;
  maxHops: number;
  maxCltvBlocks: number;
  /** Share of probes drawn at random, from 0 to 1: the only unbiased sample there is. */
  exploreRatio: number;
};

export type SpendPolicy = { payments: PaymentLimits; probes: ProbeLimits };

/** The length of the windows in which spending is bounded. */
export const SPEND_WINDOW_SEC = 86_400;

/** On a simulated network, whose money is not real. */
export const SIMULATED_POLICY: SpendPolicy = {
  payments: {
    mode: "auto",
    perPaymentMsat: msat(1_000_000_000n),
    per24hMsat: msat(10_000_000_000n),
    perSubject24hMsat: msat(5_000_000_000n),
    approveAboveMsat: msat(1_000_000_000n),
    maxFeeMsat: msat(10_000_000n),
  },
  probes: {
    mode: "auto",
    maxAmountMsat: msat(1_000_000_000n),
    perHour: 600,
    perTarget24h: 24,
    perPeerInFlight: 2,
    perPeerPerHour: 200,
    maxHops: 12,
    maxCltvBlocks: 1_008,
    exploreRatio: 0.15,
  },
};

const nothing = msat(0n);

/** With a real node and no policy file: nothing is spent and nobody is probed. */
export const NOTHING_ALLOWED: SpendPolicy = {
  payments: {
    mode: "off",
    perPaymentMsat: nothing,
    per24hMsat: nothing,
    perSubject24hMsat: nothing,
    approveAboveMsat: nothing,
    maxFeeMsat: nothing,
  },
  probes: { ...SIMULATED_POLICY.probes, mode: "off" },
};
