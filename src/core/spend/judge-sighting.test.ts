/** What the node's word proves, row by row. */
import { expect, test } from "vitest";
import { msat, unixSeconds } from "../units.ts";
import { CLOCK_MARGIN_SEC, judgeSighting, type Sighting } from "./judge-sighting.ts";

const endsAt = 1_800_000_000;
const early = unixSeconds(endsAt - 100);
const late = unixSeconds(endsAt + CLOCK_MARGIN_SEC);
const preimage = new Uint8Array(32).fill(7);

const lost = { amount: msat(1_000n), priorIndex: 4n, answered: false, invoiceEndsAt: unixSeconds(endsAt) };
const answered = { ...lost, answered: true };
const begun = { ...lost, lndIndex: 5n };
const inFlight = (index: bigint): Sighting => ({ status: "in-flight", index, amount: msat(1_000n) });
const failed = (index: bigint): Sighting => ({ status: "failed", index, amount: msat(1_000n), reason: "no-route" });
const paid = (index: bigint, amount = 1_000n): Sighting => ({
  status: "succeeded",
  index,
  amount: msat(amount),
  preimage,
  fee: msat(3n),
});

const success = { status: "succeeded", preimage, fee: 3n };
const failure = (reason: string) => ({ status: "failed", failure: reason });

test.each([
  { name: "unknown to the node, and our call may still arrive", sent: lost, seen: undefined, want: "waiting" },
  { name: "unknown a second before the margin ends", sent: lost, seen: undefined, now: late - 1, want: "waiting" },
  { name: "unknown after the invoice", sent: lost, seen: undefined, now: late, want: failure("never-sent") },
  { name: "unknown after an answer", sent: answered, seen: undefined, want: failure("never-sent") },
  { name: "unknown although it was begun", sent: begun, seen: undefined, now: late, want: "lost" },
  { name: "an older failure, and our call may still arrive", sent: lost, seen: failed(4n), want: "waiting" },
  { name: "an older failure after an answer", sent: answered, seen: failed(4n), want: failure("never-sent") },
  { name: "an older failure in place of one that was begun", sent: begun, seen: failed(4n), now: late, want: "lost" },
  { name: "under way", sent: lost, seen: inFlight(5n), now: late, want: "waiting" },
  { name: "failed under a number it told us", sent: begun, seen: failed(5n), want: failure("no-route") },
  { name: "failed under a number that may be another's", sent: lost, seen: failed(5n), want: "waiting" },
  { name: "the same after the invoice", sent: lost, seen: failed(5n), now: late, want: failure("no-route") },
  { name: "the same after an answer", sent: answered, seen: failed(5n), want: failure("no-route") },
  { name: "failed again under a later number", sent: begun, seen: failed(6n), want: failure("no-route") },
  { name: "paid", sent: lost, seen: paid(5n), want: success },
  { name: "paid under its number", sent: begun, seen: paid(5n), want: success },
  { name: "paid by another with another amount", sent: lost, seen: paid(5n, 999n), want: failure("superseded") },
  { name: "paid by another after ours failed", sent: begun, seen: paid(6n), want: failure("superseded") },
])("$name", ({ sent, seen, now = early, want }) => {
  const verdict = judgeSighting(sent, seen, unixSeconds(now));
  if (typeof want === "string") expect(verdict).toEqual({ decided: false, lost: want === "lost" });
  else expect(verdict).toEqual({ decided: true, end: want });
});
