/** `lnrpc.RoutingPolicy` into one row of policy columns, with every number that cannot be right brought inside its bounds. */
import { type ArcPolicies, POLICY_ENABLED, POLICY_KNOWN } from "../../core/graph/channel-graph.ts";
import { countGarbage, type Garbage, type GarbageReason } from "../../core/graph/garbage.ts";
import {
  field,
  finish,
  highWord,
  lowWord,
  readSigned,
  readTag,
  readUnsigned,
  readWords,
  skip,
  VARINT,
  type Wire,
} from "./wire.ts";

/**
 * 1 time_lock_delta, 2 min_htlc, 3 fee base, 4 fee rate, 5 disabled, 6 max_htlc, 7 last_update, 9 and 10 inbound fees.
 * @throws GRAPH_MALFORMED
 */
export function readPolicy(wire: Wire, end: number, policies: ArcPolicies, arc: number, garbage: Garbage): void {
  const bounded = (max: number, reason: GarbageReason): number => {
    const value = readSigned(wire);
    if (value >= 0 && value <= max) return value;
    countGarbage(garbage, reason);
    return value < 0 ? 0 : max;
  };
  let disabled = false;
  while (wire.at < end) {
    const tag = readTag(wire);
    switch (tag) {
      case field(1, VARINT):
        policies.cltvDelta[arc] = bounded(0xffff, "time-lock");
        break;
      case field(2, VARINT):
        policies.minHtlcMsat[arc] = bounded(Number.MAX_SAFE_INTEGER, "htlc-minimum");
        break;
      case field(3, VARINT):
        policies.feeBaseMsat[arc] = bounded(0xffffffff, "fee");
        break;
      case field(4, VARINT):
        policies.feePpm[arc] = bounded(0xffffffff, "fee");
        break;
      case field(5, VARINT):
        disabled = readUnsigned(wire) !== 0;
        break;
      case field(6, VARINT):
        policies.maxHtlcMsat[arc] = readUnsigned(wire);
        break;
      case field(7, VARINT):
        policies.updatedAt[arc] = bounded(0xffffffff, "time-in-future");
        break;
      case field(9, VARINT):
        policies.inboundFeeBaseMsat[arc] = readInt32(wire, garbage);
        break;
      case field(10, VARINT):
        policies.inboundFeePpm[arc] = readInt32(wire, garbage);
        break;
      default:
        skip(wire, tag);
    }
  }
  policies.flags[arc] = POLICY_KNOWN | (disabled ? 0 : POLICY_ENABLED);
  finish(wire, end);
}

/** Negative ones take ten bytes, sign-extended to 64 bits. Of a longer number the nearest that fits is taken. */
function readInt32(wire: Wire, garbage: Garbage): number {
  readWords(wire);
  const value = lowWord | 0;
  if (highWord === (value < 0 ? 0xffffffff : 0)) return value;
  countGarbage(garbage, "inbound-fee");
  return highWord >= 0x80000000 ? -0x80000000 : 0x7fffffff;
}
