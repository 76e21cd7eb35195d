/** Fourth stage: does whoever has paid get an answer of success? */
import { bad, type Exchange, type HttpAnswer, type Judged, judgeSilence, unknown } from "./judged.ts";

/**
 * `asListed`: the request was made from an example of the endpoint's own, so a complaint about it is the endpoint's to answer for.
 * Without one, a complaint about the request may be right.
 */
export function judgeDelivery(exchange: Exchange, { asListed }: { asListed: boolean }): Judged<{ answer: HttpAnswer }> {
  if (!exchange.answered) return judgeSilence(exchange);
  const { answer } = exchange;
  const { status } = answer;
  if (status >= 200 && status < 300) return { verdict: "good", code: "OK", answer };
  if (status === 402) return bad("ASKED_TO_PAY_AGAIN");
  if (status === 401 || status === 403) return bad("PAID_AND_REFUSED");
  if (status === 404 || status === 410) return bad("NOT_FOUND");
  if (status >= 500) return bad("STATUS_5XX");
  // A limit or a detour after the money was taken: whoever pays is owed the answer, but may get it on another try.
  if (status === 429 || status === 425 || (status >= 300 && status < 400)) return unknown(`STATUS_${status}`);
  return asListed ? bad("STATUS_4XX") : unknown(`STATUS_${status}`);
}
