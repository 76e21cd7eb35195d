/**
 * Asks hosts with announced APIs (kind 31402) whom they name. Who announced what its host says is its own has proved to run it, and
 * need not register: the announcement is its signature.
 */
import type { EndpointUrl, Method } from "../../core/endpoint/endpoint.ts";
import { originOf } from "../../core/endpoint/ownership.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { type ProofPorts, proveOwnership } from "./prove-ownership.ts";
import { type ClaimTerms, type HeldClaim, type NamedEndpoint, type Proven, termsFrom } from "./register-endpoint.ts";

/** One announced endpoint of a host that is due, and the keys that have announced something there. */
export type AnnouncedHost = { endpoint: EndpointUrl; method: Method; announcers: readonly string[] };

export type AnnouncedPorts = ProofPorts & {
  /** Hosts that are due, and not again for a while, whoever asks. */
  takeAnnouncedHosts(limit: number, againSec: number, now: UnixSeconds): Promise<AnnouncedHost[]>;
  findClaims(origin: string, url: string, now: UnixSeconds): Promise<HeldClaim[]>;
  saveClaim(proven: Proven, named: NamedEndpoint, terms: ClaimTerms): Promise<void>;
  /** Whether what this host says can be believed to come from it. */
  isAuthentic(url: URL): boolean;
  now(): UnixSeconds;
};

const BATCH = 20;
/** One question to a host answers for all keys that announce something of it, so strangers' announcements cost it no more. */
const AGAIN_SEC = 21_600;

/** @returns how many hosts were asked, and how many named who announced them */
export async function proveAnnounced(
  ports: AnnouncedPorts,
  signal: AbortSignal,
): Promise<{ asked: number; proven: number }> {
  const due = await ports.takeAnnouncedHosts(BATCH, AGAIN_SEC, ports.now());
  let proven = 0;
  for (const host of due) {
    if (signal.aborted) break;
    if (await proveOne(ports, host, signal)) proven++;
  }
  return { asked: due.length, proven };
}

async function proveOne(ports: AnnouncedPorts, host: AnnouncedHost, signal: AbortSignal): Promise<boolean> {
  const { endpoint, method, announcers } = host;
  const { url } = endpoint;
  if (!ports.isAuthentic(new URL(url))) return false;
  const found = await proveOwnership(ports, { url, method }, signal);
  if (found.kind !== "named" || !announcers.includes(found.operator)) return false;
  const [holding] = await ports.findClaims(originOf(url), url, ports.now());
  // A single URL cannot speak against the operator of all of its host.
  if (found.proof === "challenge" && holding?.proof === "file") return false;
  await ports.saveClaim(found, { endpoint, method }, termsFrom(ports.now()));
  return true;
}
