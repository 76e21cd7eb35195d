/** The challenge as each known client reads it: their parse rules, as small models. */
import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "../bytes.ts";
import { encodeMacaroon } from "../macaroon/binary.ts";
import { decodeMacaroon } from "../macaroon/decode.ts";
import { msat } from "../units.ts";
import { challengeBody, formatChallenge, parseChallenge } from "./challenge.ts";
import { decodeIdentifier, encodeIdentifier } from "./identifier.ts";

const identifier = encodeIdentifier({
  paymentHash: new Uint8Array(32).fill(0xfb),
  tokenId: new Uint8Array(32).fill(0xbe),
});
const macaroon = toBase64(encodeMacaroon({ location: "lsat", identifier, caveats: [], signature: new Uint8Array(32) }));
const invoice = "lnbcrt10n1p3qqkygpp5xzj85m5mpvatnapgpuyfxtxhypa5gr6sskqd8664v04550vqp8ls";
const challenge = { macaroon, invoice };

type Read = { macaroon: string; invoice: string } | undefined;
const read = (match: RegExpExecArray | null): Read =>
  match ? { macaroon: match[1] ?? "", invoice: match[2] ?? "" } : undefined;
const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Name=value pairs of joined lines; with `last`, a later one replaces an earlier one. */
function pairs(text: string, pattern: RegExp, last: boolean): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", ...values] of text.matchAll(pattern)) {
    if (last || !found.has(name)) found.set(name, values.find((value) => value !== undefined) ?? "");
  }
  return found;
}

function readL402sdk(line: string): Read {
  const [, list] = /^(?:L402|LSAT) (.*)$/.exec(line) ?? [];
  const parts = list?.split(",").map((part) => part.trim()) ?? [];
  if (parts.length === 0 || parts.some((part) => !part.includes("="))) return undefined;
  const value = (name: string) =>
    parts
      .find((part) => part.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replace(/^"|"$/g, "");
  const [m, i] = [value("macaroon"), value("invoice")];
  return m && i && /^ln(bc|tb)/.test(i) ? { macaroon: m, invoice: i } : undefined;
}

function readLnget(line: string): Read {
  const found = read(/^(?:l402|lsat)\s+macaroon="([^"]+)",\s*invoice="([^"]+)"/i.exec(line));
  const decoded = found && decodeMacaroon(fromBase64(found.macaroon) as Uint8Array);
  return decoded && decodeIdentifier(decoded.identifier) ? found : undefined;
}

/** How many lines a client sees, and what it takes from them. */
const CLIENTS: Record<string, (lines: string[]) => Read> = {
  "aperture ClientInterceptor": (lines) => {
    const found = lines.map((line) => read(/(?:LSAT|L402) macaroon="(.*?)", invoice="(.*?)"/.exec(line))).find(Boolean);
    return found && strict.test(found.macaroon) ? found : undefined;
  },
  lnget: ([line = ""]) => readLnget(line),
  L402sdk: ([line = ""]) => readL402sdk(line),
  "Sulu l402": (lines) => {
    const text = lines.join(", ");
    if (!/^(?:L402|LSAT) /.test(text)) return undefined;
    const [m, i] = [/macaroon="([A-Za-z0-9+/=_-]+)"/.exec(text), /invoice="(\w+)"/.exec(text)];
    return m && i ? { macaroon: m[1] ?? "", invoice: i[1] ?? "" } : undefined;
  },
  "lsat-js": (lines) => {
    const found = pairs(lines.join(", ").replace(/^\w+ /, ""), /(\w+)="([^"]*)"/g, false);
    const [m, i] = [found.get("macaroon"), found.get("invoice")];
    return m && i ? { macaroon: m, invoice: i } : undefined;
  },
  "l402-requests": (lines) =>
    read(/(?:L402|LSAT)\s+macaroon="([^"]+)"\s*,\s*invoice="([^"]+)"/i.exec(lines.join(", "))),
  "fewsats L402-python": (lines) => {
    const [m, i] = [/macaroon="(\S+)"/.exec(lines.join(", ")), /invoice="(\S+)"/.exec(lines.join(", "))];
    return m && i ? { macaroon: m[1] ?? "", invoice: i[1] ?? "" } : undefined;
  },
  fewsatscli: (lines) => {
    const [m, i] = [/macaroon="(.*?)"/.exec(lines.join(", ")), /invoice="(.*?)"/.exec(lines.join(", "))];
    return m && i ? { macaroon: m[1] ?? "", invoice: i[1] ?? "" } : undefined;
  },
  "Alby lightning-tools": (lines) => {
    const found = pairs(lines.join(", "), /(\w+)=(?:"([^"]*)"|'([^']*)'|([^\s,]+))/g, true);
    const [m, i] = [found.get("token") ?? found.get("macaroon"), found.get("invoice")];
    return m && i ? { macaroon: m, invoice: i } : undefined;
  },
  "an SDK that takes either name": (lines) => {
    const text = lines.join(", ");
    const [m, i] = [/(?:macaroon|token)="?([^",\s]+)/i.exec(text), /invoice="?([^",\s]+)/i.exec(text)];
    return /^(?:L402|LSAT)\s/i.test(text) && m && i ? { macaroon: m[1] ?? "", invoice: i[1] ?? "" } : undefined;
  },
};

