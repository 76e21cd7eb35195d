/** First stage: asked without payment, does the endpoint ask for one, in a form that clients can read? */
import { fromBase64, fromUtf8 } from "../bytes.ts";
import type { Scheme } from "../endpoint/listing.ts";
import { type Challenge, parseChallenge } from "../l402/challenge.ts";
import { decodeIdentifier } from "../l402/identifier.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { bad, type Exchange, type HttpAnswer, type Judged, judgeSilence, linesOf, unknown } from "./judged.ts";

/** The token as clients will see it. "opaque": no macaroon, so those that look into it (aperture's, lnget) give up. */
export type TokenForm = "macaroon" | "opaque";

/** `paymentHash` is what the macaroon says it is sold for (32 bytes), where it says so. */
export type Offer = {
  readonly challenge: Challenge;
  readonly form: TokenForm;
  readonly paymentHash?: Uint8Array;
};

/** What an answer of 402 says of a status that is not one. Requests that may be wrong in themselves convict nobody. */
const UNKNOWN_STATUSES = new Set([
  400, 401, 403, 405, 406, 408, 409, 411, 412, 413, 414, 415, 417, 421, 422, 425, 426, 428, 429, 431, 451,
]);

/** With its preimage it must fit into a header, and servers commonly take 8 kB of one. */
const MAX_TOKEN_CHARACTERS = 8_000;

/** Ways of payment a 402 offers, whatever else it says. */
export function observedSchemes(answer: HttpAnswer): Scheme[] {
  const lines = linesOf(answer, "www-authenticate");
  const offers = (name: RegExp) => lines.some((line) => name.test(line));
  const schemes: Scheme[] = [];
  if (parseChallenge(lines)) schemes.push("l402");
  if (offers(/(?:^|,)\s*Payment\s+\w+\s*=/i)) schemes.push("mpp");
  if (linesOf(answer, "payment-required").length > 0 || isX402(answer.body)) schemes.push("x402");
  if (linesOf(answer, "x-cashu").length > 0 || offers(/(?:^|,)\s*(?:X-)?Cashu\b/i)) schemes.push("cashu");
  return schemes;
}

/** The 402 of an endpoint that was asked as its listing says; or what it did instead. */
export function judgeChallenge(exchange: Exchange): Judged<Offer> {
  if (!exchange.answered) return judgeSilence(exchange);
  const { answer } = exchange;
  const { status } = answer;
  if (status !== 402) return judgeOtherStatus(status);
  const lines = linesOf(answer, "www-authenticate");
  const challenge = parseChallenge(lines);
  if (challenge && challenge.macaroon.length > MAX_TOKEN_CHARACTERS) return bad("TOKEN_TOO_LONG");
  if (challenge) return { verdict: "good", ...readToken(challenge) };
  // Paying another way is no fault; but it is no L402 either, and nothing that we can follow further.
  if (observedSchemes(answer).length > 0) return unknown("OTHER_SCHEME");
  return bad(lines.length > 0 ? "CHALLENGE_UNREADABLE" : "CHALLENGE_MISSING");
}

function judgeOtherStatus(status: number): Judged<never> {
  if (status >= 200 && status < 300) return unknown("FREE");
  if (status >= 300 && status < 400) return unknown("REDIRECTED");
  if (status === 404 || status === 410) return bad("NOT_FOUND");
  if (status >= 500) return bad("STATUS_5XX");
  return UNKNOWN_STATUSES.has(status) ? unknown(`STATUS_${status}`) : bad("STATUS_ODD");
}

/** A token that is no macaroon still opens what it was sold for. */
function readToken(challenge: Challenge): Offer & { code: string } {
  const bytes = fromBase64(challenge.macaroon);
  const identifier = bytes && readIdentifier(bytes);
  if (identifier === undefined) return { code: "OPAQUE_TOKEN", challenge, form: "opaque" };
  const named = decodeIdentifier(identifier);
  return { code: "OK", challenge, form: "macaroon", ...(named && { paymentHash: named.paymentHash }) };
}

function readIdentifier(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return decodeMacaroon(bytes).identifier;
  } catch {
    return undefined;
  }
}

/** More of a body than this is not looked at for the sign of another protocol. */
const MAX_SIGN_BYTES = 65_536;

function isX402(body: Uint8Array): boolean {
  if (body.length === 0 || body.length > MAX_SIGN_BYTES) return false;
  const text = fromUtf8(body);
  return /"x402Version"\s*:/.test(text) && /"accepts"\s*:/.test(text);
}
