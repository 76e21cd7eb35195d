/** What is to be said of each subject, under each address it has: by which key, and in which kind. Source: NIP-85. */
import {
  type AddressAssertion,
  addressAssertion,
  type EndpointAssertion,
  endpointAssertion,
  type KeyAssertion,
  keyAssertion,
  type NodeAssertion,
  nodeAssertion,
  type Statement,
} from "./assertion.ts";
import { type Network, nodeIdentifier } from "./identifier.ts";
import { KIND } from "./kinds.ts";

/** Who speaks: a key for each algorithm, the origin that shows nodes, and the network that node keys belong to. */
export type Voice = {
  readonly pubkeys: { readonly node: string; readonly endpoint: string; readonly operator: string };
  readonly origin: string;
  readonly network: Network;
};

/** Where something was announced: `kind:pubkey:d`, and a relay that has it. */
export type Address = Pick<AddressAssertion, "address" | "relay">;

/** What is said of a node: under its key, and under its announcement's address where there is a valid one. */
export function statementsOfNode(score: NodeAssertion, address: Address | undefined, voice: Voice): Statement[] {
  const { origin, network } = voice;
  const pubkey = voice.pubkeys.node;
  const subject = score.nodeKey;
  const d = nodeIdentifier(score.nodeKey, network);
  return [
    {
      ...{ subject, pubkey, kind: KIND.aboutIdentifier, d },
      at: (createdAt) => nodeAssertion(score, { pubkey, origin, network, createdAt }),
    },
    ...(address ? [statementAt(address, score, subject, pubkey)] : []),
  ];
}

/** What is said of a URL, and of each announcement of it. `subject` is the URL's hash. */
export function statementsOfEndpoint(
  score: EndpointAssertion,
  subject: string,
  addresses: readonly Address[],
  voice: Voice,
): Statement[] {
  const pubkey = voice.pubkeys.endpoint;
  return [
    {
      ...{ subject, pubkey, kind: KIND.aboutIdentifier, d: score.url },
      at: (createdAt) => endpointAssertion(score, { pubkey, createdAt }),
    },
    ...addresses.map((address) => statementAt(address, score, subject, pubkey)),
  ];
}

/** What is said of a Nostr key that proved what it runs. */
export function statementOfKey(score: KeyAssertion, voice: Voice): Statement {
  const pubkey = voice.pubkeys.operator;
  return {
    ...{ subject: score.key, pubkey, kind: KIND.aboutKey, d: score.key },
    at: (createdAt) => keyAssertion(score, { pubkey, createdAt }),
  };
}

function statementAt(
  { address, relay }: Address,
  { rank, rankLow, rankHigh }: { rank: number; rankLow: number; rankHigh: number },
  subject: string,
  pubkey: string,
): Statement {
  const score = { address, relay, rank, rankLow, rankHigh };
  return {
    ...{ subject, pubkey, kind: KIND.aboutAddress, d: address },
    at: (createdAt) => addressAssertion(score, { pubkey, createdAt }),
  };
}
