/** What the holder of a token does, over HTTP, with an api of `toll-api.ts`: for tests of what is sold and owned. */
import { randomBytes } from "node:crypto";
import { serverHmac } from "../apps/hmac.ts";
import { fromBase64, toBase64, toHex } from "../core/bytes.ts";
import { decodeIdentifier } from "../core/l402/identifier.ts";
import { encodeMacaroon } from "../core/macaroon/binary.ts";
import { attenuate } from "../core/macaroon/chain.ts";
import { decodeMacaroon } from "../core/macaroon/decode.ts";
import type { Toll } from "./toll-api.ts";

/** A macaroon in base64 and what paid for it in hex. */
export type Owned = { macaroon: string; preimage: string };
export type Answer = { status: number; code?: string; headers: Headers; body: Record<string, unknown>; data: Data };
// biome-ignore lint/suspicious/noExplicitAny: tests read what the answer is said to hold, and fail on what it does not
type Data = any;
type More = { method?: string; body?: unknown; headers?: Record<string, string> };

export const authorization = ({ macaroon, preimage }: Owned) => `L402 ${macaroon}:${preimage}`;

/** One request, with or without a credential, and its JSON answer. */
export async function ask(origin: string, path: string, owned?: Owned, more: More = {}): Promise<Answer> {
  const { body, headers = {}, method = body === undefined ? "GET" : "POST" } = more;
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(owned && { Authorization: authorization(owned) }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed = text === "" ? {} : JSON.parse(text);
  return { status: response.status, code: parsed.code, headers: response.headers, body: parsed, data: parsed.data };
}

/** Someone who deposits, calls and narrows. */
export function holderOn(api: Toll) {
  return {
    ask: (path: string, owned?: Owned, more?: More) => ask(api.origin, path, owned, more),
    /** The offer for a deposit, not yet paid. */
    async offer(amountSat: number): Promise<{ macaroon: string; invoice: string }> {
      const { status, body } = await ask(api.origin, "/api/deposit", undefined, { body: { amountSat } });
      if (status !== 402) throw new Error(`${status} in place of an offer: ${JSON.stringify(body)}`);
      return body as { macaroon: string; invoice: string };
    },
    /** Pays a deposit; nothing is claimed yet. */
    async deposit(amountSat: number, paidMsat?: bigint): Promise<Owned> {
      const { macaroon, invoice } = await this.offer(amountSat);
      return { macaroon, preimage: api.lnd.pay(invoice, paidMsat) };
    },
    call: (owned?: Owned, headers: Record<string, string> = {}) =>
      ask(api.origin, "/api/toll", owned, { body: { word: "hello" }, headers }),
    rotate: (owned: Owned, key: string) =>
      ask(api.origin, "/api/token/rotate", owned, { method: "POST", headers: { "Idempotency-Key": key } }),
  };
}

/** The same token under more caveats, as a holder hands it on. */
export function narrow({ macaroon, preimage }: Owned, ...caveats: string[]): Owned {
  const parent = decodeMacaroon(fromBase64(macaroon)!);
  const child = caveats.reduce((narrowed, caveat) => attenuate(serverHmac, narrowed, caveat), parent);
  return { macaroon: toBase64(encodeMacaroon(child)), preimage };
}

/** What a macaroon says, without believing it. */
export function read(macaroon: string): { tokenId: string; paymentHash: string; caveats: string[] } {
  const { identifier, caveats } = decodeMacaroon(fromBase64(macaroon)!);
  const { tokenId, paymentHash } = decodeIdentifier(identifier)!;
  const texts = caveats.map(({ id }) => new TextDecoder().decode(id));
  return { tokenId: toHex(tokenId), paymentHash: toHex(paymentHash), caveats: texts };
}

export const randomKey = () => randomBytes(16).toString("hex");
