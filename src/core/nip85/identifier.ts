/**
 * What an assertion is about, as text. Sources: NIP-73 for URLs; for Lightning nodes
 * `lightning:[<network>:]node:<compressed key>`, an extension of NIP-73 that follows its form.
 */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { parseUrl } from "../url.ts";

/** Network names as LND spells them. */
export const NETWORKS = ["mainnet", "testnet", "testnet4", "signet", "simnet", "regtest"] as const;
export type Network = (typeof NETWORKS)[number];

/** The `k` value of an assertion about a Lightning node, on any network. */
export const NODE_TYPE = "lightning:node";
/** The `k` value of an assertion about a URL. */
export const URL_TYPE = "web";

const NODE_IDENTIFIER = /^lightning:(?:(testnet|testnet4|signet|simnet|regtest):)?node:(0[23][0-9a-f]{64})$/;

/** The identifier of a node by its compressed key in lower-case hex. Whether the key is one is for the lint to say. */
export function nodeIdentifier(nodeKey: string, network: Network): string {
  return network === "mainnet" ? `lightning:node:${nodeKey}` : `lightning:${network}:node:${nodeKey}`;
}

/** The node an identifier names; undefined for any other text. The key may still lie off the curve. */
export function parseNodeIdentifier(text: string): { nodeKey: string; network: Network } | undefined {
  const [, network = "mainnet", nodeKey] = NODE_IDENTIFIER.exec(text) ?? [];
  return nodeKey === undefined ? undefined : { nodeKey, network: network as Network };
}

/** Whether text is a compressed secp256k1 point in lower-case hex. */
export function isNodeKey(text: string): boolean {
  if (!/^0[23][0-9a-f]{64}$/.test(text)) return false;
  try {
    secp256k1.Point.fromHex(text);
    return true;
  } catch {
    return false;
  }
}

/** The one spelling of an http(s) URL: no fragment, no user, lower-case host, no default port. Undefined for anything else. */
export function normalizeUrl(text: string): string | undefined {
  const url = parseUrl(text);
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return undefined;
  url.hash = "";
  url.username = "";
  url.password = "";
  return url.href;
}
