/** Which hosts may be listed, and whose word can be believed to be theirs. */
import { isPublicName } from "../core/endpoint/public-host.ts";

/** @param local `host:port` of services on this machine that may be listed, and believed, without a public name and TLS */
export function hostRules(local: readonly string[]) {
  return {
    mayList: (url: URL): boolean => isPublicName(url.hostname) || local.includes(url.host),
    // Whoever sits between could answer for a host that is asked without TLS; an onion service's name is its key.
    isAuthentic: (url: URL): boolean =>
      url.protocol === "https:" || url.hostname.endsWith(".onion") || local.includes(url.host),
  };
}
