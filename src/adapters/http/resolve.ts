/**
 * The addresses of a name, from DNS alone. Not from `dns.lookup`: that asks the system, which knows names DNS does not (the
 * hosts file, search domains, mDNS), waits in the four threads that files and compression need as well, and cannot be stopped.
 */
import { promises as dns } from "node:dns";
import { codeOf, Fault } from "./fault.ts";

/** c-ares waits this long for each server's first answer, and twice as long for the second. */
const WAIT_MS = 1_200;
const TRIES = 2;
/** Once one family has answered, the other has this long: some servers never answer for the one they have nothing of. */
const OTHER_FAMILY_MS = 500;

/**
 * All A and AAAA records of a name, asked for anew each time. One family is enough when the other does not answer.
 * @param servers `address:port` of the resolvers to ask instead of the system's
 * @throws Fault dns, or the signal's reason
 */
export async function resolveName(
  name: string,
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const resolver = new dns.Resolver({ timeout: WAIT_MS, tries: TRIES });
  if (servers) resolver.setServers(servers);
  const stop = () => resolver.cancel();
  signal.addEventListener("abort", stop, { once: true });
  const timers: NodeJS.Timeout[] = [];
  const soonEnough = (addresses: string[]) => {
    timers.push(setTimeout(stop, OTHER_FAMILY_MS));
    return addresses;
  };
  try {
    const families = await Promise.allSettled([
      resolver.resolve4(name).then(soonEnough),
      resolver.resolve6(name).then(soonEnough),
    ]);
    signal.throwIfAborted();
    const addresses = families.flatMap((family) => (family.status === "fulfilled" ? family.value : []));
    if (addresses.length > 0) return addresses;
    throw noAddress(families.map((family) => (family.status === "rejected" ? codeOf(family.reason) : dns.NODATA)));
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function noAddress(codes: readonly string[]): Fault {
  if (codes.includes(dns.NOTFOUND)) return new Fault("dns", "theirs", "there is no such name");
  if (codes.every((code) => code === dns.NODATA)) return new Fault("dns", "theirs", "the name has no address");
  if (codes.includes(dns.CONNREFUSED)) return new Fault("dns", "ours", "no resolver answers");
  return new Fault("dns", "unknown", `the name could not be resolved (${[...new Set(codes)].join(", ")})`);
}
