/**
 * What the end of an attempt proves, and about whom (BOLT 4 failure messages, as LND names them).
 *
 * Convict only on named evidence: a liquidity bound comes from TEMPORARY_CHANNEL_FAILURE alone, and a code that may have
 * been garbled or passed on under another's name counts and does nothing else. Nodes that forwarded the HTLC are credited
 * for it whatever became of it later. Our own channel is never a subject: what it holds is our business, and known.
 */
import type { AnnouncedPolicy, Observation, PolicyFault } from "../evidence/observation.ts";
import type { ProbeHop } from "./route.ts";

/** The policy that came back with a failure. */
export type FailureUpdate = { readonly channelId: bigint; readonly policy: AnnouncedPolicy };

/** `sourceIndex` is the position of who reported: 0 our own node, i the node hop i−1 leads to, the number of hops the target. */
export type ProbeFailure = { readonly code: string; readonly sourceIndex: number; readonly update?: FailureUpdate };

/** The target has seen the HTLC, and answered as a target does. */
const ARRIVED = new Set([
  "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS",
  "INCORRECT_PAYMENT_AMOUNT",
  "MPP_TIMEOUT",
  "FINAL_EXPIRY_TOO_SOON",
  "FINAL_INCORRECT_CLTV_EXPIRY",
  "FINAL_INCORRECT_HTLC_AMOUNT",
]);

/** The node that reports cannot forward now, over any channel. */
const NODE_FAULTS = new Set([
  "TEMPORARY_NODE_FAILURE",
  "PERMANENT_NODE_FAILURE",
  "REQUIRED_NODE_FEATURE_MISSING",
  "REQUIRED_CHANNEL_FEATURE_MISSING",
  "EXPIRY_TOO_FAR",
]);

/** The announced policy is not the one in force. */
const STALE: Readonly<Record<string, PolicyFault>> = {
  FEE_INSUFFICIENT: "fee",
  AMOUNT_BELOW_MINIMUM: "minimum",
  INCORRECT_CLTV_EXPIRY: "time-lock",
  CHANNEL_DISABLED: "disabled",
};

/** The HTLC was at the node that reports, which found our onion wrong: ours to mend, and nothing about its channels. */
const MALFORMED = new Set(["INVALID_ONION_PAYLOAD", "INVALID_REALM"]);

/** Whether an attempt arrived, by what it proved; undefined where that is not known, or was our own doing. */
export function hasArrived(seen: readonly Observation[]): boolean | undefined {
  if (seen.some(({ kind }) => kind === "reached")) return true;
  return seen.length === 0 || seen.some(({ kind }) => kind === "own-failure" || kind === "unattributed")
    ? undefined
    : false;
}

/** The observations that an attempt along `hops` gives. `sourceIndex` is at most the number of hops. */
export function readOutcome(hops: readonly ProbeHop[], failure: ProbeFailure): Observation[] {
  const { code, sourceIndex } = failure;
  if (sourceIndex === 0) return [{ kind: "own-failure", code }];
  const reporter = hops[sourceIndex - 1]!.to;
  return sourceIndex === hops.length
    ? readFromTarget(hops, code, reporter)
    : readFromHop(hops, failure, hops[sourceIndex]!);
}

function readFromTarget(hops: readonly ProbeHop[], code: string, node: string): Observation[] {
  if (ARRIVED.has(code)) return [...passed(hops), { kind: "reached", node, amount: hops.at(-1)!.amount, code }];
  if (NODE_FAULTS.has(code)) return [...passed(hops), { kind: "node-fault", node, code }];
  if (MALFORMED.has(code)) return [...passed(hops), { kind: "unattributed", code, node }];
  return [{ kind: "unattributed", code, node }];
}

/** `hop` is the one that the reporting node did not take. */
function readFromHop(hops: readonly ProbeHop[], failure: ProbeFailure, hop: ProbeHop): Observation[] {
  const { code, sourceIndex } = failure;
  const before = passed(hops.slice(0, sourceIndex));
  const { channelId, from, to } = hop;
  const fault = staleFault(hop, failure);
  if (fault) {
    const policy = updateOf(hop, failure);
    return [...before, { kind: "policy-stale", channelId, from, to, fault, ...(policy && { policy }) }];
  }
  if (code === "TEMPORARY_CHANNEL_FAILURE") return [...before, ...couldNot(hop)];
  if (code === "UNKNOWN_NEXT_PEER") return [...before, { kind: "offline", node: to, seenBy: from }];
  if (code === "PERMANENT_CHANNEL_FAILURE") return [...before, { kind: "channel-gone", channelId, from, to }];
  if (NODE_FAULTS.has(code)) return [...before, { kind: "node-fault", node: from, code }];
  if (MALFORMED.has(code)) return [...before, { kind: "unattributed", code, node: from }];
  return [{ kind: "unattributed", code, node: from }];
}

/** Who forwarded is online and held the amount; over which of several parallel channels is not told. */
function passed(hops: readonly ProbeHop[]): Observation[] {
  return hops.flatMap((hop, i): Observation[] => {
    const { channelId, from, to, amount, parallel } = hop;
    const online: Observation = { kind: "online", node: to };
    if (i === 0) return [online];
    const held: Observation =
      parallel.length === 0
        ? { kind: "holds-at-least", channelId, from, to, amount }
        : { kind: "pair-holds-at-least", from, to, amount };
    return [online, held];
  });
}

/** None of the channels that would have taken the HTLC could. */
function couldNot({ channelId, from, to, amount, willing }: ProbeHop): Observation[] {
  return [channelId, ...willing].map((id) => ({ kind: "holds-below", channelId: id, from, to, amount }));
}

/** LND reports an amount above the maximum in force as TEMPORARY_CHANNEL_FAILURE; the update that comes along tells. */
function staleFault(hop: ProbeHop, failure: ProbeFailure): PolicyFault | undefined {
  if (failure.code !== "TEMPORARY_CHANNEL_FAILURE") {
    return Object.hasOwn(STALE, failure.code) ? STALE[failure.code] : undefined;
  }
  const policy = updateOf(hop, failure);
  if (!policy) return undefined;
  if (policy.disabled) return "disabled";
  if (policy.maxHtlc > 0n && hop.amount > policy.maxHtlc) return "maximum";
  return hop.amount < policy.minHtlc ? "minimum" : undefined;
}

function updateOf(hop: ProbeHop, { update }: ProbeFailure): AnnouncedPolicy | undefined {
  return update?.channelId === hop.channelId ? update.policy : undefined;
}
