/** DescribeGraph answers as LND sends them: records turned into messages, and the codec that clients generate from its protos. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import type { ChannelRecord, NodeRecord, PolicyRecord } from "../core/graph/records.ts";

/** Protobuf by LND's own description of the message, without any code of ours. */
export type GraphCodec = { encode(message: object): Buffer; decode(bytes: Uint8Array): object };

/** Loads `lnrpc.ChannelGraph` from the published protos. */
export function loadGraphCodec(): GraphCodec {
  const home = dirname(createRequire(import.meta.url).resolve("@lightningpolar/lnd-api/package.json"));
  const loaded = loadSync(join(home, "protos/lightning.proto"), { keepCase: true, longs: String });
  type Method = { responseSerialize(value: object): Buffer; responseDeserialize(bytes: Buffer): object };
  const method = (loaded["lnrpc.Lightning"] as unknown as Record<string, Method>)["DescribeGraph"]!;
  return { encode: method.responseSerialize, decode: (bytes) => method.responseDeserialize(Buffer.from(bytes)) };
}

/** The message for these records, in LND's field names. */
export function describeGraphMessage(nodes: readonly NodeRecord[], channels: readonly ChannelRecord[]) {
  return {
    nodes: nodes.map(({ key, alias, updatedAt }) => ({ pub_key: key, alias, last_update: updatedAt })),
    edges: channels.map((channel) => ({
      channel_id: channel.id.toString(),
      node1_pub: channel.node1,
      node2_pub: channel.node2,
      capacity: channel.capacitySat,
      node1_policy: channel.policy1 && policyMessage(channel.policy1),
      node2_policy: channel.policy2 && policyMessage(channel.policy2),
    })),
  };
}

function policyMessage(policy: PolicyRecord): object {
  return {
    time_lock_delta: policy.cltvDelta,
    min_htlc: policy.minHtlcMsat,
    fee_base_msat: policy.feeBaseMsat,
    fee_rate_milli_msat: policy.feePpm,
    disabled: !policy.enabled,
    max_htlc_msat: policy.maxHtlcMsat,
    last_update: policy.updatedAt,
    inbound_fee_base_msat: policy.inboundFeeBaseMsat,
    inbound_fee_rate_milli_msat: policy.inboundFeePpm,
  };
}
