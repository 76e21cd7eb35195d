/**
 * Starts the simulated Lightning network: two nodes, the oracle's and the payer's, each behind a gRPC interface that
 * a client cannot tell from LND's, in a network that is drawn from a seed or read from a snapshot.
 */
import { join } from "node:path";
import type { UnixSeconds } from "../../../core/units.ts";
import { encodeGraph } from "./grpc/graph-bytes.ts";
import { type NodeServer, startNodeServer } from "./grpc/server.ts";
import { type Identity, type MacaroonPaths, openIdentities, writeClientFiles } from "./identity.ts";
import { hashText } from "./network/chance.ts";
import { buildNetwork, type Network } from "./network/network.ts";
import { placeNodes } from "./network/place-nodes.ts";
import { readDescribeGraph } from "./network/read-describe-graph.ts";
import { drawSyntheticGraph } from "./network/synthetic-graph.ts";
import { openWorld, type World } from "./node/world.ts";

/** Where a node is reached and what opens it. `host` is host:port. */
export type LndEndpoint = {
  host: string;
  tlsCertPath: string;
  macaroonPaths: MacaroonPaths;
  nodePubkey: string;
};

export type SimulatedLightning = {
  oracle: LndEndpoint;
  payer: LndEndpoint;
  /** The preimage (hex) of a payment the payer has made, by payment hash (hex). */
  preimageOf(paymentHash: string): string | undefined;
  stop(): Promise<void>;
};

const DEFAULT_SEED = "satrank";

/**
 * State is kept in `dataDir`: identities, and a journal of invoices and payments that survives kill -9. The
 * same seed gives the same network and the same hidden balances.
 *
 * @throws CONFIG_INVALID, GRAPH_MALFORMED
 */
export async function startSimulatedLightning(options: {
  dataDir: string;
  graphPath?: string | undefined;
  seed?: string | undefined;
  now: () => UnixSeconds;
  signal?: AbortSignal | undefined;
}): Promise<SimulatedLightning> {
  const { dataDir: directory, graphPath, seed, now, signal } = options;
  const identities = await openIdentities(directory, ["oracle", "payer"], {
    seed,
    defaultSeed: DEFAULT_SEED,
    now: now(),
  });
  const network = await openNetwork(identities.nodes, identities.seed, { graphPath, now: now(), signal });
  const world = await openWorld({
    network,
    identities: identities.nodes.map((node) => ({ ...node, privateKey: Buffer.from(node.privateKey, "hex") })),
    journalPath: join(directory, "journal.jsonl"),
    now,
  });
  return serve(directory, world, identities.nodes, signal);
}

async function openNetwork(
  nodes: Identity[],
  seedText: string,
  options: { graphPath: string | undefined; now: number; signal: AbortSignal | undefined },
): Promise<Network> {
  const { graphPath, now, signal } = options;
  const seed = hashText(0, seedText);
  // Announcements of the small network are stamped once a day, so that a restart does not change the graph.
  const today = now - (now % 86_400);
  const draft = graphPath === undefined ? drawSyntheticGraph(seed, today) : await readDescribeGraph(graphPath, signal);
  const [oracle, payer] = nodes.map((node) => ({ key: node.key, alias: `satrank-${node.name}` }));
  const placed = placeNodes(draft, { ...oracle!, ownShare: 0.5 }, { ...payer!, ownShare: 0.9 }, today);
  return buildNetwork(placed, seed, new Set([oracle!.key, payer!.key]));
}

async function serve(
  directory: string,
  world: World,
  identities: Identity[],
  signal: AbortSignal | undefined,
): Promise<SimulatedLightning> {
  let bytes: Promise<Buffer> | undefined;
  const graphBytes = () => {
    bytes ??= encodeGraph(world.network);
    return bytes;
  };
  const servers: NodeServer[] = [];
  const endpoints = new Map<string, LndEndpoint>();
  for (const identity of identities) {
    const node = world.nodes.get(identity.name)!;
    const macaroonRootKey = Buffer.from(identity.macaroonRootKey, "hex");
    const server = await startNodeServer({ world, node, graphBytes }, { tls: identity.tls, macaroonRootKey, port: 0 });
    servers.push(server);
    const files = await writeClientFiles(directory, identity);
    endpoints.set(identity.name, { host: `127.0.0.1:${server.port}`, ...files, nodePubkey: identity.key });
  }
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= Promise.all(servers.map((server) => server.stop())).then(() => world.journal.close());
    return stopping;
  };
  signal?.addEventListener("abort", () => void stop(), { once: true });
  return {
    oracle: endpoints.get("oracle")!,
    payer: endpoints.get("payer")!,
    preimageOf: (paymentHash) => world.nodes.get("payer")!.payments.find(paymentHash)?.preimage,
    stop,
  };
}
