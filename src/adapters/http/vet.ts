/** From a target to the addresses that may be dialled for it. One that may not refuses them all. */
import os from "node:os";
import { normalAddress, whyNotPublic } from "./address.ts";
import { Fault } from "./fault.ts";
import { resolveName } from "./resolve.ts";
import type { Target } from "./target.ts";

export type VetRules = {
  ports: readonly number[];
  /** `address:port` pairs that pass although they are not public. */
  allow: ReadonlySet<string>;
  dnsServers: readonly string[] | undefined;
};

/**
 * The addresses of a target, each of them public. A name is resolved anew each time, and what comes back is what is dialled:
 * an answer that changes between two questions finds no second question.
 * @throws Fault port-refused, address-refused, dns, or the signal's reason
 */
export async function vetTarget(target: Target, rules: VetRules, signal: AbortSignal): Promise<string[]> {
  checkPort(target.port, rules);
  const addresses =
    target.kind === "address" ? [target.host] : await resolveName(target.host, rules.dnsServers, signal);
  let own: ReadonlySet<string | undefined> | undefined;
  for (const address of addresses) {
    const normal = normalAddress(address);
    if (normal !== undefined && rules.allow.has(pairOf(normal, target.port))) continue;
    const why = normal === undefined ? "not an address" : whyNotPublic(normal);
    if (why !== undefined) throw new Fault("address-refused", "theirs", why);
    // From here a firewall may let through what it keeps from everybody else.
    own ??= ownAddresses();
    if (own.has(normal)) throw new Fault("address-refused", "ours", "an address of this machine");
    if (!rules.ports.includes(target.port)) throw portRefused();
  }
  return addresses;
}

/** Before anything is resolved. @throws Fault port-refused */
export function checkPort(port: number, rules: VetRules): void {
  const allowed = [...rules.allow].some((pair) => pair.endsWith(`:${port}`));
  if (!allowed && !rules.ports.includes(port)) throw portRefused();
}

function portRefused(): Fault {
  return new Fault("port-refused", "ours", "a port that is not asked");
}

function pairOf(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function ownAddresses(): ReadonlySet<string | undefined> {
  return new Set(
    Object.values(os.networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => normalAddress(address))),
  );
}
