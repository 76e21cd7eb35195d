/**
 * The offer inside a 402: a line that every known client reads, and the same offer as JSON for those that read bodies.
 *
 * `macaroon` and `invoice` come first and in this order, because deployed parsers match them there; `version` and
 * `token` (L402 specification) follow, where those parsers do not look. `macaroon` and `token` are the same bytes.
 */
import { fromBase64 } from "../bytes.ts";
import { OracleError } from "../errors.ts";
import { type Msat, msatToSat } from "../units.ts";

/** A macaroon in padded standard base64, and the invoice that pays for it. */
export type Challenge = { readonly macaroon: string; readonly invoice: string };

const MAX_LINES = 16;
const MAX_LINE_CHARACTERS = 16_384;

/**
 * The `WWW-Authenticate` lines, in order. With `lsatLine`, a second line offers the same under the older scheme name.
 *
 * @throws MACAROON_MALFORMED, INVOICE_MALFORMED when a value would break out of its quotes
 */
export function formatChallenge(challenge: Challenge, options: { lsatLine?: boolean } = {}): string[] {
  const { macaroon, invoice } = challenge;
  if (macaroon === "" || !fromBase64(macaroon)) {
    throw new OracleError("MACAROON_MALFORMED", "a challenge needs its macaroon in base64");
  }
  if (!/^ln[0-9a-z]+$/i.test(invoice))
    throw new OracleError("INVOICE_MALFORMED", "a challenge needs a BOLT 11 invoice");
  const offer = `macaroon="${macaroon}", invoice="${invoice}"`;
  const line = `L402 ${offer}, version="0", token="${macaroon}"`;
  return options.lsatLine ? [line, `LSAT ${offer}`] : [line];
}

/** The members that body-reading clients look for. Amounts are whole satoshis, rounded up. */
export function challengeBody(offer: Challenge & { readonly paymentHash: string; readonly amount: Msat }) {
  const { macaroon, invoice, paymentHash, amount } = offer;
  const sats = Number(msatToSat(amount));
  return {
    error: "Payment Required",
    invoice,
    macaroon,
    token: macaroon,
    paymentHash,
    amountSats: sats,
    priceSats: sats,
    price_sats: sats,
  };
}

/** A parameter (quoted either way, or bare), a scheme name, or a character that is neither. */
const PIECE =
  /[\s,]*(?:([\w!#$%&*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s,"']+))|([\w!#$%&*+.^`|~-]+)|(\S))/gy;

/**
 * The first L402 or LSAT challenge that offers a macaroon (under either of its names) and an invoice; undefined when
 * there is none. Parameters may come in any order and more than we know; several schemes may share a line.
 */
export function parseChallenge(lines: readonly string[]): Challenge | undefined {
  for (const line of lines.slice(0, MAX_LINES)) {
    if (line.length > MAX_LINE_CHARACTERS) continue;
    for (const parameters of l402Parameters(line)) {
      const macaroon = parameters.get("macaroon") ?? parameters.get("token");
      const invoice = parameters.get("invoice");
      if (macaroon && invoice) return { macaroon, invoice };
    }
  }
  return undefined;
}

/** Parameters of each L402 or LSAT scheme of a line, names in lower case, the first of a name kept. */
function l402Parameters(line: string): Map<string, string>[] {
  const found: Map<string, string>[] = [];
  let current: Map<string, string> | undefined;
  for (const [, name, double, single, bare, scheme] of line.matchAll(PIECE)) {
    if (scheme !== undefined) {
      current = /^(?:l402|lsat)$/i.test(scheme) ? new Map() : undefined;
      if (current) found.push(current);
    } else if (name !== undefined && current && !current.has(name.toLowerCase())) {
      current.set(name.toLowerCase(), double ?? single ?? bare ?? "");
    }
  }
  return found;
}
