/** What the brand's key says of the others: whose assertions there are, where, and what shows them. Sources: NIP-85, NIP-89. */

import type { UnixSeconds } from "../units.ts";
import type { UnsignedEvent } from "./event.ts";
import { isAssertion, KIND } from "./kinds.ts";
import type { ServiceRole } from "./roles.ts";

/** Whom to follow for what: `["<kind>:<tag>", key, relay]`. A client takes the first entry of a slot, or all of them. */
export type ProviderTag = [slot: string, pubkey: string, relay: string];

/** The `d` of what the brand says of its site. */
export const HANDLER_NAME = "satrank";

/**
 * All keys of this oracle as entries of a kind 10040. There is no `30382:rank` among them: in a person's own list it could take over the
 * slot by which clients rank people, so the key that speaks of operators is listed by its own tags.
 */
export function providerTags(pubkeys: Readonly<Record<ServiceRole, string>>, relay: string): ProviderTag[] {
  const { "lightning-node": node, "l402-endpoint": endpoint, operator } = pubkeys;
  const slot = (kind: number, tag: string) => `${kind}:${tag}`;
  return [
    [slot(KIND.aboutIdentifier, "rank"), node, relay],
    [slot(KIND.aboutIdentifier, "rank"), endpoint, relay],
    [slot(KIND.aboutAddress, "rank"), node, relay],
    [slot(KIND.aboutAddress, "rank"), endpoint, relay],
    [slot(KIND.aboutKey, "ln_node_cnt"), operator, relay],
    [slot(KIND.aboutKey, "l402_cnt"), operator, relay],
  ];
}

/** Kind 10040 of the brand: who follows it finds our keys and their relay by it. */
export function providerList(list: {
  pubkey: string;
  pubkeys: Readonly<Record<ServiceRole, string>>;
  relay: string;
  createdAt: UnixSeconds;
}): UnsignedEvent {
  const tags = providerTags(list.pubkeys, list.relay);
  return { pubkey: list.pubkey, created_at: list.createdAt, kind: KIND.providers, tags, content: "" };
}

/** Kind 31990 of the brand: this oracle's site shows assertions by their address. */
export function handlerInformation(handler: {
  pubkey: string;
  origin: string;
  name: string;
  about: string;
  createdAt: UnixSeconds;
}): UnsignedEvent {
  const { pubkey, origin, name, about, createdAt } = handler;
  const kinds = Object.values(KIND).filter(isAssertion);
  const tags = [
    ["d", HANDLER_NAME],
    ...kinds.map((kind) => ["k", String(kind)]),
    ["web", `${origin}/a/<bech32>`, "naddr"],
  ];
  const content = JSON.stringify({ name, about, website: origin });
  return { pubkey, created_at: createdAt, kind: KIND.handler, tags, content };
}
