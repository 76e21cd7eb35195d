/** Hosts that a stranger may name. What a name resolves to is the guarded client's business; this is what its text gives away. */

/** Names that are nobody's outside: RFC 6761, RFC 6762, RFC 8375, RFC 9476 and ICANN's `internal`. */
const LOCAL_NAME = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa|alt)$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_HOST_CHARACTERS = 253;

/**
 * Whether a host, as the URL Standard writes it, is a name that anybody could reach. Addresses are not: a paid API that has no
 * name is nobody's loss, and an address in a stranger's list is mostly one of ours.
 */
export function isPublicName(host: string): boolean {
  if (host.length > MAX_HOST_CHARACTERS || LOCAL_NAME.test(host)) return false;
  const labels = host.split(".");
  const isAddress = host.startsWith("[") || /^\d+$/.test(labels.at(-1)!);
  return labels.length > 1 && !isAddress && labels.every((label) => LABEL.test(label));
}
