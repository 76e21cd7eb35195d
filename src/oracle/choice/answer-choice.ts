/** An answer to who wants a service: what is asked for is checked first, which costs nothing; then the best are found and told. */
import { bucketAmount } from "../../core/bucket-amount.ts";
import type { Counts, Wanted } from "../../core/choice/question.ts";
import { type EndpointReason, explainEndpoint } from "../../core/choice/reasons.ts";
import type { Method } from "../../core/endpoint/endpoint.ts";
import { OracleError } from "../../core/errors.ts";
import type { Verdict } from "../../core/intent/decision.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import type { Chance } from "../../core/score/interval.ts";
import { parseSubject, type Subject } from "../../core/subject.ts";
import type { EndpointBelief } from "../../core/trust/believe-endpoint.ts";
import { type Msat, msat, type UnixSeconds } from "../../core/units.ts";
import { type ChoosePorts, type ChosenRow, chooseEndpoints, type FirstLook, sizesOf } from "./choose-endpoints.ts";

/** An endpoint as it was rated last. */
export type EndpointDetail = {
  readonly endpointId: bigint;
  /** SHA-256 of the URL, lower-case hex. */
  readonly urlHash: string;
  readonly url: string;
  readonly method: Method;
  readonly host: string;
  readonly name: string | undefined;
  readonly category: string | undefined;
  /** The Nostr key that proved to run the host. */
  readonly operator: string | undefined;
  readonly announced: Msat | undefined;
  readonly price: Msat | undefined;
  readonly payee: string | undefined;
  readonly latency: { readonly medianMs: number; readonly ninetiethMs: number } | undefined;
  readonly sources: readonly string[];
  readonly stages: EndpointBelief["stages"];
  readonly chance: Chance;
  readonly verdict: Verdict;
  readonly observations: number;
  readonly newestAt: UnixSeconds | undefined;
  readonly ratedAt: UnixSeconds;
  readonly modelAt: number;
  /** The last entry of the log that was read for it, and its hash; zeros before the first. */
  readonly position: bigint;
  readonly head: string;
};

export type ChoiceQuestion = {
  readonly wanted: Wanted;
  readonly caller: string | undefined;
  readonly limit: number;
  readonly explore: boolean;
};
/** `caller` is a node's key; undefined where none was named or no announced node has the name. */
export type PreparedChoice = ChoiceQuestion & { readonly counts: Counts; readonly look: FirstLook };

export type PrepareChoicePorts = {
  /** Undefined when the graph has no such node. @throws SUBJECT_AMBIGUOUS */
  find(subject: Subject): Promise<{ keyHex: string } | undefined>;
  /** So many of the cheapest and of the most promising, and how many there are. */
  look(wanted: Wanted, sizes: { rows: number; hopeful: number }): Promise<FirstLook & { counts: Counts }>;
};

export type AnswerChoicePorts = ChoosePorts & {
  describe(endpointIds: readonly bigint[]): Promise<EndpointDetail[]>;
  /** Takes the prediction, to be written while the answer is on its way. Never waits. */
  record(prediction: Prediction): void;
};

export type ToldEndpoint = ChosenRow & { readonly detail: EndpointDetail; readonly reasons: readonly EndpointReason[] };

/** Names the computation behind a probability, so that its record is kept apart from later ones. */
const MODEL = "endpoint-call-1";

/** @throws SUBJECT_UNKNOWN when nothing that is listed is of this kind; SUBJECT_MALFORMED, SUBJECT_AMBIGUOUS for the caller */
export async function prepareChoice(ports: PrepareChoicePorts, question: ChoiceQuestion): Promise<PreparedChoice> {
  const { wanted, caller } = question;
  const [{ counts, ...look }, node] = await Promise.all([
    ports.look(wanted, sizesOf(question)),
    caller === undefined ? undefined : ports.find(parseSubject(caller)),
  ]);
  if (counts.matched === 0) {
    throw new OracleError(
      "SUBJECT_UNKNOWN",
      "no listed service has this category and these keywords: GET /api/services/categories names those there are",
    );
  }
  return { ...question, caller: node?.keyHex, counts, look };
}

/**
 * The best, each with what is known of it. The first one's probability is logged, as it is for a typical caller: that says nothing
 * of who asked, and can be computed again.
 */
export async function answerChoice(
  ports: AnswerChoicePorts,
  question: PreparedChoice,
  { predictionId, now }: { predictionId: string; now: UnixSeconds },
): Promise<{ told: ToldEndpoint[]; repeats: number; predictionId: string | null }> {
  const { chosen, repeats } = await chooseEndpoints(ports, question);
  const details = await ports.describe(chosen.map(({ row }) => row.id));
  const told = chosen.flatMap((each): ToldEndpoint[] => {
    // It may have been taken out of the catalogue between the two.
    const detail = details.find(({ endpointId }) => endpointId === each.row.id);
    return detail ? [{ ...each, detail, reasons: explainEndpoint(knownOf(detail), now) }] : [];
  });
  const [first] = told;
  if (!first) return { told, repeats, predictionId: null };
  ports.record(predictionOf(first.detail, predictionId, now));
  return { told, repeats, predictionId };
}

function knownOf({ latency, ...detail }: EndpointDetail) {
  return { ...detail, latencyMs: latency?.medianMs };
}

function predictionOf(detail: EndpointDetail, predictionId: string, now: UnixSeconds): Prediction {
  const { urlHash, method, price = msat(0n), chance, modelAt, position, head, ratedAt } = detail;
  return {
    predictionId,
    kind: "call",
    at: now,
    target: `${urlHash} ${method}`,
    amount: bucketAmount(price),
    probability: chance.probability,
    interval: chance.interval,
    model: `${MODEL} ${modelAt}`,
    graphDigest: "",
    evidence: { position, head, at: ratedAt },
    seed: 0,
  };
}
