/** What an operator says of its own endpoint: taken when the endpoint's host names its key, and for as long as it does. */
import { type EndpointUrl, type Method, readEndpointUrl, type UrlFault } from "../../core/endpoint/endpoint.ts";
import type { Claim } from "../../core/endpoint/listing.ts";
import { originOf, PROOF_PATH } from "../../core/endpoint/ownership.ts";
import { OracleError } from "../../core/errors.ts";
import { type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { type Ownership, type ProofPorts, proveOwnership } from "./prove-ownership.ts";

export type Proven = Extract<Ownership, { kind: "named" }>;
export type HeldClaim = { subject: string; operator: string; proof: "file" | "challenge"; expiresAt: UnixSeconds };
export type Registered = { named: NamedEndpoint; held: HeldClaim };
export type NamedEndpoint = { endpoint: EndpointUrl; method: Method };
/** `capped`: the host has as many endpoints of its own as one may have; `unclaimed`: it has stopped naming the operator meanwhile. */
export type OwnerResult = "added" | "known" | "capped" | "unclaimed";

export type RegisterPorts = ProofPorts & {
  /** The claims that hold for an endpoint, by the whole host first. */
  findClaims(origin: string, url: string, now: UnixSeconds): Promise<HeldClaim[]>;
  /** Writes down whom the host named, in place of anybody it named before. */
  saveClaim(proven: Proven, named: NamedEndpoint, terms: ClaimTerms): Promise<void>;
  /** The operator's own word on an endpoint; undefined when it has none. */
  ownerClaim(named: NamedEndpoint, operator: string): Promise<Claim | undefined>;
  saveOwnerClaim(named: NamedEndpoint, operator: string, claim: Claim, now: UnixSeconds): Promise<OwnerResult>;
  /** Takes an endpoint out of the catalogue. False when it is not in it. */
  withdraw(named: NamedEndpoint, operator: string, now: UnixSeconds): Promise<boolean>;
  /** Counts one question to a host on behalf of a key. @throws RATE_LIMITED */
  takeProof(operator: string, host: string): Promise<void>;
  mayList(url: URL): boolean;
  /** Whether what this host says can be believed to come from it. */
  isAuthentic(url: URL): boolean;
  now(): UnixSeconds;
};

export type ClaimTerms = { provenAt: UnixSeconds; expiresAt: UnixSeconds; nextCheckAt: UnixSeconds };

/** A proof is looked at again each day, and is good for a week in which the host cannot be asked. */
const PROOF_VALID_SEC = 7 * 86_400;
const PROOF_CHECK_SEC = 86_400;

export function termsFrom(provenAt: UnixSeconds): ClaimTerms {
  const after = (sec: number) => unixSeconds(provenAt + sec);
  return { provenAt, expiresAt: after(PROOF_VALID_SEC), nextCheckAt: after(PROOF_CHECK_SEC) };
}

/** Enters or replaces the operator's word. @throws VALIDATION_FAILED, OWNERSHIP_UNPROVEN, RATE_LIMITED */
export async function registerEndpoint(
  ports: RegisterPorts,
  asked: { url: string; method: Method; operator: string; claim: Claim; signal: AbortSignal },
): Promise<Registered & { isNew: boolean }> {
  const named = nameOf(ports, asked);
  const held = await holdClaim(ports, named, asked.operator, asked.signal);
  return { named, held, isNew: await say(ports, named, asked.operator, asked.claim) };
}

/** @throws VALIDATION_FAILED, OWNERSHIP_UNPROVEN */
async function say(ports: RegisterPorts, named: NamedEndpoint, operator: string, claim: Claim): Promise<boolean> {
  const result = await ports.saveOwnerClaim(named, operator, claim, ports.now());
  if (result === "capped")
    throw new OracleError("VALIDATION_FAILED", "url: this host has as many endpoints as one may have");
  if (result === "unclaimed") throw new OracleError("OWNERSHIP_UNPROVEN", "the host has stopped naming this key");
  return result === "added";
}

/** Changes some fields of the operator's word; null takes one back. @throws SUBJECT_UNKNOWN and what registering throws */
export async function amendEndpoint(
  ports: RegisterPorts,
  asked: { url: string; method: Method; operator: string; change(held: Claim): Claim; signal: AbortSignal },
): Promise<Registered> {
  const named = nameOf(ports, asked);
  const held = await holdClaim(ports, named, asked.operator, asked.signal);
  const before = await ports.ownerClaim(named, asked.operator);
  if (!before) throw new OracleError("SUBJECT_UNKNOWN", "this key has not registered this endpoint: use POST");
  await say(ports, named, asked.operator, asked.change(before));
  return { named, held };
}

/** Takes the endpoint out, whoever lists it. @throws SUBJECT_UNKNOWN and what registering throws */
export async function withdrawEndpoint(
  ports: RegisterPorts,
  asked: { url: string; method: Method; operator: string; signal: AbortSignal },
): Promise<Registered> {
  const named = nameOf(ports, asked);
  const held = await holdClaim(ports, named, asked.operator, asked.signal);
  if (!(await ports.withdraw(named, asked.operator, ports.now())))
    throw new OracleError("SUBJECT_UNKNOWN", "this endpoint is not in the catalogue");
  return { named, held };
}

const FAULTS: Record<UrlFault, string> = {
  malformed: "not a URL",
  scheme: "https, or http of an onion service",
  credentials: "no user and no password",
  templated: "one endpoint, and no placeholder",
  "too-long": "shorter",
};

function nameOf(ports: RegisterPorts, { url, method }: { url: string; method: Method }): NamedEndpoint {
  const endpoint = readEndpointUrl(url);
  if (typeof endpoint === "string") throw new OracleError("VALIDATION_FAILED", `url: ${FAULTS[endpoint]}`);
  const parsed = new URL(endpoint.url);
  if (!ports.mayList(parsed)) throw new OracleError("VALIDATION_FAILED", "url: a name that everybody can reach");
  if (!ports.isAuthentic(parsed)) throw new OracleError("VALIDATION_FAILED", `url: ${FAULTS.scheme}`);
  return { endpoint, method };
}

/** The claim of this key on the endpoint: one that holds, or one that the host proves now. @throws OWNERSHIP_UNPROVEN, RATE_LIMITED */
async function holdClaim(
  ports: RegisterPorts,
  named: NamedEndpoint,
  operator: string,
  signal: AbortSignal,
): Promise<HeldClaim> {
  const { url, host } = named.endpoint;
  const [holding] = await ports.findClaims(originOf(url), url, ports.now());
  if (holding?.operator === operator) return holding;

  await ports.takeProof(operator, host);
  const found = await proveOwnership(ports, { url, method: named.method }, signal);
  if (found.kind === "unasked")
    throw new OracleError(
      "OWNERSHIP_UNPROVEN",
      `the host could not be asked whom it names (${found.why}): try again later`,
    );
  if (found.kind === "silent" || found.operator !== operator) {
    const seen = found.kind === "silent" ? "names no key" : "names another key";
    const where = `${originOf(url)}${PROOF_PATH}, or nostr-pubkey="…" in the challenge`;
    throw new OracleError("OWNERSHIP_UNPROVEN", `the host ${seen}: ${where} must name ${operator}`);
  }
  // A single URL cannot speak against the operator of all of its host.
  if (found.proof === "challenge" && holding?.proof === "file")
    throw new OracleError("OWNERSHIP_UNPROVEN", `the host names another key in ${originOf(url)}${PROOF_PATH}`);
  const terms = termsFrom(ports.now());
  await ports.saveClaim(found, named, terms);
  return { ...found, expiresAt: terms.expiresAt };
}
