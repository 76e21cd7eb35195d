/** What one source says about an endpoint. A claim, never a measurement: what we measure is evidence. */
import type { Msat } from "../units.ts";
import type { EndpointUrl, Method } from "./endpoint.ts";

/**
 * Where a claim was read, the most trustworthy first. "owner": whoever proved to run the host; "manifest" and "openapi":
 * documents on the endpoint's own host; then lists that somebody keeps; "announcement": a Nostr event (kind 31402), which
 * anybody may sign about anybody's endpoint.
 */
export const SOURCES = ["owner", "manifest", "openapi", "402index", "l402.directory", "announcement"] as const;
export type Source = (typeof SOURCES)[number];

/** Ways of asking for payment that an endpoint offers (or is said to). We can pay the first. */
export const SCHEMES = ["l402", "mpp", "x402", "cashu"] as const;
export type Scheme = (typeof SCHEMES)[number];

/** What a call needs to be well-formed, so that an answer says something of the endpoint and not of us. */
export type InputExample = { readonly contentType: string; readonly body: string };

/** What a caller is promised of the body of a paid answer. */
export type Promised = {
  /** The media type, lower case, without parameters: "application/json". */
  readonly contentType?: string;
  /** Top-level fields of a JSON body. */
  readonly fields?: readonly string[];
};

/** Absent: the source does not say. A price of 0 is a statement; no price is none. */
export type Claim = {
  readonly name?: string;
  readonly description?: string;
  /** Lower case, one of the catalogue's own names (normalised). */
  readonly category?: string;
  readonly tags?: readonly string[];
  readonly provider?: string;
  readonly contact?: string;
  readonly price?: Msat;
  /** The node that invoices are said to pay, 66 lower-case hex digits. */
  readonly payee?: string;
  readonly schemes?: readonly Scheme[];
  readonly input?: InputExample;
  readonly promised?: Promised;
};

/** `reference` says which of that kind: the feed's URL, the document's, the event's address, the owner's key. */
export type Listing = {
  readonly endpoint: EndpointUrl;
  readonly method: Method;
  readonly source: Source;
  readonly reference: string;
  readonly claim: Claim;
};
