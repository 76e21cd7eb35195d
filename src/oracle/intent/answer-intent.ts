/** A decision for one payment: the nodes are found first, which costs nothing; the verdict is computed and logged after. */
import { fromHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { type Decision, MODEL, type Prediction } from "../../core/intent/decision.ts";
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
  /** Writes the prediction before its outcome can be known. */
  append(prediction: Prediction): Promise<void>;
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

/** Decides and logs: the prediction is stored before anybody hears it. */
export async function answerIntent(
  ports: AnswerPorts,
  question: PreparedIntent & { predictionId: string; now: UnixSeconds },
): Promise<Decision> {
  const { predictionId, now, ...asked } = question;
  const decision = await ports.decide({ ...asked, now });
  await ports.append({
    predictionId,
    target: bytes(asked.target),
    caller: asked.caller === undefined ? undefined : bytes(asked.caller),
    amount: asked.amount,
    probability: decision.probability,
    low: decision.interval.low,
    high: decision.interval.high,
    firstTry: decision.firstTryProbability,
    verdict: decision.verdict,
    graphDigest: bytes(decision.graphDigest),
    model: MODEL,
    at: now,
  });
  return decision;
}

/** Hex that was checked before. */
function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex);
  if (!decoded) throw new OracleError("INTERNAL", "not hex");
  return decoded;
}
