/**
 * A probability as it is logged before its outcome is known: what was said, about what, and from what it can be computed
 * again. Nothing in it names who asked. Its text, a JSON array of sixteen fields in fixed places, is what the chain hashes:
 *
 *   [1, predictedAt, kind, id, target, amountMsat, probability, low, high, lndApriori, model, graphDigest,
 *    evidencePosition, evidenceHead, evidenceAt, seed]
 */
import type { Msat, UnixSeconds } from "../units.ts";

/**
 * `payment`: told to somebody who asked. `call`: of a call of an endpoint, told likewise. `probe-…`: of a probe, chosen for what it
 * tells or drawn by chance.
 */
export type PredictionKind = "payment" | "call" | "probe-asked" | "probe-explore";

/** What a probability was computed from. Digests are lower-case hex. */
export type PredictionBasis = {
  /** Name and version of the computation, so that its record is kept apart from later ones. */
  readonly model: string;
  /** Empty of a call, which follows from the log and the catalogue. */
  readonly graphDigest: string;
  /** The evidence log up to an entry, with ages counted to an instant. */
  readonly evidence: { readonly position: bigint; readonly head: string; readonly at: UnixSeconds };
  readonly seed: number;
};

export type Prediction = PredictionBasis & {
  /** A random UUID, or the payment hash of a probe. */
  readonly predictionId: string;
  readonly kind: PredictionKind;
  readonly at: UnixSeconds;
  /** 66 lower-case hex digits; of a call the endpoint's id, 64 of them, a space and the method. */
  readonly target: string;
  /** Of a payment somebody asked about: rounded (core/bucket-amount.ts). */
  readonly amount: Msat;
  /** That it arrives, or that the call is good, with its 90 % interval. */
  readonly probability: number;
  readonly interval: { readonly low: number; readonly high: number };
  /** What LND's a-priori estimator says of the same route; absent where no single route was asked about. */
  readonly lndApriori?: number;
};

/** The text of a prediction. */
export function encodePrediction(prediction: Prediction): string {
  const { at, kind, predictionId, target, amount, probability, interval, lndApriori } = prediction;
  const { model, graphDigest, evidence, seed } = prediction;
  const said = [probability, interval.low, interval.high, lndApriori ?? null];
  const basis = [model, graphDigest, String(evidence.position), evidence.head, evidence.at, seed];
  return JSON.stringify([1, at, kind, predictionId, target, String(amount), ...said, ...basis]);
}
