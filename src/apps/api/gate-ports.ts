/** What the door and the accounts need, joined to what serves them: the ledger, the node that makes invoices, the keys. */
import { randomBytes } from "node:crypto";
import { addInvoice } from "../../adapters/lnd/add-invoice.ts";
import { cancelInvoice } from "../../adapters/lnd/cancel-invoice.ts";
import type { LndClient } from "../../adapters/lnd/connect.ts";
import { getInfo } from "../../adapters/lnd/get-info.ts";
import { lookupInvoice, lookupProof } from "../../adapters/lnd/lookup-invoice.ts";
import { accountMoveTable } from "../../adapters/postgres/account-move.ts";
import type { ChargeTable } from "../../adapters/postgres/charge.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { openInvoiceTable } from "../../adapters/postgres/open-invoice.ts";
import { challengeLimit, prefixLimit } from "../../adapters/postgres/rate-limit.ts";
import { receiptTable } from "../../adapters/postgres/receipt.ts";
import { tokenTable } from "../../adapters/postgres/token.ts";
import { fromHex, utf8 } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { mintToken } from "../../core/l402/mint.ts";
import { readMinted } from "../../core/l402/minted.ts";
import { keyRingOf, newTokenId, TOKEN_RANDOM_BYTES } from "../../core/l402/root-key.ts";
import { authenticateToken } from "../../core/l402/verify.ts";
import { decodeMacaroon } from "../../core/macaroon/decode.ts";
import { now } from "../clock.ts";
import type { Events } from "../events.ts";
import { serverHmac } from "../hmac.ts";
import type { LndNodes } from "../lnd-nodes.ts";
import type { Start } from "../world.ts";
import type { AccountOperationsPorts } from "./account-operations.ts";
import type { GatePorts } from "./l402-gate.ts";
import { operatorPorts } from "./operator-gate.ts";
import { tokenReader } from "./token-reader.ts";

/** How often an address range may ask in a minute whether a deposit was paid, and replace a token. */
const LOOKUPS_PER_MINUTE = 60;
const ROTATIONS_PER_MINUTE = 10;
const GET_PUBKEY_MS = 2_000;

/** The verbs of access, joined to what serves them. */
export function gatePorts(
  config: Start["config"],
  secretHex: string | undefined,
  { database, charges }: { database: Database; charges: ChargeTable },
  lnd: LndNodes,
  events: Events,
): GatePorts & AccountOperationsPorts {
  const keys = readKeys(secretHex, config.L402_MACAROON_SECRETS_ACCEPTED);
  const keyRing = keyRingOf(serverHmac, keys.ring);
  const limit = challengeLimit(database, {
    perPrefix: config.CHALLENGES_PER_MINUTE,
    global: config.CHALLENGES_PER_MINUTE_GLOBAL,
  });
  const invoices = lnd.group("invoice");
  return {
    ...charges,
    ...tokenTable(database),
    ...accountMoveTable(database),
    findReceipt: receiptTable(database).find,
    readToken: tokenReader({ authenticate: (credential) => authenticateToken(serverHmac, keyRing, credential), now }),
    mint: (token) => mintToken(serverHmac, keyRing, token),
    newTokenId: () => newTokenId(keyRing, randomBytes(TOKEN_RANDOM_BYTES)),
    addInvoice: (invoice) => invoices.first((node) => addInvoice(node, invoice)),
    async lookupInvoice(paymentHash) {
      const found = await invoices.search(async (node) => {
        const invoice = await lookupInvoice(node, paymentHash);
        return invoice && { invoice, node };
      });
      if (!found) return undefined;
      const { invoice, node } = found;
      if (invoice.state !== "settled") return { state: invoice.state };
      const nodePubkey = await readPubkey(lnd, node);
      return { ...invoice, ...(nodePubkey !== undefined && { nodePubkey }) };
    },
    readMinted: (macaroon) => readMinted(serverHmac, keyRing, decodeMacaroon(macaroon)),
    lookupProof: (paymentHash) => invoices.search((node) => lookupProof(node, paymentHash)),
    takeLookup: prefixLimit(database, "lookup", LOOKUPS_PER_MINUTE).take,
    takeRotation: prefixLimit(database, "rotation", ROTATIONS_PER_MINUTE).take,
    takeChallenge: limit.take,
    operator: operatorPorts(database, config.OPERATOR_BYPASS_SECRET),
    invoices: openInvoiceTable(database),
    limits: {
      expirySec: config.CHALLENGE_EXPIRY_SEC,
      perPrefix: config.CHALLENGES_OUTSTANDING,
      total: config.CHALLENGES_OUTSTANDING_GLOBAL,
    },
    clientDigest: (text) => serverHmac(keys.digest, utf8(text)),
    cancelInvoice: (paymentHash) => invoices.search((node) => cancelIfKnown(node, paymentHash)),
    lsatLine: config.L402_LSAT_LINE,
    now,
    events,
  };
}

/** An invoice another node made is none of this one's business. */
async function cancelIfKnown(node: LndClient, paymentHash: Uint8Array): Promise<"canceled" | "settled" | undefined> {
  const outcome = await cancelInvoice(node, paymentHash);
  return outcome === "unknown" ? undefined : outcome;
}

/** Which node's connection for invoices this is. A customer's call waits for that no longer than this, and goes on without. */
async function readPubkey(lnd: LndNodes, invoices: LndClient): Promise<string | undefined> {
  const node = lnd.each().find(({ connections }) => connections.get("invoice") === invoices);
  const readonly = node?.connections.get("readonly");
  const info = readonly && (await getInfo(readonly, { deadlineMs: GET_PUBKEY_MS }).catch(() => undefined));
  return info?.nodePubkey;
}

/** The signing key, those still or already accepted beside it, and a key for digests that no token is derived from. */
function readKeys(currentHex: string | undefined, acceptedHex: string[]): { ring: Uint8Array[]; digest: Uint8Array } {
  const [current, ...accepted] = [currentHex ?? "", ...acceptedHex].map(fromHex);
  if (!current) throw new OracleError("CONFIG_INVALID", "L402_MACAROON_SECRET: 64 hex digits are needed");
  const ring = [current, ...accepted.filter((key) => key !== undefined)];
  return { ring, digest: serverHmac(current, utf8("satrank client digest")) };
}
