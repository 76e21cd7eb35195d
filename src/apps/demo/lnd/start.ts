/**
 * Starts the simulated Lightning network: the oracle's node, the payer's and two of shops, each behind a gRPC interface that
 * a client cannot tell from LND's, in a network that is drawn from a seed or read from a snapshot.
 */
import type { NetworkDraft } from "./network/network.ts";
import { placeNodes } from "./network/place-nodes.ts";
import { readDescribeGraph } from "./network/read-describe-graph.ts";
import { drawSyntheticGraph } from "./network/synthetic-graph.ts";
import { type SimulatedNode, type SimulatedNodes, startSimulatedNodes } from "./start-nodes.ts";

export type SimulatedLightning = Pick<SimulatedNodes, "network" | "htlcs" | "stop"> & {
  oracle: SimulatedNode;
  payer: SimulatedNode;
  /** Who sells in the demo. */
  shop: SimulatedNode;
  bazaar: SimulatedNode;
  /** The preimage (hex) of a payment the payer has made, by payment hash (hex). */
  preimageOf(paymentHash: string): string | undefined;
};

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
  /** Unix seconds, with their fraction. */
  now: () => number;
  signal?: AbortSignal | undefined;
}): Promise<SimulatedLightning> {
  const { graphPath, ...rest } = options;
  const { nodes, preimageOf, network, htlcs, stop } = await startSimulatedNodes({
    ...rest,
    names: ["oracle", "payer", "shop", "bazaar"],
    draw: (keys, seed) => drawAround(keys, seed, { ...rest, graphPath }),
  });
  return { ...nodes, network, htlcs, stop, preimageOf: (hash) => preimageOf("payer", hash) };
}

async function drawAround(
  keys: { oracle: string; payer: string; shop: string; bazaar: string },
  seed: number,
  options: { graphPath: string | undefined; now: () => number; signal?: AbortSignal | undefined },
): Promise<NetworkDraft> {
  const { graphPath, now, signal } = options;
  // Announcements of the small network are stamped once a day, so that a restart does not change the graph.
  const today = Math.floor(now() / 86_400) * 86_400;
  const draft = graphPath === undefined ? drawSyntheticGraph(seed, today) : await readDescribeGraph(graphPath, signal);
  const oracle = { key: keys.oracle, alias: "satrank-oracle", ownShare: 0.5 };
  const payer = { key: keys.payer, alias: "satrank-payer", ownShare: 0.9 };
  // Shops hold little of their channels, so that they can be paid.
  const shops = [
    { key: keys.shop, alias: "demo-shop", ownShare: 0.05 },
    { key: keys.bazaar, alias: "demo-bazaar", ownShare: 0.05 },
  ];
  return placeNodes(draft, oracle, payer, today, shops);
}
