/** The outside of a process: the systems it talks to, real or embedded. */
import type { Router } from "express";
import type { SpendPolicy } from "../core/spend/policy.ts";
import type { Config } from "./config.ts";
import type { Events } from "./events.ts";
import type { KeySource } from "./key-source.ts";
import type { LndEndpoint } from "./lnd-endpoint.ts";

/** Which of our events each relay is sent (docs/delivery.md). */
export type RelayPlan = readonly { relay: string; role: "full" | "selected" | "indexer" }[];

export type World = {
  databaseUrl: string;
  lnd: LndEndpoint;
  /** A second node, asked while the first one is away. */
  lndFallback?: LndEndpoint | undefined;
  spendPolicy: SpendPolicy;
  /** 64 hex digits: the key from which every token's root key is derived. The api alone needs it. */
  l402MacaroonSecret: string | undefined;
  /** The keys that sign assertions; without any nothing is published. */
  nostrKeys: KeySource | undefined;
  /** Where events of ours are, as relay lists say it: the relays of the plan that get more than profiles. */
  nostrRelays: string[];
  relayPlan: RelayPlan;
  /** Present in the embedded world only. */
  demo?: { router: Router; market: { directoryUrl: string; addresses: string[] } };
};

/** What both the api and the crawler are started with. */
export type Start = { config: Config; world: World; events: Events; signal: AbortSignal };
