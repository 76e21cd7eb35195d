/**
 * One probe, from its place under the limits to what it proved.
 *
 * The hash is 32 random bytes of ours, so nobody can settle it; it is written down before the HTLC leaves, and never used
 * again. Whatever becomes of this process, the row says that something may be under way, and counts against the limits.
 */
import type { Evidence } from "../../core/evidence/observation.ts";
import type { Prediction, PredictionBasis } from "../../core/prediction/prediction.ts";
import { type ProbeFailure, readOutcome } from "../../core/probe/read-outcome.ts";
import type { Override, ProbeHop } from "../../core/probe/route.ts";
import type { ProbeLimits } from "../../core/spend/policy.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** What is to be tried. `follows` is the hash of the probe before it, on the same errand. */
export type ProbeWish = {
  readonly purpose: "asked" | "explore" | "manual";
  readonly arcs: readonly number[];
  readonly amount: Msat;
  readonly follows?: string;
  readonly override?: Override;
  /** That it arrives, as it was believed when the probe was chosen; for none that follows another one. */
  readonly forecast?: Forecast;
};

/** A probability, and what it was computed from. */
export type Forecast = Pick<Prediction, "probability" | "interval" | "lndApriori" | keyof PredictionBasis>;

/** How LND says that an attempt ended. */
export type ProbeAnswer =
  | ({ readonly status: "failed"; readonly resolvedAt?: UnixSeconds } & ProbeFailure)
  | { readonly status: "succeeded" }
  | { readonly status: "unknown"; readonly cause: unknown };

/** The limit that was in the way; `route` when the amount does not fit it, or it would lock our money for too long. */
export type ProbeLimit = "hour" | "target" | "peer" | "in-flight" | "backoff" | "amount" | "route";

export type SendProbePorts = {
  /** The HTLCs of a route by the newest graph; undefined when a policy on it does not admit them. */
  lay(
    arcs: readonly number[],
    final: { amount: Msat; expiryHeight: number },
    override?: Override,
  ): Promise<ProbeHop[] | undefined>;
  /** Writes the probe and its prediction down, or names the limit in the way. Atomic. */
  claim(
    draft: {
      paymentHash: string;
      nodePubkey: string;
      purpose: ProbeWish["purpose"];
      follows?: string;
      hops: readonly ProbeHop[];
      prediction?: Prediction;
    },
    limits: ProbeLimits,
    now: UnixSeconds,
  ): Promise<ProbeLimit | undefined>;
  /** Sends and waits, for a bounded time. @throws only when nothing was sent */
  send(paymentHash: string, hops: readonly ProbeHop[]): Promise<ProbeAnswer>;
  /** Books the answer together with what it proves. False when it was booked before. */
  answer(
    paymentHash: string,
    answer: { code?: string; sourceIndex?: number; at: UnixSeconds },
    evidence: readonly Evidence[],
  ): Promise<boolean>;
  markUnknown(paymentHash: string): Promise<void>;
  markUnsent(paymentHash: string, at: UnixSeconds): Promise<void>;
  /** 64 random hex digits. */
  randomHash(): string;
  /** A number in [0, 1). */
  random(): number;
  now(): UnixSeconds;
};

/** Our node, and the newest block it knows. */
export type ProbingNode = { readonly nodePubkey: string; readonly blockHeight: number };

export type ProbeResult =
  | { readonly status: "refused"; readonly limit: ProbeLimit }
  | { readonly status: "unsent"; readonly paymentHash: string; readonly cause: unknown }
  | { readonly status: "unknown"; readonly paymentHash: string; readonly hops: readonly ProbeHop[] }
  /** Somebody could settle a random hash: it was not random. */
  | { readonly status: "settled"; readonly paymentHash: string }
  | {
      readonly status: "answered";
      readonly paymentHash: string;
      readonly code: string;
      readonly sourceIndex: number;
      readonly hops: readonly ProbeHop[];
      readonly evidence: readonly Evidence[];
    };

