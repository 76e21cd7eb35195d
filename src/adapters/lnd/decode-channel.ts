/** LND's `lnrpc.ChannelEdge`, the answer of GetChanInfo. */

import type { ChannelAnswer } from "../../core/graph/keeper.ts";
import type { UnixSeconds } from "../../core/units.ts";
import { readChannelGraph } from "./decode-channel-graph.ts";
import { endOf, field, LENGTH, readTag, skip, type Wire } from "./wire.ts";

/**
 * The channel as a graph of its own, which has none where the answer is garbage. A channel without the signatures of its
 * announcement (10 auth_proof; they must have been asked for) is not public.
 *
 * @throws GRAPH_MALFORMED when the bytes are no such message
 */
export function decodeChannel(bytes: Uint8Array, now: UnixSeconds): Exclude<ChannelAnswer, "unknown"> {
  return isAnnounced(bytes) ? readChannelGraph(asGraph(bytes), now).graph : "unannounced";
}

function isAnnounced(bytes: Uint8Array): boolean {
  const wire: Wire = { bytes, at: 0 };
  let announced = false;
  while (wire.at < bytes.length) {
    const tag = readTag(wire);
    if (tag === field(10, LENGTH) && endOf({ bytes, at: wire.at }) > wire.at + 1) announced = true;
    skip(wire, tag);
  }
  return announced;
}

/** The one edge of a ChannelGraph. */
function asGraph(edge: Uint8Array): Uint8Array {
  const head = [field(2, LENGTH)];
  let rest = edge.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  const graph = new Uint8Array(head.length + 1 + edge.length);
  graph.set([...head, rest]);
  graph.set(edge, head.length + 1);
  return graph;
}