const payment = 'Payment id="x", realm="y", method="lightning", intent="charge", request="e30"';

describe.each(Object.entries(CLIENTS))("%s", (_name, client) => {
  test.each([
    { name: "our line", lines: formatChallenge(challenge) },
    { name: "our line, then LSAT", lines: formatChallenge(challenge, { lsatLine: true }) },
    { name: "our lines, then another scheme", lines: [...formatChallenge(challenge, { lsatLine: true }), payment] },
  ])("reads $name", ({ lines }) => {
    expect(client(lines)).toEqual(challenge);
  });
});

test("the models can fail: the literal form of the specification is lost on half of them", () => {
  const literal = [`L402 version="0", token="${macaroon}", invoice="${invoice}"`];
  const readers = Object.keys(CLIENTS).filter((name) => CLIENTS[name]?.(literal));
  expect(readers).toEqual(["Alby lightning-tools", "an SDK that takes either name"]);
});

describe("the lines", () => {
  test("are these", () => {
    expect(formatChallenge({ macaroon: "AgEE", invoice: "lnbcrt1" }, { lsatLine: true })).toEqual([
      'L402 macaroon="AgEE", invoice="lnbcrt1", version="0", token="AgEE"',
      'LSAT macaroon="AgEE", invoice="lnbcrt1"',
    ]);
    expect(formatChallenge({ macaroon: "AgEE", invoice: "lnbcrt1" })).toHaveLength(1);
  });

  test.each([
    { name: "a quote in the invoice", bad: { macaroon: "AgEE", invoice: 'lnbc1", x="' }, code: "INVOICE_MALFORMED" },
    {
      name: "a line break in the invoice",
      bad: { macaroon: "AgEE", invoice: "lnbc1\r\nx: y" },
      code: "INVOICE_MALFORMED",
    },
    { name: "no invoice", bad: { macaroon: "AgEE", invoice: "" }, code: "INVOICE_MALFORMED" },
    { name: "a quote in the macaroon", bad: { macaroon: 'AgEE"', invoice: "lnbc1" }, code: "MACAROON_MALFORMED" },
    { name: "no macaroon", bad: { macaroon: "", invoice: "lnbc1" }, code: "MACAROON_MALFORMED" },
  ])("are not written with $name", ({ bad, code }) => {
    expect(() => formatChallenge(bad)).toThrow(expect.objectContaining({ code }));
  });
});

test("the body has what l402-kit and lightning-toll look for, in whole satoshis", () => {
  const body = challengeBody({ macaroon, invoice, paymentHash: "fb".repeat(32), amount: msat(1_001n) });
  expect(body).toEqual({
    error: "Payment Required",
    invoice,
    macaroon,
    token: macaroon,
    paymentHash: "fb".repeat(32),
    amountSats: 2,
    priceSats: 2,
    price_sats: 2,
  });
});

