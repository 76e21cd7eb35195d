/** LND's `lnrpc.GraphTopologyUpdate`, one message of SubscribeChannelGraph. Field numbers: lightning.proto of LND 0.20. */
import { ALIAS_BYTES, allocatePolicies, KEY_BYTES } from "../../core/graph/channel-graph.ts";
import type { Garbage } from "../../core/graph/garbage.ts";
import type { GraphUpdate, StreamedPolicy } from "../../core/graph/keeper.ts";
import { readAlias } from "./decode-channel-graph.ts";
import { readPolicy } from "./read-policy.ts";
import {
  endOf,
  field,
  finish,
  highWord,
  LENGTH,
  lowWord,
  malformed,
  readKey,
  readSigned,
  readTag,
  readUnsigned,
  readWords,
  skip,
  VARINT,
  type Wire,
} from "./wire.ts";

/** A message holds one change, or the channels that one block closed: these bound what a node can make us allocate. */
const MAX_UPDATE_BYTES = 1024 * 1024;
const MAX_UPDATE_ENTRIES = 10_000;

/** 1 node_updates, 2 channel_updates, 3 closed_chans. @throws GRAPH_MALFORMED when the bytes are no such message, or absurdly many */
export function decodeGraphUpdate(bytes: Uint8Array): GraphUpdate {
  if (bytes.length > MAX_UPDATE_BYTES) throw malformed(`sent a change of ${bytes.length} bytes`);
  const update: GraphUpdate = { nodes: [], policies: [], closed: [], garbage: {} };
  const wire: Wire = { bytes, at: 0 };
  for (let entries = 0; wire.at < bytes.length; entries++) {
    if (entries >= MAX_UPDATE_ENTRIES) throw malformed("sent too many changes at once");
    const tag = readTag(wire);
    if (tag === field(1, LENGTH)) update.nodes.push(readNodeUpdate(wire, endOf(wire), update.garbage));
    else if (tag === field(2, LENGTH)) update.policies.push(readEdgeUpdate(wire, endOf(wire), update.garbage));
    else if (tag === field(3, LENGTH)) update.closed.push(readClosed(wire, endOf(wire)));
    else skip(wire, tag);
  }
  return update;
}

/** NodeUpdate: 2 identity_key, 4 alias. */
function readNodeUpdate(wire: Wire, end: number, garbage: Garbage): GraphUpdate["nodes"][number] {
  const node = { key: new Uint8Array(KEY_BYTES), alias: new Uint8Array(ALIAS_BYTES) };
  while (wire.at < end) {
    const tag = readTag(wire);
    if (tag === field(2, LENGTH)) readKey(wire, endOf(wire), node.key, 0);
    else if (tag === field(4, LENGTH)) readAlias(wire, endOf(wire), node.alias, 0, garbage);
    else skip(wire, tag);
  }
  finish(wire, end);
  return node;
}

/** ChannelEdgeUpdate: 1 chan_id, 3 capacity, 4 routing_policy, 5 advertising_node, 6 connecting_node. */
function readEdgeUpdate(wire: Wire, end: number, garbage: Garbage): StreamedPolicy {
  const said: StreamedPolicy = {
    id: 0n,
    from: new Uint8Array(KEY_BYTES),
    to: new Uint8Array(KEY_BYTES),
    capacitySat: 0,
  };
  while (wire.at < end) {
    const tag = readTag(wire);
    switch (tag) {
      case field(1, VARINT):
        said.id = readId(wire);
        break;
      case field(3, VARINT):
        said.capacitySat = Math.max(readSigned(wire), 0);
        break;
      case field(4, LENGTH):
        said.policy = allocatePolicies(1);
        readPolicy(wire, endOf(wire), said.policy, 0, garbage);
        break;
      case field(5, LENGTH):
        readKey(wire, endOf(wire), said.from, 0);
        break;
      case field(6, LENGTH):
        readKey(wire, endOf(wire), said.to, 0);
        break;
      default:
        skip(wire, tag);
    }
  }
  finish(wire, end);
  return said;
}

/** ClosedChannelUpdate: 1 chan_id, 3 closed_height. */
function readClosed(wire: Wire, end: number): GraphUpdate["closed"][number] {
  const closed = { id: 0n, height: 0 };
  while (wire.at < end) {
    const tag = readTag(wire);
    if (tag === field(1, VARINT)) closed.id = readId(wire);
    else if (tag === field(3, VARINT)) closed.height = Math.min(readUnsigned(wire), 0xffffffff);
    else skip(wire, tag);
  }
  finish(wire, end);
  return closed;
}

function readId(wire: Wire): bigint {
  readWords(wire);
  return (BigInt(highWord) << 32n) | BigInt(lowWord);
}
