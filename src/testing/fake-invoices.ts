/** A node's book of invoices in memory, with LND's ways of telling about it: indexes, replays, and what it keeps silent about. */
import { createHash, randomBytes } from "node:crypto";
import { OracleError } from "../core/errors.ts";
import { type Msat, msat, unixSeconds } from "../core/units.ts";

type Invoice = {
  addIndex: bigint;
  settleIndex: bigint;
  paymentHash: Uint8Array;
  state: "open" | "settled" | "canceled";
  amountPaid: Msat;
  settledAt?: ReturnType<typeof unixSeconds>;
  memo: string;
  createdAt: ReturnType<typeof unixSeconds>;
  expirySec: number;
};

export type FakeInvoices = ReturnType<typeof fakeInvoices>;

/** `clock.now` is the node's time. */
export function fakeInvoices(clock: { now: number }) {
  const node = { pubkey: `02${randomBytes(32).toString("hex")}`, dead: false };
  let book: Invoice[] = [];
  let settled = 0n;
  let added = 0n;
  const streams = new Set<{ queue: Invoice[]; from: bigint; wake(): void; broken: boolean }>();
  const alive = () => {
    if (node.dead) throw new OracleError("LND_UNAVAILABLE", "the node does not answer");
  };
  const find = (paymentHash: Uint8Array) =>
    book.find((each) => Buffer.compare(each.paymentHash, Buffer.from(paymentHash)) === 0);
  const told = ({ paymentHash, amountPaid, settledAt, settleIndex, memo }: Invoice) => ({
    paymentHash,
    amountPaid,
    settledAt: settledAt!,
    settleIndex,
    memo,
  });

  return {
    node,
    subscriptions: () => streams.size,

    add(memo = "SatRank intent", expirySec = 600): Uint8Array {
      const paymentHash = new Uint8Array(createHash("sha256").update(randomBytes(32)).digest());
      added += 1n;
      book.push({
        addIndex: added,
        settleIndex: 0n,
        paymentHash,
        state: "open",
        amountPaid: msat(0n),
        memo,
        createdAt: unixSeconds(clock.now),
        expirySec,
      });
      return paymentHash;
    },

    /** To LND's streams an index of 0 is "from here on", and what is not above their index is never told. */
    pay(paymentHash: Uint8Array, amount = 1_000n): void {
      const invoice = find(paymentHash)!;
      settled += 1n;
      invoice.state = "settled";
      invoice.settleIndex = settled;
      invoice.amountPaid = msat(amount);
      invoice.settledAt = unixSeconds(clock.now);
      for (const stream of streams) {
        if (settled <= stream.from) continue;
        stream.queue.push(invoice);
        stream.wake();
      }
    },

    cancel(paymentHash: Uint8Array): void {
      find(paymentHash)!.state = "canceled";
    },

    /** As after kill -9: streams break, calls fail until {@link revive}. */
    kill(): void {
      node.dead = true;
      for (const stream of streams) {
        stream.broken = true;
        stream.wake();
      }
    },
    revive(): void {
      node.dead = false;
    },

    snapshot: () => ({ book: structuredClone(book), settled, added }),
    /** The node's database as it was. */
    restore(backup: { book: Invoice[]; settled: bigint; added: bigint }): void {
      ({ settled, added } = backup);
      book = structuredClone(backup.book);
    },

    ports: {
      async nodePubkey() {
        alive();
        return node.pubkey;
      },
      async listInvoices({ afterAddIndex, limit }: { afterAddIndex: bigint; limit: number }) {
        alive();
        const invoices = book.filter(({ addIndex }) => addIndex > afterAddIndex).slice(0, limit);
        return { invoices: structuredClone(invoices), lastAddIndex: invoices.at(-1)?.addIndex ?? afterAddIndex };
      },
      async lookupInvoice(paymentHash: Uint8Array) {
        alive();
        return find(paymentHash);
      },
      async *subscribeInvoices({ afterSettleIndex, signal }: { afterSettleIndex: bigint; signal: AbortSignal }) {
        alive();
        const replay = afterSettleIndex === 0n ? [] : book.filter(({ settleIndex }) => settleIndex > afterSettleIndex);
        replay.sort((a, b) => Number(a.settleIndex - b.settleIndex));
        let wake = () => {};
        const stream = { queue: replay, from: afterSettleIndex, wake: () => wake(), broken: false };
        streams.add(stream);
        signal.addEventListener("abort", () => wake());
        try {
          while (!signal.aborted) {
            const next = stream.queue.shift();
            if (next) yield told(next);
            else if (stream.broken) throw new OracleError("LND_UNAVAILABLE", "the stream broke");
            else
              await new Promise<void>((resolve) => {
                wake = resolve;
              });
          }
        } finally {
          streams.delete(stream);
        }
      },
    },
  };
}
