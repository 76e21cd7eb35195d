/** An endpoint as publication sees it, and which of a URL's methods speaks for the URL. */
import type { EndpointAssertion, Ranked } from "../../core/nip85/assertion.ts";
import type { UnixSeconds } from "../../core/units.ts";

/** What is believed of a call of it, and what that rests on. */
export type KnownBelief = {
  readonly probability: number;
  readonly low: number;
  readonly high: number;
  readonly verdict: string;
  readonly observations: number;
  readonly probes: EndpointAssertion["probes"];
  readonly latencyMs: number | undefined;
  readonly priceMsat: bigint | undefined;
  readonly ratedAt: UnixSeconds;
};

export type KnownEndpoint = {
  readonly endpointId: bigint;
  readonly url: string;
  /** SHA-256 of the URL, 64 lower-case hex digits. */
  readonly urlHash: string;
  readonly method: string;
  readonly listed: boolean;
  /** Undefined before it was rated. */
  readonly belief: KnownBelief | undefined;
};

export type SayableEndpoint = KnownEndpoint & { readonly belief: KnownBelief };

/**
 * The one of a URL's methods that most is known of: an assertion is about a URL, and clients pay one method of it. Undefined
 * when nothing can be said of any: then nothing is.
 */
export function sayableOf(methods: readonly KnownEndpoint[]): SayableEndpoint | undefined {
  const sayable = methods.filter((each): each is SayableEndpoint => {
    const { belief, listed } = each;
    return listed && belief !== undefined && belief.verdict !== "insufficient" && belief.observations > 0;
  });
  return sayable.sort((a, b) => b.belief.observations - a.belief.observations || (a.method < b.method ? -1 : 1))[0];
}

/** Rank and interval as they are published: integers, the rank within. */
export function rankOf({ probability, low, high }: Pick<KnownBelief, "probability" | "low" | "high">): Ranked {
  const [rankLow, rank, rankHigh] = [low, probability, high].map((part) => Math.round(100 * part));
  return { rank: rank!, rankLow: rankLow!, rankHigh: rankHigh! };
}

/** What is said of a URL, by the method that speaks for it. */
export function assertionOf({ url, method, belief }: SayableEndpoint): EndpointAssertion {
  const { observations, probes, latencyMs, priceMsat, ratedAt } = belief;
  const reports = Math.max(0, observations - probes.made);
  return { url, method, ...rankOf(belief), probes, reports, latencyMs, priceMsat, asOf: ratedAt };
}
