/** What is paid to us is booked the moment LND says so, and none is missed while nobody listens. */
import type { Msat, UnixSeconds } from "../../core/units.ts";
import { isOurs } from "../invoice-memo.ts";
import { type FollowPorts, reasonToStartOver, type StartOver, startOver } from "./follow-node.ts";
import type { Settlement } from "./take-inventory.ts";

/** An invoice of the node that was just paid, whoever made it. */
export type SettledInvoice = {
  paymentHash: Uint8Array;
  amountPaid: Msat;
  settledAt: UnixSeconds;
  settleIndex: bigint;
  memo: string;
};

export type WatchPorts = FollowPorts & {
  /** The node's identity. @throws LND_UNAVAILABLE */
  nodePubkey(): Promise<string>;
  /** Payments after a settle index, in its order, then each as it happens. Throws when the stream breaks. */
  subscribeInvoices(options: { afterSettleIndex: bigint; signal: AbortSignal }): AsyncIterable<SettledInvoice>;
  /** Books receipts and moves the cursor, never backwards, in one transaction. Idempotent. @returns how many were news */
  record(
    receipts: readonly Settlement[],
    at: UnixSeconds,
    reached?: { nodePubkey: string; settleIndex: bigint; paymentHash: Uint8Array },
  ): Promise<number>;
  now(): UnixSeconds;
  /** Resolves after the pause, or at once when `signal` aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1): keeps processes from returning all at once. */
  random(): number;
  /** Hears how the watch goes on. */
  hear(news: WatchNews): void;
};

export type WatchNews =
  | { kind: "booked"; count: number }
  | { kind: "started-over"; reason: StartOver; listed: number; healed: number }
  | { kind: "interrupted"; error: unknown };

/** Most payments in one transaction, and most that wait for it. */
const BATCH = 500;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** Pauses after which a node that had no payment is listed again. LND takes a moment to begin a subscription and does not say when. */
const LIST_AGAIN_MS = [1_000, 4_000, 25_000];

/**
 * Follows the node's payments until `signal` aborts, from where any process has last got to; after an interruption, and
 * again ever more slowly while it lasts. Any number of processes may do so at once.
 */
export async function watchReceipts(ports: WatchPorts, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      await follow(ports, signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      ports.hear({ kind: "interrupted", error });
    }
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures, MAX_PAUSE_MS);
    failures = Math.min(failures + 1, 16);
    await ports.pause((longest * (1 + ports.random())) / 2, signal);
  }
}

/** One connection's worth. `onBooked` says that it works. */
async function follow(ports: WatchPorts, signal: AbortSignal, onBooked: () => void): Promise<void> {
  const nodePubkey = await ports.nodePubkey();
  const readAll = async (reason: StartOver, sinceAt: UnixSeconds) => {
    const { cursor, inventory } = await startOver(ports, { nodePubkey, reason, sinceAt, now: ports.now(), signal });
    ports.hear({ kind: "started-over", reason, listed: inventory.listed, healed: inventory.healed });
    return cursor;
  };
  let cursor = await ports.readCursor(nodePubkey);
  const reason = await reasonToStartOver(ports, cursor);
  if (!cursor || reason) cursor = await readAll(reason ?? "first", cursor?.sinceAt ?? ports.now());

  const { settleIndex: afterSettleIndex, sinceAt } = cursor;
  let isComplete = afterSettleIndex > 0n;
  const ended = new AbortController();
  const whileSubscribed = AbortSignal.any([signal, ended.signal]);
  /** Payments between the listing and the subscription are told to neither when there is no index to go on from. */
  const listAgain = async () => {
    for (const pauseMs of LIST_AGAIN_MS) {
      await ports.pause(pauseMs, whileSubscribed);
      if (isComplete || whileSubscribed.aborted) return;
      await readAll("nothing-paid", sinceAt);
    }
  };
  const listing = listAgain().catch((error: unknown) => ended.abort(error));
  try {
    const stream = { afterSettleIndex, signal: whileSubscribed };
    await takeIn(ports.subscribeInvoices.bind(ports), stream, async (batch) => {
      const receipts = batch
        .filter((each) => isOurs(each) && each.amountPaid > 0n)
        .map((each) => settlementOf(nodePubkey, each));
      const { settleIndex, paymentHash } = batch.reduce((a, b) => (b.settleIndex > a.settleIndex ? b : a));
      const booked = await ports.record(receipts, ports.now(), { nodePubkey, settleIndex, paymentHash });
      if (booked > 0) ports.hear({ kind: "booked", count: booked });
      onBooked();
      if (!isComplete && batch[0]!.settleIndex > 1n) await readAll("nothing-paid", sinceAt);
      isComplete = true;
    });
    ended.signal.throwIfAborted();
  } finally {
    ended.abort();
    await listing;
  }
}

/** Reads a stream and hands it on in batches: one at a time, each holding what came during the one before. */
async function takeIn(
  subscribe: WatchPorts["subscribeInvoices"],
  options: { afterSettleIndex: bigint; signal: AbortSignal },
  write: (batch: SettledInvoice[]) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const waiting: SettledInvoice[] = [];
  let writing: Promise<void> | undefined;
  const writeAll = async () => {
    while (waiting.length > 0) await write(waiting.splice(0, BATCH));
  };
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for await (const invoice of subscribe({ ...options, signal })) {
      waiting.push(invoice);
      writing ??= writeAll()
        .catch((error: unknown) => failed.abort(error))
        .finally(() => {
          writing = undefined;
        });
      if (waiting.length >= BATCH) await writing;
      if (failed.signal.aborted) break;
    }
  } finally {
    await writing;
  }
  failed.signal.throwIfAborted();
}

function settlementOf(nodePubkey: string, invoice: SettledInvoice): Settlement {
  const { paymentHash, amountPaid: amount, settledAt, settleIndex } = invoice;
  return { nodePubkey, paymentHash, amount, settledAt, settleIndex };
}