describe("challenges of other servers are read", () => {
  test.each([
    { name: "our own", lines: formatChallenge(challenge, { lsatLine: true }) },
    { name: "aperture", lines: [`LSAT macaroon="${macaroon}", invoice="${invoice}"`] },
    { name: "the specification", lines: [`L402 version="0", token="${macaroon}", invoice="${invoice}"`] },
    { name: "Alby's server, a comma short", lines: [`L402 version="0" token="${macaroon}", invoice="${invoice}"`] },
    { name: "lightning-toll, invoice first", lines: [`L402 invoice="${invoice}", macaroon="${macaroon}"`] },
    { name: "no space after the comma", lines: [`L402 macaroon="${macaroon}",invoice="${invoice}"`] },
    { name: "a space and no comma", lines: [`L402 macaroon="${macaroon}" invoice="${invoice}"`] },
    { name: "bare values", lines: [`L402 macaroon=${macaroon}, invoice=${invoice}`] },
    { name: "single quotes", lines: [`L402 macaroon='${macaroon}', invoice='${invoice}'`] },
    { name: "spaces around the equals sign", lines: [`L402 macaroon = "${macaroon}", invoice = "${invoice}"`] },
    { name: "lower case", lines: [`l402 Macaroon="${macaroon}", INVOICE="${invoice}"`] },
    { name: "a realm first", lines: [`L402 realm="a, \\"b\\" L402 c", macaroon="${macaroon}", invoice="${invoice}"`] },
    {
      name: "after other schemes on the line",
      lines: [`Bearer realm="x", ${payment}, L402 macaroon="${macaroon}", invoice="${invoice}"`],
    },
    {
      name: "before other schemes on the line",
      lines: [`L402 macaroon="${macaroon}", invoice="${invoice}", ${payment}`],
    },
    { name: "after other lines", lines: ["Basic", payment, `L402 macaroon="${macaroon}", invoice="${invoice}"`] },
    { name: "after one that offers nothing", lines: ["L402", `LSAT macaroon="${macaroon}", invoice="${invoice}"`] },
  ])("$name", ({ lines }) => {
    expect(parseChallenge(lines)).toEqual(challenge);
  });

  test.each([
    { name: "nothing", lines: [] },
    { name: "another scheme with our parameters", lines: [`Payment macaroon="${macaroon}", invoice="${invoice}"`] },
    { name: "no invoice", lines: [`L402 macaroon="${macaroon}"`] },
    { name: "an invoice of another scheme", lines: [`L402 macaroon="${macaroon}", Payment invoice="${invoice}"`] },
    { name: "a quote that does not end", lines: [`L402 invoice="${invoice}", macaroon="${macaroon}`] },
    {
      name: "a line too long",
      lines: [`L402 macaroon="${macaroon}", invoice="${invoice}", x="${"x".repeat(16_384)}"`],
    },
    { name: "our scheme inside a quoted value", lines: [`Basic realm="L402 macaroon=m, invoice=i"`] },
  ])("$name is no challenge", ({ lines }) => {
    expect(parseChallenge(lines)).toBeUndefined();
  });

  // What RFC 9110 §5.6 and §11 allow beside our scheme, after the situations of aperture's mpp/testdata/vectors.json.
  test.each([
    { name: "two offers joined by a proxy", other: `${payment}, ${payment.replace('id="x"', 'id="z"')}` },
    { name: "no space after the comma", other: `${payment},Payment id="z", request="e30"` },
    { name: "empty elements of the list", other: `${payment} , , Payment id="z"` },
    { name: "parameters that must not leak forward", other: 'Basic realm="m", Digest macaroon="no", invoice="no"' },
    { name: "a scheme and a comma inside a value", other: 'Payment id="a,b", realm="L402 macaroon=no, invoice=no"' },
    { name: "an escaped quote", other: 'Payment description="say \\"L402 macaroon=\\"", id="z"' },
    { name: "an escaped backslash before the quote", other: 'Payment realm="a\\\\", id="z"' },
    { name: "names in other cases", other: 'PAYMENT ID="a", ReQuEsT="e30"' },
    { name: "bare values", other: "Payment id=a, realm=r, request=e30" },
    { name: "an offer of ours that is not whole", other: 'L402 macaroon="no", Payment invoice="no"' },
  ])("beside another scheme with $name", ({ other }) => {
    const ours = formatChallenge(challenge)[0] as string;
    expect(parseChallenge([other])).toBeUndefined();
    for (const lines of [[other, ours], [ours, other], [`${other}, ${ours}`], [`${ours}, ${other}`]]) {
      expect(parseChallenge(lines)).toEqual(challenge);
    }
  });

  test("of a parameter that comes twice, the first counts", () => {
    const repeated = `L402 macaroon="${macaroon}", invoice="${invoice}", invoice="lnbc1", macaroon="AgEE"`;
    expect(parseChallenge([repeated])).toEqual(challenge);
  });

  test("a hostile line holds nobody up", () => {
    const hostile = [
      'L402 a="'.repeat(2_000),
      `L402 ${" ".repeat(16_000)}`,
      "L402 ".repeat(3_000),
      `a${"=".repeat(16_000)}`,
    ];
    for (const line of hostile) expect(parseChallenge([line])).toBeUndefined();
  });
});
