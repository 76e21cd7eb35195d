/**
 * Clients that npm does not have (Go, Rust, Python, and TypeScript ones that live in source), as models: how each reads
 * an offer, what it sends as proof, and what it does when its token is spent. Written from what their sources do.
 */
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { decode as decodeInvoice } from "light-bolt11-decoder";
import { parseChallenge } from "../../core/l402/challenge.ts";
import type { Client } from "./client.ts";
import { postJson, type Reply } from "./exchange.ts";

type Offer = { scheme: string; macaroon: string; invoice: string };
type Model = Pick<Client, "name" | "whenSpent" | "keepsToken"> & {
  /** The offer as this client reads it; undefined where it would give up. */
  read(reply: Reply): Offer | undefined;
  /** The headers of its second request. */
  prove(offer: Offer, preimage: string): Record<string, string>;
  /** Whether it asks again without a token before it pays, and pays that second offer. */
  asksTwice?: boolean;
};

const { importMacaroon } = createRequire(import.meta.url)("macaroon") as {
  importMacaroon(bytes: Uint8Array): { identifier: Uint8Array };
};

const QUOTED_PAIR = 'macaroon="([^"]+)",%invoice="([^"]+)"';
/** `gap` stands between the comma and `invoice`. */
const pair = (before: string, gap: string, flags = "") => new RegExp(before + QUOTED_PAIR.replace("%", gap), flags);

/** An offer by an expression of three groups: scheme, macaroon, invoice. */
function match(expression: RegExp, text: string | undefined): Offer | undefined {
  const [, scheme, macaroon, invoice] = expression.exec(text ?? "") ?? [];
  return scheme !== undefined && macaroon && invoice ? { scheme, macaroon, invoice } : undefined;
}

const joined = ({ lines }: Reply) => lines.join(", ");

/** Appends a first-party caveat to version 2 bytes: they end with 00 (end of caveats), 06 20, and the signature. */
function appendCaveat(macaroon: Buffer, caveat: string): Buffer {
  const text = Buffer.from(caveat);
  if (macaroon[0] !== 2 || text.length > 127) throw new Error("this model writes short caveats into version 2");
  const signature = createHmac("sha256", macaroon.subarray(-32)).update(text).digest();
  const packet = Buffer.from([0x02, text.length, ...text, 0x00]);
  return Buffer.concat([macaroon.subarray(0, -35), packet, Buffer.from([0x00, 0x06, 0x20]), signature]);
}

/** The Go library writes the preimage into the macaroon too. */
const withPreimage = (macaroon: string, preimage: string) =>
  appendCaveat(Buffer.from(macaroon, "base64"), `preimage=${preimage}`);

const authorization = (value: string) => ({ Authorization: value });
const echo = (offer: Offer, preimage: string) => authorization(`L402 ${offer.macaroon}:${preimage}`);

/** Strict alphabet and padding, as Go's StdEncoding. */
const isPaddedBase64 = (text: string) => text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);

const lnget: Model = {
  name: "lnget (model)",
  whenSpent: "pays again",
  keepsToken: true,
  asksTwice: true,
  read({ lines: [first] }) {
    if (!/^(l402|lsat) /i.test(first ?? "")) return undefined;
    const offer = match(pair("(LSAT|L402)\\s+", "\\s*", "i"), first);
    if (!offer || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(offer.macaroon)) return undefined;
    const { identifier } = importMacaroon(Buffer.from(offer.macaroon, "base64"));
    const isVersion0 = identifier.length === 66 && identifier[0] === 0 && identifier[1] === 0;
    return isVersion0 ? offer : undefined;
  },
  prove: (offer, preimage) =>
    authorization(`${offer.scheme} ${withPreimage(offer.macaroon, preimage).toString("base64")}:${preimage}`),
};

const aperture: Model = {
  name: "aperture ClientInterceptor (model)",
  whenSpent: "returns the 402",
  keepsToken: true,
  read({ lines }) {
    const offer = lines.map((line) => match(pair("(LSAT|L402) ", " "), line)).find((found) => found !== undefined);
    if (!offer || !isPaddedBase64(offer.macaroon)) return undefined;
    const amount = decodeInvoice(offer.invoice).sections.find((section) => section.name === "amount")?.value;
    return Number(amount) <= 1_000_000 ? offer : undefined;
  },
  prove: (offer, preimage) => ({ Macaroon: withPreimage(offer.macaroon, preimage).toString("hex") }),
};

const gateway: Model = {
  ...aperture,
  name: "aperture through a gRPC gateway (model)",
  prove: (offer, preimage) => ({ "Grpc-Metadata-Macaroon": withPreimage(offer.macaroon, preimage).toString("hex") }),
};

