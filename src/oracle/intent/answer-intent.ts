/** A decision for one payment: the nodes are found first, which costs nothing; the verdict is computed and logged after. */
import { bucketAmount } from "../../core/bucket-amount.ts";
import { OracleError } from "../../core/errors.ts";
import { type AskedLimits, type CallerChannel, type Decision, MODEL } from "../../core/intent/decision.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import { parseSubject, type Subject } from "../../core/subject.ts";
import type { Msat, UnixSeconds } from "../../core/units.ts";

/** What is asked beside the nodes. */
type Terms = {
  amount: Msat;
  limits: AskedLimits;
  maxParts: number | undefined;
  callerChannels: readonly CallerChannel[] | undefined;
};

/** Two nodes, looked up. Without a caller none was named, or no announced node has the name that was given. */
export type PreparedIntent = Terms & { target: string; caller: string | undefined };

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
  { target: targetName, caller: callerName, ...terms }: Terms & { target: string; caller?: string | undefined },
): Promise<PreparedIntent> {
  const [target, caller] = await Promise.all([
    ports.find(parseSubject(targetName)),
    callerName === undefined ? undefined : ports.find(parseSubject(callerName)),
  ]);
  if (!target) {
    throw new OracleError(
      "SUBJECT_UNKNOWN",
      "no announced node has this name; a node without public channels cannot be rated",
    );
  }
  return { ...terms, target: target.keyHex, caller: caller?.keyHex };
}

/**
 * Decides and logs. What is logged says nothing of the caller, and of the amount no more than its size. An answer to a caller that
 * told of its own channels is not logged: its probability tells of them, and nobody else could compute it again.
 */
export async function answerIntent(
  ports: AnswerPorts,
  question: PreparedIntent,
  { predictionId, now }: { predictionId: string; now: UnixSeconds },
): Promise<{ decision: Decision; predictionId: string | null }> {
  const decision = await ports.decide({ ...question, now });
  if (question.callerChannels) return { decision, predictionId: null };
  const { probability, interval, belief, graphDigest, seed } = decision;
  ports.record({
    predictionId,
    kind: "payment",
    at: now,
    target: question.target,
    amount: bucketAmount(question.amount),
    probability,
    interval,
    model: MODEL,
    graphDigest,
    evidence: belief,
    seed,
  });
  return { decision, predictionId };
}
