/**
 * A challenge: an invoice of our own node, and the macaroon that its preimage will turn into a prepaid account.
 *
 * Asking is free for the caller and not for the node, so a caller who asks again is handed the same invoice, and the
 * invoices that wait to be paid are counted before another is made. See docs/decisions/0004-outstanding-invoices.md.
 */
import { toHex } from "../../core/bytes.ts";
import { OracleError } from "../../core/errors.ts";
import { SERVICE } from "../../core/l402/caveat.ts";
import { type Msat, msat, msatToSat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { INVOICE_MEMO } from "../invoice-memo.ts";

/** What a challenge needs from outside. */
export type ChallengePorts = {
  /** A fresh invoice for exactly this amount. @throws LND_UNAVAILABLE */
  addInvoice(invoice: { amount: Msat; memo: string; expirySec: number }): Promise<OpenInvoice>;
  /** Idempotent. @throws LND_UNAVAILABLE */
  cancelInvoice(paymentHash: Uint8Array): Promise<unknown>;
  /** An account id nobody has seen before, marked with the key it will be minted under. */
  newTokenId(): Uint8Array;
  /** Signs the macaroon for this invoice and account under the account's root key. */
  mint(token: { paymentHash: Uint8Array; tokenId: Uint8Array; caveats: readonly string[] }): Uint8Array;
  /** A keyed hash, 32 bytes, the same in every process: addresses are not kept. */
  clientDigest(text: string): Uint8Array;
  /** Counts one invoice against an address range, and against all strangers or all who top up; says which of them refused. */
  takeChallenge(
    prefix: string,
    isTopUp: boolean,
  ): Promise<{ allowed: true } | { allowed: false; retryAfterSec: number; of: "prefix" | "all" }>;
  invoices: {
    /** Runs `work` once for all who ask for the same client's invoice at the same time. */
    together<Result>(client: Uint8Array, work: () => Promise<Result>): Promise<Result>;
    find(client: Uint8Array, now: UnixSeconds, minLifeSec: number): Promise<OpenInvoice | "pending" | undefined>;
    /** Waits for the invoice that is being made. Undefined when that failed, or takes too long. */
    whenMade(client: Uint8Array, now: UnixSeconds, minLifeSec: number): Promise<OpenInvoice | undefined>;
    claim(claim: {
      client: Uint8Array | undefined;
      prefix: string;
      amount: Msat;
      now: UnixSeconds;
      freed: Uint8Array | undefined;
      minLifeSec: number;
      limits: { perPrefix: number; total: number };
    }): Promise<ClaimOutcome>;
    fill(slotId: bigint, made: OpenInvoice & { now: UnixSeconds; expiresAt: UnixSeconds }): Promise<void>;
    release(slotId: bigint): Promise<void>;
  };
  limits: ChallengeLimits;
};

/** An invoice that nobody has paid, as LND made it. */
export type OpenInvoice = { paymentHash: Uint8Array; invoice: string };

/** What became of a claim for the place of one more invoice. */
type ClaimOutcome =
  | { outcome: "claimed"; slotId: bigint }
  | ({ outcome: "open" } & OpenInvoice)
  | { outcome: "pending" }
  | { outcome: "trade"; paymentHash: Uint8Array }
  | { outcome: "full" | "crowded"; retryAfterSec: number };

/** How long an invoice may be paid, and how many may wait for it: of one address range, and of all. */
export type ChallengeLimits = { expirySec: number; perPrefix: number; total: number };

/** An account to be credited, and the restrictions of the token that asks: the new token must not be wider than the old. */
export type TopUp = { tokenId: Uint8Array; caveats: readonly string[] };

/** Who asks, as far as that can be told without a credential. */
export type Asker = {
  address: string;
  /** The address range that limits are counted by. */
  prefix: string;
  /** The User-Agent header, or "". */
  agent: string;
  /** The Idempotency-Key header: two callers behind one address who send different ones never share an invoice. */
  retryKey?: string;
};

export type ChallengeRequest = {
  /** Rounded up to whole satoshis, the least being one; what is paid is credited in full. */
  amount: Msat;
  operation: string;
  client: Asker;
  topUp?: TopUp;
  /** What the token of a new account is minted with, instead of the base tier. */
  caveats?: readonly string[];
  /** False for an invoice that must be one caller's alone. A top-up is shared by account whatever this says. */
  shareable: boolean;
  now: UnixSeconds;
};

/** `reused`: the invoice was handed out before, to the same client. */
export type Challenge = {
  macaroon: Uint8Array;
  invoice: string;
  paymentHash: Uint8Array;
  amount: Msat;
  reused: boolean;
};

/** A challenge, or the limit that stands against it: 429 for the caller's own, 503 for everybody's. */
export type Offer =
  | { offered: true; challenge: Challenge }
  | {
      offered: false;
      limit: "challenge" | "challenge-all" | "outstanding" | "outstanding-all";
      code: "RATE_LIMITED" | "OVERLOADED";
      retryAfterSec: number;
    };

const OUR_SERVICE = `services=${SERVICE}:0`;

/** LND counts an invoice's life from when it makes it, up to this much later than we began to ask. */
const ADD_INVOICE_SEC = 10;
/** An invoice is handed out again only while its holder has two minutes to pay it. */
const MIN_LIFE_LEFT_SEC = 120 + ADD_INVOICE_SEC;
/**
 * Dearer invoices are never shared by strangers: who forwards a payment learns its preimage, and one who also sits behind
 * the payer's address with the payer's software could claim it first.
 */
const SHARED_UP_TO = msat(10_000n);
/** Of the invoices that may be open, one in this many places is kept for accounts that were paid for before. */
const TOP_UP_SHARE = 5;
const MAX_TRADES = 3;

type Declined = Extract<Offer, { offered: false }>;

/**
 * Offers an invoice and the token that paying it opens. With `topUp`, the payment credits that account instead of opening
 * one. What is shared is the invoice, never the macaroon: whoever presents macaroon and preimage first is credited.
 *
 * The memo names the operation and nothing of the credential, because every routing hop and wallet log may keep it.
 *
 * @throws LND_UNAVAILABLE
 */
export async function issueChallenge(ports: ChallengePorts, request: ChallengeRequest): Promise<Offer> {
  const wish = { ...request, amount: wholeSats(request.amount) };
  const client = mayShare(wish) ? ports.clientDigest(describeClient(wish)) : undefined;
  const found = client
    ? await ports.invoices.together(client, () => findInvoice(ports, wish, client))
    : await newInvoice(ports, wish, undefined);
  if ("limit" in found) return found;

  const { paymentHash, invoice, reused } = found;
  const { caveats: engraved = [OUR_SERVICE] } = wish;
  const { tokenId, caveats } = wish.topUp ?? { tokenId: ports.newTokenId(), caveats: engraved };
  const macaroon = ports.mint({ paymentHash, tokenId, caveats });
  return { offered: true, challenge: { macaroon, invoice, paymentHash, amount: wish.amount, reused } };
}

/** What wallets can be asked for: whole satoshis, and not nothing. */
function wholeSats(amount: Msat): Msat {
  const sats = msatToSat(amount);
  return msat((sats > 0n ? sats : 1n) * 1000n);
}

type Found = (OpenInvoice & { reused: boolean }) | Declined;

/** The client's own invoice if it has one, which costs it nothing, or a new one. */
async function findInvoice(ports: ChallengePorts, wish: ChallengeRequest, client: Uint8Array): Promise<Found> {
  const found = await ports.invoices.find(client, wish.now, MIN_LIFE_LEFT_SEC);
  if (found === "pending") return awaitInvoice(ports, client, wish.now);
  return found ? { ...found, reused: true } : newInvoice(ports, wish, client);
}

/** An invoice that is counted before it is made: against the minute, and against those that wait to be paid. */
async function newInvoice(
  ports: ChallengePorts,
  wish: ChallengeRequest,
  client: Uint8Array | undefined,
): Promise<Found> {
  const taken = await ports.takeChallenge(wish.client.prefix, wish.topUp !== undefined);
  if (taken.allowed) return claimInvoice(ports, wish, client);
  const { retryAfterSec } = taken;
  return taken.of === "prefix"
    ? { offered: false, limit: "challenge", code: "RATE_LIMITED", retryAfterSec }
    : { offered: false, limit: "challenge-all", code: "OVERLOADED", retryAfterSec };
}

/** Another process is making this client's invoice at this moment: two of them would be one too many. */
async function awaitInvoice(ports: ChallengePorts, client: Uint8Array, now: UnixSeconds): Promise<Found> {
  const made = await ports.invoices.whenMade(client, now, MIN_LIFE_LEFT_SEC);
  if (made) return { ...made, reused: true };
  throw new OracleError("LND_UNAVAILABLE", "no invoice could be made; try again in a moment");
}

/** Takes a place, trading the prefix's own oldest invoice for it when the limit is reached, and has the invoice made. */
async function claimInvoice(
  ports: ChallengePorts,
  wish: ChallengeRequest,
  client: Uint8Array | undefined,
): Promise<Found> {
  const { amount, now, topUp } = wish;
  const { perPrefix, total } = ports.limits;
  const limits = { perPrefix, total: topUp ? total : total - Math.floor(total / TOP_UP_SHARE) };
  const claim = { client, prefix: wish.client.prefix, amount, now, minLifeSec: MIN_LIFE_LEFT_SEC, limits };
  let freed: Uint8Array | undefined;
  for (let trades = 0; trades <= MAX_TRADES; trades++) {
    const claimed = await ports.invoices.claim({ ...claim, freed });
    switch (claimed.outcome) {
      case "open":
        return { paymentHash: claimed.paymentHash, invoice: claimed.invoice, reused: true };
      case "pending":
        // A pending claim is always this client's own, so there is one.
        return awaitInvoice(ports, client as Uint8Array, now);
      case "claimed":
        return { ...(await makeInvoice(ports, wish, claimed.slotId)), reused: false };
      case "full":
        return { offered: false, limit: "outstanding", code: "RATE_LIMITED", retryAfterSec: claimed.retryAfterSec };
      case "crowded":
        return { offered: false, limit: "outstanding-all", code: "OVERLOADED", retryAfterSec: claimed.retryAfterSec };
      case "trade":
        // Whether it was canceled, or paid a moment ago and so no longer open: its place is free.
        await ports.cancelInvoice(claimed.paymentHash);
        freed = claimed.paymentHash;
    }
  }
  return { offered: false, limit: "outstanding", code: "RATE_LIMITED", retryAfterSec: 1 };
}

async function makeInvoice(ports: ChallengePorts, wish: ChallengeRequest, slotId: bigint): Promise<OpenInvoice> {
  const { amount, operation, now } = wish;
  const { expirySec } = ports.limits;
  let made: OpenInvoice;
  try {
    made = await ports.addInvoice({ amount, memo: `${INVOICE_MEMO}${operation}`, expirySec });
  } catch (error) {
    // What the caller needs to hear is why LND made none; a claim that stays is free again by itself.
    await ports.invoices.release(slotId).catch(() => undefined);
    throw error;
  }
  const expiresAt = unixSeconds(now + ADD_INVOICE_SEC + expirySec);
  await ports.invoices.fill(slotId, { ...made, now, expiresAt });
  return made;
}

function mayShare({ topUp, shareable, amount }: ChallengeRequest): boolean {
  return topUp !== undefined || (shareable && amount <= SHARED_UP_TO);
}

/** Everything that must be the same for two requests to come from one client that asks for one thing. */
function describeClient({ client, operation, amount, topUp }: ChallengeRequest): string {
  const { address, agent, retryKey = "" } = client;
  return JSON.stringify([address, agent, retryKey, operation, String(amount), topUp ? toHex(topUp.tokenId) : ""]);
}
