/** A new invoice: checked as LND checks it, signed, and durable before anybody hears of it. */
import { createHash, randomBytes } from "node:crypto";
import { encodeInvoice, type InvoiceDraft } from "../../../../core/bolt11/encode.ts";
import { type Msat, unixSeconds } from "../../../../core/units.ts";
import type { InvoiceEntry } from "./entries.ts";
import type { InvoiceRecord } from "./invoice-book.ts";
import { RpcRefusal } from "./refusal.ts";
import type { LocalNode, World } from "./world.ts";

export type InvoiceWish = {
  memo: string;
  /** Hex; absent: LND draws one. */
  preimage?: string;
  /** Payment hash (hex) of an invoice whose preimage somebody else has. */
  holdHash?: string;
  valueMsat: bigint;
  /** Hex; takes the place of the memo in the signed text. */
  descriptionHash?: string;
  expirySec: number;
  cltvExpiry: number;
  isPrivate: boolean;
};

const MAX_MEMO_BYTES = 1_024;
const MAX_DESCRIPTION_BYTES = 639;
const MAX_VALUE_MSAT = 100_000n * 100_000_000_000n;
const MAX_EXPIRY_SEC = 31_536_000;
const DEFAULT_EXPIRY_SEC = 86_400;
const DEFAULT_CLTV_EXPIRY = 80;
const MIN_CLTV_EXPIRY = 18;
const MAX_CLTV_EXPIRY = 2_016;
/** Onion payloads and payment secrets are required; several parts and blinded paths are known (BOLT 9). */
export const INVOICE_FEATURES = [8, 14, 17, 25];

/** @throws RpcRefusal in LND's words for a wish that LND would refuse */
export async function addInvoice(world: World, node: LocalNode, wish: InvoiceWish): Promise<InvoiceRecord> {
  refuseAbsurd(wish);
  const preimage = wish.holdHash === undefined ? (wish.preimage ?? randomBytes(32).toString("hex")) : "";
  const hash = wish.holdHash ?? createHash("sha256").update(preimage, "hex").digest("hex");
  if (!node.invoices.claim(hash)) throw new RpcRefusal("invoice with payment hash already exists");
  try {
    const entry = writeInvoice(world, node, wish, { preimage, hash });
    await world.journal.append(entry);
    node.invoices.forgetOld();
    return node.invoices.add(entry);
  } finally {
    node.invoices.release(hash);
  }
}

function refuseAbsurd(wish: InvoiceWish): void {
  const { memo, valueMsat, expirySec, cltvExpiry, descriptionHash, preimage } = wish;
  const memoBytes = Buffer.byteLength(memo);
  const refuse = (words: string) => {
    throw new RpcRefusal(words);
  };
  if (preimage !== undefined && preimage.length !== 64) refuse("invalid preimage length");
  if (memoBytes > MAX_MEMO_BYTES) refuse(`memo too large: ${memoBytes} bytes (maxsize=${MAX_MEMO_BYTES})`);
  if (descriptionHash !== undefined && descriptionHash.length !== 64) {
    refuse(`description hash is ${descriptionHash.length / 2} bytes, must be 32`);
  }
  if (descriptionHash === undefined && memoBytes > MAX_DESCRIPTION_BYTES) {
    refuse(`data length too big to fit within 10 bits: ${Math.ceil((memoBytes * 8) / 5)}`);
  }
  if (valueMsat > MAX_VALUE_MSAT) refuse(`invoice amount ${valueMsat / 1000n} sat is too large, max is 100000 BTC`);
  if (expirySec > MAX_EXPIRY_SEC) {
    refuse(`expiry of ${expirySec} seconds greater than max expiry of ${MAX_EXPIRY_SEC} seconds`);
  }
  if (cltvExpiry > MAX_CLTV_EXPIRY)
    refuse(`CLTV delta of ${cltvExpiry} is too large, max accepted is: ${MAX_CLTV_EXPIRY}`);
  if (cltvExpiry !== 0 && cltvExpiry < MIN_CLTV_EXPIRY) {
    refuse(`CLTV delta of ${cltvExpiry} must be greater than minimum of ${MIN_CLTV_EXPIRY}`);
  }
}

function writeInvoice(
  world: World,
  node: LocalNode,
  wish: InvoiceWish,
  proof: { preimage: string; hash: string },
): InvoiceEntry {
  const { memo, valueMsat, descriptionHash, isPrivate } = wish;
  const secret = randomBytes(32).toString("hex");
  const expirySec = wish.expirySec > 0 ? wish.expirySec : DEFAULT_EXPIRY_SEC;
  const cltvExpiry = wish.cltvExpiry || DEFAULT_CLTV_EXPIRY;
  const createdAt = world.now();
  const draft: InvoiceDraft = {
    network: "bcrt",
    timestamp: unixSeconds(Math.floor(createdAt)),
    expirySec,
    paymentHash: Buffer.from(proof.hash, "hex"),
    paymentSecret: Buffer.from(secret, "hex"),
    minFinalCltvExpiry: cltvExpiry,
    routeHints: [],
    features: INVOICE_FEATURES,
    ...(valueMsat > 0n && { amount: valueMsat as Msat }),
    ...(descriptionHash === undefined
      ? { description: memo }
      : { descriptionHash: Buffer.from(descriptionHash, "hex") }),
  };
  return {
    type: "invoice",
    node: node.name,
    ...proof,
    ...(wish.holdHash !== undefined && { isHold: true }),
    secret,
    valueMsat: valueMsat.toString(),
    memo,
    ...(descriptionHash !== undefined && { descriptionHash }),
    createdAt,
    expirySec,
    cltvExpiry,
    isPrivate,
    paymentRequest: encodeInvoice(draft, node.privateKey),
    addIndex: node.invoices.reserveAddIndex(),
  };
}
