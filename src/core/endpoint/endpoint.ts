/** A paid HTTP endpoint: a URL and the method it is called with. One form of its name, everywhere. */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../bytes.ts";
import { parseUrl } from "../url.ts";

/** Methods a paid call is made with. */
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Method = (typeof METHODS)[number];

/**
 * `url` is normalised; `id` is the SHA-256 of its text, 64 lower-case hex digits; `host` has its port, unless it is the scheme's own.
 */
export type EndpointUrl = { readonly url: string; readonly id: string; readonly host: string };

/** Why a text names no endpoint. "templated": it has a place to be filled in, so it names many. */
export type UrlFault = "malformed" | "scheme" | "credentials" | "templated" | "too-long";

/** Longer ones are refused by many servers, and name nothing that a person would publish. */
export const MAX_URL_LENGTH = 2_048;

/**
 * The URL as the WHATWG URL Standard writes it, without fragment. Query, trailing slash and case of the path are kept: they can
 * be another service. @returns why it is none, for http and https alone without user and password
 */
export function readEndpointUrl(text: string): EndpointUrl | UrlFault {
  if (text.length > MAX_URL_LENGTH) return "too-long";
  if (/[{}]|^[^?#]*(%7b|%7d|\/:[a-z_])/i.test(text)) return "templated";
  const url = parseUrl(text.trim());
  if (!url || url.hostname === "") return "malformed";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "scheme";
  if (url.username !== "" || url.password !== "") return "credentials";
  url.hash = "";
  // "x.example." and "x.example" are one host (RFC 1034, 3.1), which the URL Standard leaves as two.
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.replace(/\.+$/, "");
  if (url.href.length > MAX_URL_LENGTH) return "too-long";
  return { url: url.href, id: toHex(sha256(utf8(url.href))), host: url.host };
}

/** The method in upper case; undefined for one that no paid call is made with. */
export function readMethod(text: string): Method | undefined {
  const upper = text.toUpperCase();
  return METHODS.find((method) => method === upper);
}
