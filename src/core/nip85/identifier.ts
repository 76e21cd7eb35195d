/**
 * What an assertion is about, as text. Sources: NIP-73 for URLs; for Lightning nodes
 * `lightning:[<network>:]node:<compressed key>`, an extension of NIP-73 that follows its form.
 */
import { parseUrl } from "../url.ts";

/** Network names as LND spells them. */
export const NETWORKS = ["mainnet", "testnet", "testnet4", "signet", "simnet", "regtest"] as const;
export type Network = (typeof NETWORKS)[number];

/** The `k` value of an assertion about a Lightning node, on any network. */
export const NODE_TYPE = "lightning:node";
/** The `k` value of an assertion about a URL. */
export const URL_TYPE = "web";

/** The prime of secp256k1, whose points are y² = x³ + 7. Source: SEC 2, 2.4.1. */
const FIELD = 2n ** 256n - 2n ** 32n - 977n;
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
  const x = BigInt(`0x${text.slice(2)}`);
  // As many keys are linted as signed: whether y² has a root takes a fraction of the time that finding the root does.
  return x < FIELD && isSquare((x ** 3n + 7n) % FIELD, FIELD);
}

/** Whether a number has a square root modulo an odd prime: the Jacobi symbol is 1. Zero has one. */
function isSquare(number: bigint, prime: bigint): boolean {
  let [a, n, symbol] = [number, prime, 1];
  while (a !== 0n) {
    while ((a & 1n) === 0n) {
      a >>= 1n;
      if ((n & 7n) === 3n || (n & 7n) === 5n) symbol = -symbol;
    }
    if ((a & 3n) === 3n && (n & 3n) === 3n) symbol = -symbol;
    [a, n] = [n % a, a];
  }
  return number === 0n || (n === 1n && symbol === 1);
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
