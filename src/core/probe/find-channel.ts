/** Looks a channel up by the id that LND prints. */
import { channelId, type GraphTables } from "../graph/channel-graph.ts";

/** Index of the channel with this id, or -1. Channels are sorted by id. */
export function findChannel(tables: GraphTables, id: bigint): number {
  let low = 0;
  let high = tables.channelCount - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = channelId(tables, middle);
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