/** The last hop's time lock, as payments have it: none is so short that it is refused, and it is never the same. */
const LEAST_FINAL_BLOCKS = 43;
const MOST_FINAL_BLOCKS = 147;

/** Blocks of a route that its last hop may take, at most. */
export const FINAL_BLOCKS = MOST_FINAL_BLOCKS;

/** Sends one probe and books what it proves. Never throws because of LND: then the result is `unsent` or `unknown`. */
export async function sendProbe(
  ports: SendProbePorts,
  node: ProbingNode,
  wish: ProbeWish,
  limits: ProbeLimits,
): Promise<ProbeResult> {
  const { purpose, arcs, amount, follows, override } = wish;
  if (amount > limits.maxAmountMsat) return { status: "refused", limit: "amount" };
  const blocks = LEAST_FINAL_BLOCKS + Math.floor(ports.random() * (MOST_FINAL_BLOCKS - LEAST_FINAL_BLOCKS + 1));
  const hops = await ports.lay(arcs, { amount, expiryHeight: node.blockHeight + blocks }, override);
  const lockBlocks = hops ? hops[0]!.expiryHeight - node.blockHeight : 0;
  if (!hops || lockBlocks > limits.maxCltvBlocks || hops.length > limits.maxHops) {
    return { status: "refused", limit: "route" };
  }
  const paymentHash = ports.randomHash();
  const at = ports.now();
  const prediction = predict(wish, { paymentHash, target: hops.at(-1)!.to, at });
  const draft = {
    paymentHash,
    nodePubkey: node.nodePubkey,
    purpose,
    ...(follows !== undefined && { follows }),
    hops,
    ...(prediction && { prediction }),
  };
  const limit = await ports.claim(draft, limits, at);
  if (limit) return { status: "refused", limit };

  let answer: ProbeAnswer;
  try {
    answer = await ports.send(paymentHash, hops);
  } catch (cause) {
    await ports.markUnsent(paymentHash, ports.now());
    return { status: "unsent", paymentHash, cause };
  }
  if (answer.status === "unknown") {
    await ports.markUnknown(paymentHash);
    return { status: "unknown", paymentHash, hops };
  }
  return bookAnswer(ports, { paymentHash, nodePubkey: node.nodePubkey, hops }, answer);
}

/** The entry of the log that is committed before the HTLC leaves. */
function predict(
  { purpose, amount, forecast }: ProbeWish,
  { paymentHash, target, at }: { paymentHash: string; target: string; at: UnixSeconds },
): Prediction | undefined {
  if (!forecast || purpose === "manual") return undefined;
  return { ...forecast, predictionId: paymentHash, kind: `probe-${purpose}`, at, target, amount };
}

/** Books how an attempt ended, and what that proves. Safe to repeat: the first one counts. */
export async function bookAnswer(
  ports: Pick<SendProbePorts, "answer" | "now">,
  probe: { paymentHash: string; nodePubkey: string; hops: readonly ProbeHop[] },
  answer: Exclude<ProbeAnswer, { status: "unknown" }>,
): Promise<Extract<ProbeResult, { status: "answered" | "settled" }>> {
  const { paymentHash, nodePubkey, hops } = probe;
  if (answer.status === "succeeded") {
    await ports.answer(paymentHash, { code: "SETTLED", sourceIndex: hops.length, at: ports.now() }, []);
    return { status: "settled", paymentHash };
  }
  const { code, sourceIndex, resolvedAt } = answer;
  const now = ports.now();
  // LND's clock may be ahead of ours; nothing is observed in the future.
  const observedAt = resolvedAt === undefined || resolvedAt > now ? now : resolvedAt;
  const evidence = readOutcome(hops, answer).map(
    (observation): Evidence => ({
      observedAt,
      source: "probe",
      attempt: paymentHash,
      vantage: nodePubkey,
      observation,
    }),
  );
  await ports.answer(paymentHash, { code, sourceIndex, at: now }, evidence);
  return { status: "answered", paymentHash, code, sourceIndex, hops, evidence };
}
