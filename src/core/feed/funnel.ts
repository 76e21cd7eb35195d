/** From what a source lists to listings: each item ends in exactly one of a closed set of ways, and every way is counted. */
import { type EndpointUrl, MAX_URL_LENGTH, readEndpointUrl, type UrlFault } from "../endpoint/endpoint.ts";
import type { Claim, Listing, Source } from "../endpoint/listing.ts";
import type { UnixSeconds } from "../units.ts";
import { parseUrl } from "../url.ts";
import { method } from "./values.ts";

/**
 * `listed`: asks for a payment we can make; `other_scheme`: for one we cannot, and is listed as well; `free`: asks for none;
 * `foreign_host`: a document about somebody else's host; `withdrawn`: not offered now, by the source's own word.
 */
export const OUTCOMES = [
  "listed",
  "other_scheme",
  "free",
  "duplicate",
  "templated",
  "unsafe_url",
  "malformed",
  "foreign_host",
  "not_l402",
  "withdrawn",
  "over_cap",
] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Counts = Readonly<Record<Outcome, number>>;

/** `items` is how many there were: the sum of the counts. */
export type Reading = { readonly listings: readonly Listing[]; readonly counts: Counts; readonly items: number };

/** What a reader knows besides the document. */
export type FeedContext = {
  /** Where the document was read. */
  readonly url: string;
  readonly now: UnixSeconds;
  /** Whether an endpoint of this host and port may be listed at all. */
  mayList(url: URL): boolean;
};

/** The most items of one document that are looked at: reading URLs takes time, and nobody else's work waits for a list. */
const MOST_ITEMS = 5_000;

/** A path of a document that names many: placeholders in any spelling, wildcards, regular expressions. */
const PATTERN_PATH = /[*^\\|<>[\]()]|\$$/;

const OF_FAULT: Record<UrlFault, Outcome> = {
  malformed: "malformed",
  templated: "templated",
  scheme: "unsafe_url",
  credentials: "unsafe_url",
  "too-long": "unsafe_url",
};

export type Offer = {
  url: unknown;
  /** What a relative URL is relative to. With it, the path must not be a pattern. */
  base?: string | undefined;
  method?: unknown;
  claim: Claim;
};

export function openFunnel(
  context: FeedContext,
  from: {
    source: Source;
    reference: string /** Only endpoints of this `host:port` may be spoken of. */;
    host?: string;
  },
) {
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const listings = new Map<string, Listing>();

  let judged = 0;
  const judge = (offer: Offer): Outcome => {
    if (judged++ >= MOST_ITEMS) return "over_cap";
    const endpoint = urlOf(offer);
    if (typeof endpoint === "string") return endpoint;
    const url = new URL(endpoint.url);
    if (!context.mayList(url)) return "unsafe_url";
    if (from.host !== undefined && url.host !== from.host) return "foreign_host";
    const verb = method(offer.method);
    if (!verb) return "malformed";
    const { claim } = offer;
    if (claim.schemes?.length === 0) return "not_l402";
    if (claim.price === 0n) return "free";
    const key = `${verb} ${endpoint.id}`;
    const earlier = listings.get(key);
    listings.set(key, earlier ? withSchemes(earlier, claim) : { endpoint, method: verb, ...listingOf(from), claim });
    if (earlier) return "duplicate";
    return claim.schemes && !claim.schemes.includes("l402") ? "other_scheme" : "listed";
  };

  return {
    /** Judges one item that names an endpoint. */
    offer(offer: Offer): void {
      counts[judge(offer)]++;
    },
    /** Counts items that name none. */
    drop(outcome: Exclude<Outcome, "listed" | "other_scheme" | "duplicate">, count = 1): void {
      counts[outcome] += count;
    },
    end(): Reading {
      const items = OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0);
      return { listings: [...listings.values()], counts, items };
    },
  };
}

/** An endpoint that a source lists once for each way to be paid offers them all. */
function withSchemes(listing: Listing, { schemes = [] }: Claim): Listing {
  const both = [...new Set([...(listing.claim.schemes ?? []), ...schemes])].sort();
  return both.length === 0 ? listing : { ...listing, claim: { ...listing.claim, schemes: both } };
}

function listingOf({ source, reference }: { source: Source; reference: string }) {
  return { source, reference };
}

function urlOf({ url, base }: Offer): EndpointUrl | Outcome {
  if (typeof url !== "string" || url.trim() === "") return "malformed";
  if (url.length > MAX_URL_LENGTH) return "unsafe_url";
  if (base === undefined) return read(url);
  if (PATTERN_PATH.test(url)) return "templated";
  const absolute = parseUrl(url, base);
  return absolute ? read(absolute.href) : "malformed";
}

function read(text: string): EndpointUrl | Outcome {
  const endpoint = readEndpointUrl(text);
  return typeof endpoint === "string" ? OF_FAULT[endpoint] : endpoint;
}
