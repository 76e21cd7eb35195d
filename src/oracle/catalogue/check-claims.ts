/** Looks again at what claims rest on. A host that does not name its operator any more has taken the claim back. */
import type { Method } from "../../core/endpoint/endpoint.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type ProofPorts, proveOwnership } from "./prove-ownership.ts";
import { type ClaimTerms, termsFrom } from "./register-endpoint.ts";

export type DueClaim = {
  id: bigint;
  subject: string;
  url: string;
  method: Method;
  operator: string;
  expiresAt: UnixSeconds;
  misses: number;
};

export type CheckPorts = ProofPorts & {
  /** Claims that are due, for a while nobody else's. */
  takeDueClaims(limit: number, leaseSec: number, now: UnixSeconds): Promise<DueClaim[]>;
  renewClaim(id: bigint, terms: ClaimTerms): Promise<void>;
  /** One more answer without the operator's name; or none at all, which counts for nothing. */
  doubtClaim(id: bigint, misses: number, nextCheckAt: UnixSeconds): Promise<void>;
  /** Ends a claim, and with it everything that was said by its right. */
  endClaim(id: bigint, why: "removed" | "expired", now: UnixSeconds): Promise<void>;
  now(): UnixSeconds;
};

export type Checked = { taken: number; renewed: number; doubted: number; ended: number };

const BATCH = 20;
const LEASE_SEC = 900;
const AGAIN_SEC = 3_600;
/** A file that a deployment lost for an hour is no revocation. */
const MOST_MISSES = 3;

export async function checkClaims(ports: CheckPorts, signal: AbortSignal): Promise<Checked> {
  const due = await ports.takeDueClaims(BATCH, LEASE_SEC, ports.now());
  const checked = { taken: due.length, renewed: 0, doubted: 0, ended: 0 };
  for (const claim of due) {
    if (signal.aborted) break;
    checked[await checkOne(ports, claim, signal)]++;
  }
  return checked;
}

async function checkOne(
  ports: CheckPorts,
  claim: DueClaim,
  signal: AbortSignal,
): Promise<"renewed" | "doubted" | "ended"> {
  const found = await proveOwnership(ports, claim, signal);
  const now = ports.now();
  if (found.kind === "named" && found.operator === claim.operator && found.subject === claim.subject) {
    await ports.renewClaim(claim.id, termsFrom(now));
    return "renewed";
  }
  const misses = claim.misses + (found.kind === "unasked" ? 0 : 1);
  if (misses < MOST_MISSES && now < claim.expiresAt) {
    await ports.doubtClaim(claim.id, misses, unixSeconds(now + AGAIN_SEC));
    return "doubted";
  }
  await ports.endClaim(claim.id, misses >= MOST_MISSES ? "removed" : "expired", now);
  return "ended";
}
