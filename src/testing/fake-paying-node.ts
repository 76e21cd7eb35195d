/** A node's book of payments in memory, with LND's rules: one payment per hash at a time, none after one that succeeded. */
import { createHash, randomBytes } from "node:crypto";
import { decodeInvoice } from "../core/bolt11/decode.ts";
import { encodeInvoice } from "../core/bolt11/encode.ts";
import { toHex } from "../core/bytes.ts";
import { OracleError } from "../core/errors.ts";
import type { Sighting } from "../core/spend/judge-sighting.ts";
import { type Msat, msat, unixSeconds } from "../core/units.ts";

type Order = { invoice: string; amount?: Msat; feeLimit: Msat };
type Result = Sighting | { status: "unknown"; answered: boolean; cause: unknown };

export const FEE = 7n;

export type FakePayingNode = ReturnType<typeof fakePayingNode>;

/** `clock.now` is the node's time, by which invoices expire. */
export function fakePayingNode(clock: { now: number }) {
  const pubkey = `02${randomBytes(32).toString("hex")}`;
  const payeeKey = new Uint8Array(randomBytes(32));
  const preimages = new Map<string, Uint8Array>();
  const book = new Map<string, Sighting>();
  const onTheWay: Order[] = [];
  let lastIndex = 0n;
  const state = {
    /** Nothing listens. */
    dead: false,
    /** What payments come to. */
    outcome: "settle" as "settle" | "fail" | "hang",
    /** What gets lost of a call: all of it, for now, or the answer. */
    lost: "nothing" as "nothing" | "call" | "answer",
    calls: 0,
  };
  const alive = () => {
    if (state.dead) throw new OracleError("LND_UNAVAILABLE", "the node does not answer");
  };
  const cutOff = (answered = false): Result => ({ status: "unknown", answered, cause: new Error("the line is dead") });

  const decide = (hash: string, outcome: "settle" | "fail"): void => {
    const { index, amount } = book.get(hash)!;
    book.set(
      hash,
      outcome === "settle"
        ? { status: "succeeded", index, amount, preimage: preimages.get(hash)!, fee: msat(FEE) }
        : { status: "failed", index, amount, reason: "no-route" },
    );
  };
  /** @throws LND_REFUSED as LND does before it begins anything */
  const begin = ({ invoice, amount }: Order): { hash: string; isNew: boolean } => {
    const decoded = decodeInvoice(invoice);
    if (clock.now > decoded.timestamp + decoded.expirySec) throw new OracleError("LND_REFUSED", "invoice expired");
    const hash = toHex(decoded.paymentHash);
    const earlier = book.get(hash);
    if (earlier && earlier.status !== "failed") return { hash, isNew: false };
    lastIndex += 1n;
    book.set(hash, { status: "in-flight", index: lastIndex, amount: decoded.amount ?? amount! });
    if (state.outcome !== "hang") decide(hash, state.outcome);
    return { hash, isNew: true };
  };

  return {
    state,
    pubkey,
    /** An invoice somebody else asks to be paid. */
    invoice(change: { amount?: Msat | undefined; expirySec?: number } = {}) {
      const preimage = new Uint8Array(randomBytes(32));
      const paymentHash = new Uint8Array(createHash("sha256").update(preimage).digest());
      preimages.set(toHex(paymentHash), preimage);
      const { amount, expirySec = 3_600 } = { amount: msat(1_000n), ...change };
      const draft = {
        network: "bcrt" as const,
        ...(amount !== undefined && { amount }),
        timestamp: unixSeconds(clock.now),
        expirySec,
        paymentHash,
        paymentSecret: new Uint8Array(randomBytes(32)),
        description: "a test",
        minFinalCltvExpiry: 80,
        routeHints: [],
        features: [8, 14],
      };
      return { invoice: encodeInvoice(draft, payeeKey), paymentHash };
    },
    decide: (paymentHash: Uint8Array, outcome: "settle" | "fail") => decide(toHex(paymentHash), outcome),
    /** What got lost on the way arrives after all. LND's refusals reach nobody. */
    arrive(): void {
      for (const order of onTheWay.splice(0)) {
        try {
          begin(order);
        } catch {}
      }
    },
    /** Somebody else has this node pay, by hand. */
    payByHand: (order: Order) => void begin(order),
    forget: (paymentHash: Uint8Array) => void book.delete(toHex(paymentHash)),
    /** What has left for payees and for routing. */
    spent: () =>
      [...book.values()].reduce((sum, each) => sum + (each.status === "succeeded" ? each.amount + each.fee : 0n), 0n),
    nodePubkey: async () => {
      alive();
      return pubkey;
    },
    payer: async () => {
      alive();
      return { nodePubkey: pubkey, network: "bcrt" as const };
    },
    async track(paymentHash: Uint8Array): Promise<Sighting | undefined> {
      alive();
      return book.get(toHex(paymentHash));
    },
    async pay(order: Order, options: { onBegun: (index: bigint) => Promise<void> }): Promise<Result> {
      alive();
      state.calls += 1;
      if (state.lost === "call") {
        onTheWay.push(order);
        return cutOff();
      }
      const { hash } = begin(order);
      if (state.lost === "answer") return cutOff();
      const booked = book.get(hash)!;
      await options.onBegun(booked.index);
      return book.get(hash)!.status === "in-flight" ? cutOff() : book.get(hash)!;
    },
    async listPayments({ afterIndex, limit }: { afterIndex: bigint; limit: number }) {
      alive();
      const all = [...book].map(([hash, each]) => ({
        index: each.index,
        paymentHash: new Uint8Array(Buffer.from(hash, "hex")),
        status: each.status,
        amount: each.amount,
        fee: each.status === "succeeded" ? each.fee : msat(0n),
      }));
      const payments = all
        .filter(({ index }) => index > afterIndex)
        .sort((a, b) => Number(a.index - b.index))
        .slice(0, limit);
      return { payments, lastIndex: payments.at(-1)?.index ?? afterIndex };
    },
  };
}
