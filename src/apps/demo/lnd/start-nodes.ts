/** Starts a simulated network: some nodes of it behind gRPC, each like an LND that somebody operates, and what happens to it. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createConduct } from "./grpc/conduct.ts";
import { encodeGraph } from "./grpc/graph-bytes.ts";
import { bakeMacaroon, type Permission } from "./grpc/permissions.ts";
import { type MacaroonPaths, openIdentities, writeClientFiles } from "./identity.ts";
import { hashText } from "./network/chance.ts";
import type { Gossip } from "./network/gossip.ts";
import { buildNetwork, type NetworkDraft } from "./network/network.ts";
import type { Holds } from "./node/holds.ts";
import { openWorld, type World } from "./node/world.ts";
import { type NodeControl, runNode } from "./run-node.ts";

/** Where a node is reached and what opens it. `host` is host:port. */
export type LndEndpoint = {
  host: string;
  tlsCertPath: string;
  macaroonPaths: MacaroonPaths;
  nodePubkey: string;
};

export type SimulatedNode = LndEndpoint & { control: NodeControl };

export type SimulatedNodes = {
  /** By name. */
  nodes: Record<string, SimulatedNode>;
  /** Changes the network: policies, channels, who is online. */
  network: Gossip;
  /** Makes HTLCs hang. */
  htlcs: Holds;
  /** The preimage (hex) of a payment the named node has made, by payment hash (hex). */
  preimageOf(name: string, paymentHash: string): string | undefined;
  stop(): Promise<void>;
};

const DEFAULT_SEED = "satrank";

/**
 * State is kept in `dataDir`: identities, and a journal of invoices and payments that survives kill -9. `draw` makes
 * the network around the nodes, whose keys it is given by name; the same seed gives it the same hidden balances.
 *
 * @throws CONFIG_INVALID, GRAPH_MALFORMED
 */
export async function startSimulatedNodes<Name extends string>(options: {
  dataDir: string;
  names: readonly Name[];
  draw: (keys: Record<Name, string>, seed: number) => NetworkDraft | Promise<NetworkDraft>;
  /** Unix seconds, with their fraction. */
  now: () => number;
  seed?: string | undefined;
  signal?: AbortSignal | undefined;
  /** How long a payee waits for the parts of a payment; 120 s when absent. */
  mppTimeoutMs?: number | undefined;
}): Promise<SimulatedNodes & { nodes: Record<Name, SimulatedNode> }> {
  const { dataDir, names, draw, now, signal } = options;
  const kept = await openIdentities(dataDir, names, {
    seed: options.seed,
    defaultSeed: DEFAULT_SEED,
    now: Math.floor(now()),
  });
  const seed = hashText(0, kept.seed);
  const keys = Object.fromEntries(kept.nodes.map(({ name, key }) => [name, key])) as Record<Name, string>;
  const world = await openWorld({
    network: buildNetwork(await draw(keys, seed), seed, new Set(Object.values<string>(keys))),
    identities: kept.nodes.map((node) => ({ ...node, privateKey: Buffer.from(node.privateKey, "hex") })),
    journalPath: join(dataDir, "journal.jsonl"),
    now,
    mppTimeoutMs: options.mppTimeoutMs,
  });

  const graphBytes = cacheGraph(world);
  const nodes: Partial<Record<Name, SimulatedNode>> = {};
  for (const identity of kept.nodes) {
    const macaroonRootKey = Buffer.from(identity.macaroonRootKey, "hex");
    const node = world.nodes.get(identity.name)!;
    const bake = (permissions: readonly Permission[]) =>
      Buffer.from(bakeMacaroon(macaroonRootKey, randomBytes(16), permissions)).toString("hex");
    const scene = { world, node, conduct: createConduct(), graphBytes, bake };
    const { port, control } = await runNode(scene, { tls: identity.tls, macaroonRootKey });
    const files = await writeClientFiles(dataDir, identity);
    nodes[identity.name as Name] = { host: `127.0.0.1:${port}`, ...files, nodePubkey: identity.key, control };
  }
  const running = nodes as Record<Name, SimulatedNode>;
  const stop = stopOnce(world, Object.values(running));
  signal?.addEventListener("abort", () => void stop(), { once: true });
  const preimageOf = (name: string, hash: string) => world.nodes.get(name)?.payments.find(hash)?.preimage;
  return { nodes: running, network: world.gossip, htlcs: world.holds, preimageOf, stop };
}

function stopOnce(world: World, nodes: SimulatedNode[]): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => {
    stopping ??= Promise.all(nodes.map(({ control }) => control.stop())).then(() => world.journal.close());
    return stopping;
  };
}

/** The graph as DescribeGraph sends it, encoded anew when it has changed. */
function cacheGraph(world: World): () => Promise<Buffer> {
  let cached: { version: number; bytes: Promise<Buffer> } | undefined;
  return () => {
    const version = world.gossip.version();
    if (cached?.version !== version) cached = { version, bytes: encodeGraph(world.network) };
    return cached.bytes;
  };
}
