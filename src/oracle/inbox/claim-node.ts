/** A Nostr key claims the node that it runs: the node has signed a text that names both, and the key signs the request. */
import { claimText, dayOf, signedDay } from "../../core/clip/claim-text.ts";
import { OracleError } from "../../core/errors.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";

export type ClaimPorts = {
  /** Whether the node is in our graph. */
  isKnown(nodeKey: string): Promise<boolean>;
  /** Atomic. "outdated": another key has the node's word for a later day, or since; "used": this text has been claimed with, and ended. */
  claim(
    claim: { nodeKey: string; pubkey: string; signedDay: UnixSeconds; expiresAt: UnixSeconds },
    now: UnixSeconds,
  ): Promise<"claimed" | "outdated" | "used">;
  /** False when this key has no claim on the node. */
  withdrawClaim(nodeKey: string, pubkey: string, now: UnixSeconds): Promise<boolean>;
  /** Counts one claim of a key. @throws RATE_LIMITED */
  takeClaim(pubkey: string): Promise<void>;
  /** Under which clients reach this api. */
  origin(): string;
  now(): UnixSeconds;
};

/** Long enough to be no burden, short enough that a node which was sold is not its seller's for ever. */
const CLAIM_VALID_SEC = 180 * 86_400;

/** @returns until when it holds. @throws SUBJECT_UNKNOWN, OWNERSHIP_UNPROVEN with the text that is to be signed, RATE_LIMITED */
export async function claimNode(
  ports: ClaimPorts,
  { nodeKey, pubkey, signature }: { nodeKey: string; pubkey: string; signature: string },
): Promise<{ expiresAt: UnixSeconds }> {
  await ports.takeClaim(pubkey);
  if (!(await ports.isKnown(nodeKey))) throw new OracleError("SUBJECT_UNKNOWN", "the graph has no such node");
  const now = ports.now();
  const named = { origin: ports.origin(), pubkey, nodeKey };
  const day = signedDay(named, signature, now);
  if (day === undefined)
    throw new OracleError("OWNERSHIP_UNPROVEN", `this is not the node's signature of: ${claimText(named, dayOf(now))}`);
  const expiresAt = unixSeconds(now + CLAIM_VALID_SEC);
  const outcome = await ports.claim({ nodeKey, pubkey, signedDay: day, expiresAt }, now);
  if (outcome === "claimed") return { expiresAt };
  const why = outcome === "used" ? "has ended" : "is older than its word for another key";
  throw new OracleError("OWNERSHIP_UNPROVEN", `what the node signed ${why}: have it sign the text of another day`);
}

/** @throws SUBJECT_UNKNOWN when the key has no claim on the node */
export async function withdrawNodeClaim(
  ports: ClaimPorts,
  { nodeKey, pubkey }: { nodeKey: string; pubkey: string },
): Promise<void> {
  if (!(await ports.withdrawClaim(nodeKey, pubkey, ports.now())))
    throw new OracleError("SUBJECT_UNKNOWN", "this key has no claim on this node");
}
