/** A graph in the database, as a crawler that has read it leaves it there. */
import { randomUUID } from "node:crypto";
import type { Database } from "../adapters/postgres/connect.ts";
import { graphVersions } from "../adapters/postgres/graph-version.ts";
import { now } from "../apps/clock.ts";
import { rateGraph } from "../apps/rate-graph.ts";
import type { GraphChange } from "../core/graph/change.ts";
import type { ChannelGraph } from "../core/graph/channel-graph.ts";
import { unixSeconds } from "../core/units.ts";

/** Writes the graph as a first reading, without history, and gives the right to write back. */
export async function storeGraph(database: Database, graph: ChannelGraph): Promise<void> {
  const { nodes, ...reading } = rateGraph(graph, now());
  const versions = graphVersions(database);
  const holder = randomUUID();
  await versions.claim(holder, 60);
  const at = unixSeconds(now() - 100);
  const pagesOf = { nodes: pages(nodes), history: pages<GraphChange>() };
  await versions.checkpoint({ holder, after: undefined, at, reading, ...pagesOf, sameAsBefore: false });
  await versions.release(holder);
}

async function* pages<Item>(...items: Item[][]): AsyncGenerator<Item[]> {
  yield* items;
}
