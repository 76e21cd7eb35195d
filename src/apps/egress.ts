/** The one way out to endpoints, feeds and whatever else strangers name, as it is configured. */
import { type GuardedClient, openGuardedClient } from "../adapters/http/guarded-client.ts";
import type { Config } from "./config.ts";

/** @param allow `address:port` pairs of this machine that the embedded world serves; nobody else gives any */
export function openEgress(config: Config, allow: readonly string[] = []): GuardedClient {
  return openGuardedClient({ ports: config.EGRESS_PORTS, socksProxy: config.EGRESS_SOCKS_PROXY, allow });
}
