/** A small L402 server, as a shop would run one: it sells one answer for one invoice of its own node. */
import { createHash, randomBytes } from "node:crypto";
import type { Request, RequestHandler } from "express";
import { equalBytes, toBase64, toHex } from "../../../core/bytes.ts";
import { parseCredential } from "../../../core/l402/authorization.ts";
import { decodeIdentifier, encodeIdentifier } from "../../../core/l402/identifier.ts";
import { encodeMacaroon } from "../../../core/macaroon/binary.ts";
import { mintMacaroon, signatureHolds } from "../../../core/macaroon/chain.ts";
import type { Msat } from "../../../core/units.ts";
import { serverHmac } from "../../hmac.ts";

/** Makes an invoice. */
export type Till = (amount: Msat, memo: string) => Promise<{ paymentHash: Uint8Array; invoice: string }>;

/** Lets through whoever has paid, once per payment; everybody else is asked to pay. */
export function sell({ till, price, memo }: { till: Till; price: Msat; memo: string }): RequestHandler {
  const rootKey = randomBytes(32);
  const spent = new Set<string>();
  return async (request, response, next) => {
    const paid = readPayment(request, rootKey);
    if (paid !== undefined && !spent.has(paid)) {
      spent.add(paid);
      return next();
    }
    const { paymentHash, invoice } = await till(price, memo);
    const identifier = encodeIdentifier({ paymentHash, tokenId: randomBytes(32) });
    const macaroon = toBase64(
      encodeMacaroon(
        mintMacaroon(serverHmac, rootKey, { location: "lsat", identifier, caveats: [`services=${memo}:0`] }),
      ),
    );
    response
      .status(402)
      .set("WWW-Authenticate", `L402 macaroon="${macaroon}", invoice="${invoice}", version="0", token="${macaroon}"`)
      .json({ error: "Payment Required", macaroon, invoice });
  };
}

/** The payment (its hash, hex) that a request proves with a token of ours. */
function readPayment({ headersDistinct: headers }: Request, rootKey: Uint8Array): string | undefined {
  const presented = parseCredential({
    authorization: headers["authorization"] ?? [],
    grpcMetadataMacaroon: [],
    macaroon: [],
  });
  if (presented.kind !== "credential" || !signatureHolds(serverHmac, presented.macaroon, rootKey)) return undefined;
  const named = decodeIdentifier(presented.macaroon.identifier);
  const hash = createHash("sha256").update(presented.preimage).digest();
  return named && equalBytes(named.paymentHash, hash) ? toHex(named.paymentHash) : undefined;
}
