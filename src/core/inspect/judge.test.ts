/** The stages of a call, each by a table: what an endpoint answers for, and what it does not. */
import { expect, test } from "vitest";
import { foreignInvoice, foreignToken, l402Line, OFFERED_AT, PAYEE } from "../../testing/foreign-offer.ts";
import { utf8 } from "../bytes.ts";
import { msat, unixSeconds } from "../units.ts";
import { readFinding } from "./finding.ts";
import { judgeChallenge, observedSchemes } from "./judge-challenge.ts";
import { judgeDelivery } from "./judge-delivery.ts";
import { judgeInvoice } from "./judge-invoice.ts";
import { judgePaymentFailure } from "./judge-payment.ts";
import type { Exchange, HttpAnswer } from "./judged.ts";

const answer = (status: number, headers: [string, string][] = [], body = ""): HttpAnswer => ({
  status,
  headers,
  body: utf8(body),
  latencyMs: 12,
});
const answered = (...parts: Parameters<typeof answer>): Exchange => ({ answered: true, answer: answer(...parts) });
const asks = (...lines: string[]) =>
  answered(
    402,
    lines.map((line) => ["www-authenticate", line]),
  );
const line = l402Line();
const [, macaroon = "", invoice = ""] = /macaroon="([^"]+)", invoice="([^"]+)"/.exec(line) ?? [];

test.each<[string, Exchange, string]>([
  ["the usual line", asks(line), "good OK"],
  ["the current specification", asks(`L402 version="0", token="${macaroon}", invoice="${invoice}"`), "good OK"],
  ["no comma after the version", asks(`L402 version="0" token="${macaroon}", invoice="${invoice}"`), "good OK"],
  ["the invoice first", asks(`L402 invoice="${invoice}", macaroon="${macaroon}"`), "good OK"],
  ["no quotes", asks(`L402 macaroon=${macaroon}, invoice=${invoice}`), "good OK"],
  ["lower case", asks(`l402 macaroon="${macaroon}",invoice="${invoice}"`), "good OK"],
  ["the older name", asks(`LSAT macaroon="${macaroon}", invoice="${invoice}"`), "good OK"],
  ["a second scheme before it", asks('Payment id="x", method="lightning"', line), "good OK"],
  ["both on one line", asks(`Bearer realm="x", ${line}`), "good OK"],
  ["a token that is no macaroon", asks(l402Line("eyJoIjoxfQ==")), "good OPAQUE_TOKEN"],
  ["no header", answered(402), "bad CHALLENGE_MISSING"],
  ["a body in place of a header", answered(402, [], '{"invoice":"lnbc1"}'), "bad CHALLENGE_MISSING"],
  ["a line of nothing", asks('Bearer realm="x"'), "bad CHALLENGE_UNREADABLE"],
  ["an offer without an invoice", asks(`L402 macaroon="${macaroon}"`), "bad CHALLENGE_UNREADABLE"],
  [
    "a line of a megabyte",
    asks(`L402 macaroon="${"A".repeat(1_000_000)}", invoice="${invoice}"`),
    "bad CHALLENGE_UNREADABLE",
  ],
  ["another way to pay", answered(402, [["payment-required", "e30="]]), "unknown OTHER_SCHEME"],
  ["its answer for nothing", answered(200, [], "{}"), "unknown FREE"],
  ["a detour", answered(302), "unknown REDIRECTED"],
  ["it is gone", answered(404), "bad NOT_FOUND"],
  ["it is gone for good", answered(410), "bad NOT_FOUND"],
  ["our request is wrong", answered(400), "unknown STATUS_400"],
  ["our method is wrong", answered(405), "unknown STATUS_405"],
  ["our body is missing", answered(422), "unknown STATUS_422"],
  ["we ask too often", answered(429), "unknown STATUS_429"],
  ["we are not welcome", answered(403), "unknown STATUS_403"],
  ["it fails", answered(503), "bad STATUS_5XX"],
  ["a status that is none", answered(418), "bad STATUS_ODD"],
  ["nobody there", { answered: false, kind: "CONNECT", blame: "theirs" }, "bad CONNECT"],
  [
    "our own refusal to call it",
    { answered: false, kind: "ADDRESS_REFUSED", blame: "ours" },
    "unknown ADDRESS_REFUSED",
  ],
  ["nobody knows why", { answered: false, kind: "DNS", blame: "unknown" }, "unknown DNS"],
])("challenge: %s", (_name, exchange, want) => {
  const { verdict, code } = judgeChallenge(exchange);
  expect(`${verdict} ${code}`).toBe(want);
});

test.each<[string, HttpAnswer, string[]]>([
  ["L402 alone", answer(402, [["www-authenticate", line]]), ["l402"]],
  [
    "two at once",
    answer(402, [
      ["www-authenticate", line],
      ["payment-required", "e30="],
    ]),
    ["l402", "x402"],
  ],
  [
    "Payment on the same line",
    answer(402, [["www-authenticate", `${line}, Payment id="x", method="lightning"`]]),
    ["l402", "mpp"],
  ],
  ["x402 in the body", answer(402, [], '{"x402Version":1,"accepts":[]}'), ["x402"]],
  ["ecash", answer(402, [["x-cashu", "creqA"]]), ["cashu"]],
  ["nothing", answer(402), []],
])("ways of payment: %s", (_name, seen, want) => expect(observedSchemes(seen)).toEqual(want));

const circumstances = { network: "bcrt", now: OFFERED_AT } as const;
const offerOf = (exchange: Exchange) => {
  const judged = judgeChallenge(exchange);
  if (judged.verdict !== "good") throw new Error(judged.code);
  return judged;
};
const otherHash = new Uint8Array(32).fill(8);

test.each<[string, string, Parameters<typeof judgeInvoice>[1], string]>([
  ["as announced", line, { price: msat(21_000n), payee: PAYEE }, "good OK"],
  ["nothing announced", line, {}, "good OK"],
  ["cheaper than announced", line, { price: msat(22_000n) }, "good OK"],
  ["a msat dearer than announced", line, { price: msat(20_999n) }, "bad PRICE_ABOVE_ANNOUNCED"],
  ["announced to be free", line, { price: msat(0n) }, "bad PRICE_ABOVE_ANNOUNCED"],
  ["another payee", line, { payee: `02${"ab".repeat(32)}` }, "bad PAYEE_DIFFERS"],
  ["a macaroon for another payment", l402Line(foreignToken(otherHash)), {}, "bad HASH_DIFFERS"],
  ["a token that says nothing of it", l402Line("eyJoIjoxfQ=="), {}, "good OK"],
  ["no amount", l402Line(undefined, withoutAmount()), {}, "bad AMOUNT_MISSING"],
  ["another network", l402Line(undefined, foreignInvoice({ network: "bc" })), {}, "unknown OTHER_NETWORK"],
  [
    "expired",
    l402Line(undefined, foreignInvoice({ timestamp: unixSeconds(OFFERED_AT - 601) })),
    {},
    "bad INVOICE_EXPIRED",
  ],
  ["a minute left", l402Line(undefined, foreignInvoice({ expirySec: 60 })), {}, "bad INVOICE_EXPIRED"],
  ["a second more", l402Line(undefined, foreignInvoice({ expirySec: 61 })), {}, "good OK"],
  [
    "from tomorrow",
    l402Line(undefined, foreignInvoice({ timestamp: unixSeconds(OFFERED_AT + 86_400) })),
    {},
    "bad INVOICE_FROM_FUTURE",
  ],
  [
    "money locked for months",
    l402Line(undefined, foreignInvoice({ minFinalCltvExpiry: 2_017 })),
    {},
    "bad LOCKS_TOO_LONG",
  ],
  ["a signature that does not hold", l402Line(undefined, tampered()), {}, "bad INVOICE_MALFORMED"],
  ["words", l402Line(undefined, "pay me"), {}, "bad INVOICE_MALFORMED"],
  [
    "a BOLT 12 offer",
    l402Line(undefined, "lno1qgsqvgnwgcg35z6ee2h3yczraddm72xrfua9uve2rlrm9deu7xyfzrc"),
    {},
    "bad INVOICE_MALFORMED",
  ],
])("invoice: %s", (_name, offered, announced, want) => {
  const { verdict, code } = judgeInvoice(offerOf(asks(offered)), announced, circumstances);
  expect(`${verdict} ${code}`).toBe(want);
});

function withoutAmount(): string {
  return foreignInvoice({ amount: undefined as never });
}

function tampered(): string {
  const text = foreignInvoice();
  return `${text.slice(0, -10)}${text.at(-10) === "q" ? "p" : "q"}${text.slice(-9)}`;
}

test.each([
  ["incorrect-payment-details", "bad INVOICE_REFUSED"],
  ["no-route", "unknown NO_ROUTE"],
  ["insufficient-balance", "unknown INSUFFICIENT_BALANCE"],
  ["timeout", "unknown TIMEOUT"],
])("payment: %s", (failure, want) => {
  const { verdict, code } = judgePaymentFailure(failure);
  expect(`${verdict} ${code}`).toBe(want);
});

test.each<[string, Exchange, boolean, string]>([
  ["what was paid for", answered(200, [], "{}"), false, "good OK"],
  ["made to pay again", asks(line), false, "bad ASKED_TO_PAY_AGAIN"],
  ["sent away", answered(401), false, "bad PAID_AND_REFUSED"],
  ["a failure", answered(502), false, "bad STATUS_5XX"],
  ["a complaint about a request of ours", answered(400), false, "unknown STATUS_400"],
  ["a complaint about its own example", answered(400), true, "bad STATUS_4XX"],
  ["a limit", answered(429), true, "unknown STATUS_429"],
  ["silence", { answered: false, kind: "TIMEOUT", blame: "theirs" }, false, "bad TIMEOUT"],
])("delivery: %s", (_name, exchange, asListed, want) => {
  const { verdict, code } = judgeDelivery(exchange, { asListed });
  expect(`${verdict} ${code}`).toBe(want);
});

const endpoint = { id: "ab".repeat(32), method: "GET" } as const;
test.each([
  [{ stage: "challenge", verdict: "unknown", code: "FREE" }, undefined],
  [{ stage: "challenge", verdict: "bad", code: "NOT_FOUND" }, "challenge false NOT_FOUND"],
  [{ stage: "invoice", verdict: "unknown", code: "OTHER_NETWORK" }, "challenge true OK"],
  [{ stage: "payment", verdict: "unknown", code: "NO_ROUTE" }, "invoice true OK"],
  [{ stage: "delivery", verdict: "unknown", code: "STATUS_429" }, "payment true OK"],
  [{ stage: "quality", verdict: "good", code: "OK" }, "quality true OK"],
] as const)("evidence in %o", (finding, want) => {
  const call = readFinding(finding, endpoint);
  expect(call && `${call.stage} ${call.good} ${call.code}`).toBe(want);
});
