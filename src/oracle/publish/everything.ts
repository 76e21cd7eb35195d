/** All that there is to say: of nodes, of URLs, of what was announced, and of the keys that proved to run them. */
import type { NodeAssertion, Ranked, Statement } from "../../core/nip85/assertion.ts";
import { nodeIdentifier } from "../../core/nip85/identifier.ts";
import {
  type Address,
  statementOfKey,
  statementsOfEndpoint,
  statementsOfNode,
  type Voice,
} from "../../core/nip85/statement.ts";
import { assertionOf, type KnownEndpoint, rankOf, type SayableEndpoint, sayableOf } from "./known-endpoint.ts";

/** A Nostr key, and what it has proved to run. `proofs` are addresses of its announcements. */
export type ProvenKey = {
  readonly pubkey: string;
  readonly relay?: string | undefined;
  readonly nodes: readonly string[];
  readonly endpoints: readonly bigint[];
  readonly proofs: readonly string[];
};

/** What others said of subjects, where it was counted, by NIP-73 identifier. */
export type Mentions = ReadonlyMap<string, { readonly comments: number; readonly reactions: number }>;

export type SourcePorts = {
  /** Nodes that have a score, in pages. */
  scoredNodes(): AsyncIterable<readonly NodeAssertion[]>;
  /** Of nodes with a valid announcement of their own: where it is. */
  nodeAddresses(): Promise<ReadonlyMap<string, Address>>;
  /** All methods of the URLs whose hashes follow `after`, in the order of the hashes: of at most `limit` URLs. */
  endpointsAfter(after: string, limit: number): Promise<KnownEndpoint[]>;
  /** Of endpoints that were announced by who runs their host: where. */
  paidApiAddresses(): Promise<ReadonlyMap<bigint, readonly Address[]>>;
  mentionsOf(identifiers: readonly string[]): Promise<Mentions>;
  provenKeys(): Promise<readonly ProvenKey[]>;
};

const URLS_AT_ONCE = 500;

export async function* everything(ports: SourcePorts, voice: Voice): AsyncGenerator<Statement[]> {
  const nodeRanks = new Map<string, Ranked>();
  const endpointRanks = new Map<bigint, Ranked>();
  const addresses = await ports.nodeAddresses();
  for await (const nodes of ports.scoredNodes()) {
    for (const node of nodes) nodeRanks.set(node.nodeKey, node);
    yield sayNodes(nodes, addresses, await ports.mentionsOf(nodes.map((node) => identifierOf(node, voice))), voice);
  }
  const announced = await ports.paidApiAddresses();
  for (let after = ""; ; ) {
    const page = await ports.endpointsAfter(after, URLS_AT_ONCE);
    const last = page.at(-1);
    if (!last) break;
    after = last.urlHash;
    for (const each of page) if (each.belief && each.listed) endpointRanks.set(each.endpointId, rankOf(each.belief));
    const sayable = methodsByUrl(page).flatMap((methods) => sayableOf(methods) ?? []);
    yield sayEndpoints(sayable, announced, await ports.mentionsOf(sayable.map(({ url }) => url)), voice);
  }
  yield (await ports.provenKeys()).flatMap((key) => sayKey(key, nodeRanks, endpointRanks, voice));
}

/** Statements about nodes, their announcements included. */
export function sayNodes(
  nodes: readonly NodeAssertion[],
  addresses: ReadonlyMap<string, Address>,
  mentions: Mentions,
  voice: Voice,
): Statement[] {
  return nodes.flatMap((node) =>
    statementsOfNode({ ...node, ...countsOf(mentions, identifierOf(node, voice)) }, addresses.get(node.nodeKey), voice),
  );
}

/** Statements about URLs, their announcements included. */
export function sayEndpoints(
  endpoints: readonly SayableEndpoint[],
  announced: ReadonlyMap<bigint, readonly Address[]>,
  mentions: Mentions,
  voice: Voice,
): Statement[] {
  return endpoints.flatMap((endpoint) => {
    const score = { ...assertionOf(endpoint), ...countsOf(mentions, endpoint.url) };
    return statementsOfEndpoint(score, endpoint.urlHash, announced.get(endpoint.endpointId) ?? [], voice);
  });
}

/** Endpoints of one URL beside each other, in the order of the page. */
export function methodsByUrl(page: readonly KnownEndpoint[]): KnownEndpoint[][] {
  const byUrl = new Map<string, KnownEndpoint[]>();
  for (const each of page) byUrl.set(each.urlHash, [...(byUrl.get(each.urlHash) ?? []), each]);
  return [...byUrl.values()];
}

/** A key is worth what it runs, on the average; one that runs nothing that has a rank gets none. */
function sayKey(
  { pubkey, relay, nodes, endpoints, proofs }: ProvenKey,
  nodeRanks: ReadonlyMap<string, Ranked>,
  endpointRanks: ReadonlyMap<bigint, Ranked>,
  voice: Voice,
): Statement[] {
  const ranks = [
    ...nodes.flatMap((node) => nodeRanks.get(node) ?? []),
    ...endpoints.flatMap((endpoint) => endpointRanks.get(endpoint) ?? []),
  ];
  if (ranks.length === 0) return [];
  const mean = (part: keyof Ranked) => Math.round(ranks.reduce((sum, rank) => sum + rank[part], 0) / ranks.length);
  const score = { rank: mean("rank"), rankLow: mean("rankLow"), rankHigh: mean("rankHigh") };
  const counts = { nodes: nodes.length, endpoints: endpoints.length };
  return [statementOfKey({ key: pubkey, relay, ...counts, proofs, ...score }, voice)];
}

function identifierOf(node: NodeAssertion, voice: Voice): string {
  return nodeIdentifier(node.nodeKey, voice.network);
}

function countsOf(mentions: Mentions, identifier: string) {
  const found = mentions.get(identifier);
  return found && { commentCount: found.comments, reactionCount: found.reactions };
}