const l402sdk: Model = {
  name: "L402sdk (model)",
  whenSpent: "pays again",
  keepsToken: true,
  read({ lines: [first = ""] }) {
    const scheme = /^(L402|LSAT) /.exec(first)?.[1];
    if (scheme === undefined) return undefined;
    const fields = new Map<string, string>();
    for (const part of first.slice(scheme.length + 1).split(",")) {
      const at = part.indexOf("=");
      if (at < 0) return undefined;
      fields.set(
        part.slice(0, at).trim(),
        part
          .slice(at + 1)
          .trim()
          .replace(/^"|"$/g, ""),
      );
    }
    const [macaroon, invoice] = [fields.get("macaroon"), fields.get("invoice")];
    return macaroon && invoice && /^ln(bc|tb)/.test(invoice) ? { scheme, macaroon, invoice } : undefined;
  },
  prove: echo,
};

const fewsats: Model = {
  name: "fewsats L402-python (model)",
  whenSpent: "pays again",
  keepsToken: false,
  read(reply) {
    const macaroon = /macaroon="(\S+)"/.exec(joined(reply))?.[1];
    const invoice = /invoice="(\S+)"/.exec(joined(reply))?.[1];
    return macaroon && invoice ? { scheme: "L402", macaroon, invoice } : undefined;
  },
  prove: (offer, preimage) =>
    authorization(`L402 ${Buffer.from(offer.macaroon, "base64").toString("base64url")}:${preimage}`),
};

const fewsatscli: Model = {
  name: "fewsatscli (model)",
  whenSpent: "pays again",
  keepsToken: false,
  read({ lines: [first = ""] }) {
    const macaroon = /macaroon="([^"]+)"/.exec(first)?.[1];
    const invoice = /invoice="([^"]+)"/.exec(first)?.[1];
    return macaroon && invoice ? { scheme: "L402", macaroon, invoice } : undefined;
  },
  prove: echo,
};

const l402requests: Model = {
  name: "l402-requests (model)",
  whenSpent: "pays again",
  keepsToken: true,
  read: (reply) => match(pair("(L402|LSAT)\\s+", "\\s*", "i"), joined(reply)),
  prove: echo,
};

const l402kit: Model = {
  name: "l402-kit, which reads the body (model)",
  whenSpent: "pays again",
  keepsToken: true,
  read({ body }) {
    const { invoice, macaroon, priceSats } = JSON.parse(body) as Partial<Record<string, unknown>>;
    const affordable = typeof priceSats === "number" && priceSats > 0 && priceSats <= 1000;
    if (typeof invoice !== "string" || typeof macaroon !== "string" || !affordable) return undefined;
    return { scheme: "L402", macaroon, invoice };
  },
  prove: echo,
};

const lightningToll: Model = {
  name: "lightning-toll, which reads the body (model)",
  whenSpent: "pays again",
  keepsToken: false,
  read({ body }) {
    const { invoice, macaroon, amountSats } = JSON.parse(body) as Partial<Record<string, unknown>>;
    const affordable = typeof amountSats === "number" && amountSats > 0 && amountSats <= 100;
    if (typeof invoice !== "string" || typeof macaroon !== "string" || !affordable) return undefined;
    return { scheme: "L402", macaroon, invoice };
  },
  prove: echo,
};

const own: Model = {
  name: "SatRank's own reader",
  whenSpent: "pays again",
  keepsToken: false,
  read({ lines }) {
    const offer = parseChallenge(lines);
    return offer && { scheme: "L402", ...offer };
  },
  prove: echo,
};

/** The flow that all of them share: use the token, else read the offer, pay it once, and ask again once. */
function client(model: Model): Client {
  const { name, whenSpent, keepsToken } = model;
  return {
    name,
    whenSpent,
    keepsToken,
    open(wallet) {
      let token: Record<string, string> | undefined;
      return async (call) => {
        const brought = call.authorization === undefined ? {} : authorization(call.authorization);
        let reply = await postJson(call.url, call.body, token ?? brought);
        const isRefused = token !== undefined && reply.status === 402;
        if (isRefused && whenSpent === "returns the 402") return 402;
        if (isRefused) token = undefined;
        if (model.asksTwice && reply.status === 402) reply = await postJson(call.url, call.body, brought);
        if (reply.status !== 402) return reply.status;

        const offer = model.read(reply);
        if (!offer) throw new Error(`${name} cannot read this offer: ${joined(reply)}`);
        const proof = model.prove(offer, await wallet.pay(offer.invoice));
        if (keepsToken) token = proof;
        return (await postJson(call.url, call.body, proof)).status;
      };
    },
  };
}

export const MODELS: Client[] = [
  lnget,
  aperture,
  gateway,
  l402sdk,
  fewsats,
  fewsatscli,
  l402requests,
  l402kit,
  lightningToll,
  own,
].map(client);
