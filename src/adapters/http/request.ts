/** What may be sent at all. Header values come from strangers too: a macaroon of a challenge is repeated in its credential. */
import type { OutsideRequest } from "../../core/egress.ts";
import { Fault } from "./fault.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const MAX_HEADER_BYTES = 65_536;
/** They belong to the connection, or say more about us than anybody asked. */
const NOT_THE_CALLERS =
  /^(?:host|connection|keep-alive|content-length|transfer-encoding|te|trailer|upgrade|expect|cookie2?|referer|proxy-.*|http2-settings)$/i;

/** @throws Fault request-refused */
export function checkRequest({ method, headers = {} }: Pick<OutsideRequest, "method" | "headers">): void {
  if (!METHODS.has(method)) throw refused("ours", "a method that is not sent");
  let bytes = 0;
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!TOKEN.test(name) || NOT_THE_CALLERS.test(name))
      throw refused("ours", "a header that is not the caller's to set");
    if (!VALUE.test(value)) throw refused("unknown", "a header value with characters that cannot be sent");
    if (seen.has(name.toLowerCase())) throw refused("ours", "a header twice");
    seen.add(name.toLowerCase());
    bytes += name.length + value.length;
  }
  if (bytes > MAX_HEADER_BYTES) throw refused("unknown", `more than ${MAX_HEADER_BYTES} bytes of headers`);
}

function refused(blame: "ours" | "unknown", why: string): Fault {
  return new Fault("request-refused", blame, why);
}
