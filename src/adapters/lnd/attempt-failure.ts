/** How one HTLC of ours came back (lnrpc.HTLCAttempt with an lnrpc.Failure). */
import { type Msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Answer, countField, messageField, msatField, textField, uint64Field } from "./fields.ts";

/**
 * BOLT 4's failure as lnrpc.Failure.FailureCode spells it, and who reported it: 0 is our own node, i the i-th hop's node,
 * the number of hops the target. `update` is the channel_update that came along, `resolvedAt` LND's own time of the end.
 */
export type AttemptFailure = {
  code: string;
  sourceIndex: number;
  update?: { channelId: bigint; policy: UpdatedPolicy };
  resolvedAt?: UnixSeconds;
};

type UpdatedPolicy = {
  feeBaseMsat: number;
  feePpm: number;
  cltvDelta: number;
  minHtlc: Msat;
  maxHtlc: Msat;
  disabled: boolean;
  updatedAt: UnixSeconds;
};

/** BOLT 7 `channel_flags`: the direction is disabled. */
const DISABLED_FLAG = 2;
const NANOSECONDS = 1_000_000_000n;

/** Undefined when the attempt names no failure. @throws LND_REFUSED */
export function readAttemptFailure(attempt: Answer, hopCount: number): AttemptFailure | undefined {
  const failure = messageField(attempt, "failure");
  if (!failure) return undefined;
  // A code LND's protos do not name yet arrives as a number.
  const number = failure.fields["code"];
  const code = typeof number === "number" ? `CODE_${number}` : textField(failure, "code", 64);
  const update = readUpdate(failure);
  const resolvedAt = Number(uint64Field(attempt, "resolve_time_ns") / NANOSECONDS);
  return {
    code,
    sourceIndex: countField(failure, "failure_source_index", hopCount),
    ...(update && { update }),
    ...(resolvedAt > 0 && { resolvedAt: unixSeconds(resolvedAt) }),
  };
}

/** A stranger wrote this part: one that makes no sense is left out, and the failure still counts. */
function readUpdate(failure: Answer): AttemptFailure["update"] {
  const update = messageField(failure, "channel_update");
  if (!update) return undefined;
  try {
    const policy = {
      feeBaseMsat: countField(update, "base_fee", 0xffff_ffff),
      feePpm: countField(update, "fee_rate", 0xffff_ffff),
      cltvDelta: countField(update, "time_lock_delta", 0xffff),
      minHtlc: msatField(update, "htlc_minimum_msat"),
      maxHtlc: msatField(update, "htlc_maximum_msat"),
      disabled: (countField(update, "channel_flags", 0xffff_ffff) & DISABLED_FLAG) !== 0,
      updatedAt: unixSeconds(countField(update, "timestamp", 0xffff_ffff)),
    };
    return { channelId: uint64Field(update, "chan_id"), policy };
  } catch {
    return undefined;
  }
}
