/** What the crawler has to say on Nostr, drawn from its tables: news beside what it comes from, and everything, for the job that compares. */
import { getInfo, type NodeInfo } from "../../adapters/lnd/get-info.ts";
import type { Database } from "../../adapters/postgres/connect.ts";
import { endpointAssertionView } from "../../adapters/postgres/endpoint-assertion.ts";
import { graphTables } from "../../adapters/postgres/graph.ts";
import { mentionCountView } from "../../adapters/postgres/mention-count.ts";
import { outboxTable } from "../../adapters/postgres/outbox.ts";
import { provenKeyView } from "../../adapters/postgres/proven-key.ts";
import { OracleError } from "../../core/errors.ts";
import type { NodeAssertion, Statement } from "../../core/nip85/assertion.ts";
import { NETWORKS, type Network } from "../../core/nip85/identifier.ts";
import type { Voice } from "../../core/nip85/statement.ts";
import type { UnixSeconds } from "../../core/units.ts";
import type { Staged } from "../../oracle/publish/draft-news.ts";
import { everything, type SourcePorts } from "../../oracle/publish/everything.ts";
import { newsOfEndpoints } from "../../oracle/publish/news-of-endpoints.ts";
import { newsOfNodes } from "../../oracle/publish/news-of-nodes.ts";
import type { RatedEndpoint } from "../../oracle/trust/rate-endpoints.ts";
import { now } from "../clock.ts";
import type { Events } from "../events.ts";
import type { LndGroup } from "../lnd-group.ts";
import type { RatedNode } from "../rate-graph.ts";
import type { Publisher } from "./publisher.ts";

export type Speech = ReturnType<typeof openSpeech>;

/** Scored nodes at a time: bounds the memory of one step. */
const NODES_AT_ONCE = 500;

export function openSpeech(deps: {
  database: Database;
  publisher: Publisher;
  origin: string;
  lnd: LndGroup;
  events: Events;
  signal: AbortSignal;
}) {
  const { database, publisher, origin, lnd, events, signal } = deps;
  const outbox = outboxTable(database);
  const sources = sourcesOf(database);
  const ports = { ...outbox, ...sources, sign: publisher.sign, elapsedMs: () => performance.now() };
  let known: Voice | undefined;
  const voice = async (): Promise<Voice> => {
    known ??= {
      pubkeys: publisher.pubkeys,
      origin,
      network: networkOf(await lnd.first((node) => getInfo(node, { signal }))),
    };
    return known;
  };
  /** Scores and ratings are stored whether or not they can be signed; what was not said is said within the hour. */
  const orNothing = async (news: Promise<Staged[]>): Promise<Staged[]> => {
    try {
      const staged = await news;
      events.published("staged", staged.length);
      return staged;
    } catch (error) {
      if (!signal.aborted) events.failed("signing", error);
      return [];
    }
  };
  return {
    /** The keys that assert. */
    pubkeys: [publisher.pubkeys.node, publisher.pubkeys.endpoint, publisher.pubkeys.operator],
    /** All there is to say. @throws LND_UNAVAILABLE, LND_REFUSED while the network is not known */
    async *statements(): AsyncGenerator<Statement[]> {
      yield* everything(sources, await voice());
    },
    newsOfNodes(rated: AsyncIterable<RatedNode[]>, at: UnixSeconds): Promise<Staged[]> {
      return orNothing(voice().then((speaking) => newsOfNodes(ports, scoredOf(rated), speaking, at)));
    },
    newsOfEndpoints(rated: readonly RatedEndpoint[]): Promise<Staged[]> {
      const beliefs = new Map(rated.map((each) => [each.endpointId, beliefOf(each)]));
      return orNothing(voice().then((speaking) => newsOfEndpoints(ports, beliefs, speaking, now())));
    },
  };
}

function sourcesOf(database: Database): SourcePorts & ReturnType<typeof endpointAssertionView> {
  return {
    ...endpointAssertionView(database),
    ...provenKeyView(database, now),
    ...mentionCountView(database, now),
    async *scoredNodes() {
      const nodes = await graphTables(database).scored();
      for (let from = 0; from < nodes.length; from += NODES_AT_ONCE)
        yield assertionsOf(nodes.slice(from, from + NODES_AT_ONCE));
    },
  };
}

async function* scoredOf(rated: AsyncIterable<RatedNode[]>): AsyncGenerator<NodeAssertion[]> {
  for await (const page of rated) yield assertionsOf(page);
}

/** Of nodes that have one. */
function assertionsOf(nodes: readonly Pick<RatedNode, "keyHex" | "score">[]): NodeAssertion[] {
  return nodes.flatMap(({ keyHex, score }) => {
    if (!score) return [];
    const { rank, rankLow, rankHigh, reachRatio, observations, scoredAt } = score;
    return [{ nodeKey: keyHex, rank, rankLow, rankHigh, reachRatio, observations, asOf: scoredAt }];
  });
}

function beliefOf({ belief, facts, ratedAt }: RatedEndpoint) {
  const { probability, interval } = belief.chance;
  const { observations, probes, latency, price } = facts;
  return {
    ...{ probability, ...interval, verdict: belief.verdict, observations, probes, ratedAt },
    ...{ latencyMs: latency?.medianMs, priceMsat: price },
  };
}

/** The network that assertions name. A node that does not say must not have its keys published as mainnet's. */
function networkOf(info: NodeInfo): Network {
  const network = NETWORKS.find((name) => name === info.network);
  if (!network)
    throw new OracleError(
      "LND_REFUSED",
      `LND names no known network (${info.network ?? "none"}): nothing is published`,
    );
  return network;
}
