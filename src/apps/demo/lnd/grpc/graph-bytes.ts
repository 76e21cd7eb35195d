/**
 * The whole graph as one encoded lnrpc.ChannelGraph. A message of fifty thousand channels takes protobufjs seconds of
 * a blocked event loop and this writer a tenth of one; it is made once, in slices.
 */
import { setImmediate } from "node:timers/promises";
import type { Network } from "../network/network.ts";

const SLICE = 2_000;
/** More than any node or channel takes: two keys, a channel point, two policies of six varints. */
const MAX_RECORD_BYTES = 512;

/** Field numbers of lightning.proto. */
const GRAPH = { nodes: 1, edges: 2 } as const;
const NODE = { lastUpdate: 1, pubKey: 2, alias: 3, color: 5 } as const;
const EDGE = { id: 1, point: 2, lastUpdate: 3, node1: 4, node2: 5, capacity: 6, policy1: 7, policy2: 8 } as const;
const POLICY = { delta: 1, minHtlc: 2, base: 3, rate: 4, disabled: 5, maxHtlc: 6, lastUpdate: 7 } as const;

export async function encodeGraph(network: Network): Promise<Buffer> {
  const parts: Buffer[] = [];
  const encodeAll = async (count: number, encode: (writer: Writer, index: number) => void) => {
    for (let from = 0; from < count; from += SLICE) {
      const to = Math.min(from + SLICE, count);
      const writer = new Writer((to - from) * MAX_RECORD_BYTES);
      for (let index = from; index < to; index++) encode(writer, index);
      parts.push(writer.bytes());
      await setImmediate();
    }
  };
  await encodeAll(network.nodeCount, (writer, node) => {
    writer.message(GRAPH.nodes, () => writeNode(writer, network, node));
  });
  await encodeAll(network.channelCount, (writer, channel) => {
    if (!network.closed[channel]) writer.message(GRAPH.edges, () => writeChannel(writer, network, channel));
  });
  return Buffer.concat(parts);
}

function writeNode(writer: Writer, network: Network, node: number): void {
  writer.integer(NODE.lastUpdate, network.nodeUpdates[node]!);
  writer.text(NODE.pubKey, network.keys[node]!);
  writer.text(NODE.alias, network.aliases[node]!);
  writer.text(NODE.color, "#3399ff");
}

function writeChannel(writer: Writer, network: Network, channel: number): void {
  const { keys, ends, policyUpdates } = network;
  const [first, second] = [2 * channel, 2 * channel + 1];
  writer.big(EDGE.id, network.channelIds[channel]!);
  writer.text(EDGE.point, network.channelPoints[channel]!);
  writer.integer(EDGE.lastUpdate, Math.max(policyUpdates[first]!, policyUpdates[second]!));
  writer.text(EDGE.node1, keys[ends[first]!]!);
  writer.text(EDGE.node2, keys[ends[second]!]!);
  writer.integer(EDGE.capacity, network.capacityMsat[channel]! / 1000);
  writePolicy(writer, network, EDGE.policy1, first);
  writePolicy(writer, network, EDGE.policy2, second);
}

/** No policy is no message, which is not the same as a message of zeros. */
function writePolicy(writer: Writer, network: Network, field: number, arc: number): void {
  if (!network.hasPolicy[arc]) return;
  writer.message(field, () => {
    writer.integer(POLICY.delta, network.cltvDelta[arc]!);
    writer.integer(POLICY.minHtlc, network.minHtlcMsat[arc]!);
    writer.integer(POLICY.base, network.feeBaseMsat[arc]!);
    writer.integer(POLICY.rate, network.feeRatePpm[arc]!);
    writer.integer(POLICY.disabled, network.enabled[arc] ? 0 : 1);
    writer.integer(POLICY.maxHtlc, network.maxHtlcMsat[arc]!);
    writer.integer(POLICY.lastUpdate, network.policyUpdates[arc]!);
  });
}

/** Protobuf into a buffer that is large enough. Zero and empty fields are left out, as proto3 does. */
class Writer {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  integer(field: number, value: number): void {
    if (value === 0) return;
    this.#buffer[this.#at++] = field << 3;
    this.#varint(value);
  }

  big(field: number, value: bigint): void {
    this.#buffer[this.#at++] = field << 3;
    let left = value;
    for (; left > 0x7fn; left >>= 7n) this.#buffer[this.#at++] = Number(left & 0x7fn) | 0x80;
    this.#buffer[this.#at++] = Number(left);
  }

  text(field: number, value: string): void {
    if (value === "") return;
    this.#buffer[this.#at++] = (field << 3) | 2;
    this.#varint(Buffer.byteLength(value));
    this.#at += this.#buffer.write(value, this.#at);
  }

  /** A message inside this one, of at most 16,383 bytes. Two bytes are kept for its length and one given back. */
  message(field: number, write: () => void): void {
    this.#buffer[this.#at++] = (field << 3) | 2;
    const lengthAt = this.#at;
    this.#at += 2;
    write();
    const length = this.#at - lengthAt - 2;
    if (length < 0x80) {
      this.#buffer[lengthAt] = length;
      this.#buffer.copyWithin(lengthAt + 1, lengthAt + 2, this.#at--);
      return;
    }
    this.#buffer[lengthAt] = (length & 0x7f) | 0x80;
    this.#buffer[lengthAt + 1] = length >> 7;
  }

  #varint(value: number): void {
    let left = value;
    for (; left > 0x7f; left = Math.floor(left / 128)) this.#buffer[this.#at++] = (left % 128) | 0x80;
    this.#buffer[this.#at++] = left;
  }
}
