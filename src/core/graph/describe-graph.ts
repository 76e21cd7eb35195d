/** The channel graph as `lncli describegraph` prints it (JSON), as plain records. Wrong entries fail the whole text. */
import { OracleError } from "../errors.ts";
import { MAX_CHANNELS, MAX_NODES } from "./channel-graph.ts";
import type { ChannelRecord, NodeRecord, PolicyRecord } from "./records.ts";

/** Every node and channel of a graph, in the order of the file. */
export type GraphRecords = { readonly nodes: NodeRecord[]; readonly channels: ChannelRecord[] };

type Fields = Readonly<Record<string, unknown>>;

/** @throws GRAPH_MALFORMED */
export function parseDescribeGraph(text: string): GraphRecords {
  const { nodes, edges } = fieldsOf(parseJson(text));
  if (!Array.isArray(nodes) || !Array.isArray(edges)) throw malformed("it lists no nodes or no edges");
  if (nodes.length > MAX_NODES || edges.length > MAX_CHANNELS) throw malformed("too many records");
  return {
    nodes: nodes.map((each) => readNode(fieldsOf(each))),
    channels: edges.map((each) => readChannel(fieldsOf(each))),
  };
}

function readNode(node: Fields): NodeRecord {
  const alias = typeof node["alias"] === "string" ? node["alias"] : "";
  return { key: readKey(node["pub_key"]), alias, updatedAt: readNumber(node["last_update"]) };
}

function readChannel(edge: Fields): ChannelRecord {
  const id = edge["channel_id"];
  if (!/^\d{1,20}$/.test(String(id))) throw malformed("a channel id is not a number");
  const [policy1, policy2] = [readPolicy(edge["node1_policy"]), readPolicy(edge["node2_policy"])];
  return {
    id: BigInt(String(id)),
    node1: readKey(edge["node1_pub"]),
    node2: readKey(edge["node2_pub"]),
    capacitySat: readNumber(edge["capacity"]),
    ...(policy1 && { policy1 }),
    ...(policy2 && { policy2 }),
  };
}

/** A policy that is absent is not one of zeros: the channel does not lead that way. */
function readPolicy(value: unknown): PolicyRecord | undefined {
  if (value === null || value === undefined) return undefined;
  const policy = fieldsOf(value);
  return {
    enabled: policy["disabled"] !== true,
    minHtlcMsat: readNumber(policy["min_htlc"]),
    maxHtlcMsat: readNumber(policy["max_htlc_msat"]),
    feeBaseMsat: readNumber(policy["fee_base_msat"]),
    feePpm: readNumber(policy["fee_rate_milli_msat"]),
    cltvDelta: readNumber(policy["time_lock_delta"]),
    updatedAt: readNumber(policy["last_update"]),
    inboundFeeBaseMsat: readNumber(policy["inbound_fee_base_msat"]),
    inboundFeePpm: readNumber(policy["inbound_fee_rate_milli_msat"]),
  };
}

/** Amounts are strings in LND's JSON, small numbers are numbers, and zeros may be absent. */
function readNumber(value: unknown): number {
  const number = Number(value ?? 0);
  if (!Number.isSafeInteger(number)) throw malformed("a number is not one");
  return number;
}

function readKey(value: unknown): string {
  if (typeof value !== "string" || !/^0[23][0-9a-f]{64}$/.test(value)) throw malformed("a node key is not one");
  return value;
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null) throw malformed("a record is not an object");
  return value as Fields;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed("it is not JSON", cause);
  }
}

function malformed(reason: string, cause?: unknown): OracleError {
  return new OracleError("GRAPH_MALFORMED", `The graph cannot be used: ${reason}.`, { cause });
}
