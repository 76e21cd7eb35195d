/** A decision for one payment: the nodes are found first, which costs nothing; the verdict is computed and logged after. */
import { bucketAmount } from "../../core/bucket-amount.ts";
import { OracleError } from "../../core/errors.ts";
import { type Decision, MODEL } from "../../core/intent/decision.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import { parseSubject, type Subject } from "../../core/subject.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** Two nodes, looked up. Without a caller no announced node has the name that was given. */
export type PreparedIntent = { target: string; caller: string | undefined; amount: Msat };

export type PreparePorts = {
  /** Undefined when the graph has no such node. @throws SUBJECT_AMBIGUOUS */
  find(subject: Subject): Promise<{ keyHex: string } | undefined>;
};

export type AnswerPorts = {
  /** Computes the decision from the newest graph. @throws GRAPH_NOT_READY */
  decide(question: PreparedIntent & { now: UnixSeconds }): Promise<Decision>;
  /** Takes the prediction, to be written while the answer is on its way. Never waits. */
  record(prediction: Prediction): void;
};

/**
 * Looks up both nodes.
 * @throws SUBJECT_MALFORMED, SUBJECT_AMBIGUOUS, SUBJECT_UNKNOWN for a target that nobody announced
 */
export async function prepareIntent(
  ports: PreparePorts,
  question: { target: string; caller: string; amount: Msat },
): Promise<PreparedIntent> {
  const [target, caller] = await Promise.all([
    ports.find(parseSubject(question.target)),
    ports.find(parseSubject(question.caller)),
  ]);
  if (!target) {
    throw new OracleError(
      "SUBJECT_UNKNOWN",
      "no announced node has this name; a node without public channels cannot be rated",
    );
  }
  return { target: target.keyHex, caller: caller?.keyHex, amount: question.amount };
}

/** Decides and logs. What is logged says nothing of the caller, and of the amount no more than its size. */
export async function answerIntent(
  ports: AnswerPorts,
  question: PreparedIntent & { predictionId: string; now: UnixSeconds },
): Promise<Decision> {
  const { predictionId, now, ...asked } = question;
  const decision = await ports.decide({ ...asked, now });
  const { probability, interval, belief, graphDigest, seed } = decision;
  ports.record({
    predictionId,
    kind: "payment",
    at: now,
    target: asked.target,
    amount: bucketAmount(asked.amount),
    probability,
    interval,
    model: MODEL,
    graphDigest,
    evidence: belief,
    seed,
  });
  return decision;
}
