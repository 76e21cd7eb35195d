/** Where a URL leads, decided from its text alone: nothing is looked up for one that is refused here. */
import { isIP } from "node:net";
import { parseUrl } from "../../core/url.ts";
import { Fault } from "./fault.ts";
import { isOnionName } from "./onion-name.ts";

/** Who is to be asked. `host` is a plain address or a name without its final dot; `onion` goes through the proxy. */
export type Target = { url: URL; kind: "address" | "name" | "onion"; host: string; port: number };

const MAX_URL_LENGTH = 8_192;
/** Space, controls and backslash: parsers disagree about them, and disagreement is what attacks on parsers are made of. */
const AMBIGUOUS = /[^\x21-\x5b\x5d-\u{10ffff}]/u;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** Names that are nobody's outside: RFC 6761, RFC 6762, RFC 8375, RFC 9476 and ICANN's `internal`. */
const LOCAL_SUFFIX = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa|alt)$/;

/**
 * Reads a URL in every spelling that the WHATWG parser understands: after it an address is plain, whatever it was before.
 * @throws Fault url-malformed, scheme-refused, address-refused
 */
export function readTarget(text: string): Target {
  if (text.length > MAX_URL_LENGTH) throw malformed(`longer than ${MAX_URL_LENGTH} characters`);
  if (AMBIGUOUS.test(text)) throw malformed("a space, a control character or a backslash");
  const url = parseUrl(text);
  if (!url) throw malformed("not a URL");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Fault("scheme-refused", "theirs", "neither http nor https");
  // The parser also takes `http:host`, `http:////host` and an empty name before the host; others read those in other ways.
  if (!/^https?:\/\/[^/?#@]+(?:[/?#]|$)/i.test(text)) throw malformed("not scheme://host, or a name before the host");
  url.hash = "";
  const port = url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port);
  const bare = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return { url, kind: "address", host: bare, port };
  const host = bare.replace(/\.$/, "");
  return { url, kind: kindOfName(host), host, port };
}

function kindOfName(host: string): "name" | "onion" {
  const labels = host.split(".");
  // No top-level domain begins with a digit; what does is an attempt at an address.
  if (host.length > 253 || !labels.every((label) => LABEL.test(label)) || !/^[a-z]/.test(labels.at(-1) ?? ""))
    throw malformed("not a host name");
  if (host === "onion" || host.endsWith(".onion")) {
    if (!isOnionName(host)) throw malformed("not an onion service of version 3");
    return "onion";
  }
  if (labels.length === 1 || LOCAL_SUFFIX.test(host)) throw new Fault("address-refused", "theirs", "a local name");
  return "name";
}

function malformed(why: string): Fault {
  return new Fault("url-malformed", "theirs", why);
}
