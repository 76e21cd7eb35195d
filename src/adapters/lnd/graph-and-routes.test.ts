/** GetInfo, DescribeGraph and QueryRoutes. */
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { msat } from "../../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { describeGraphBytes } from "./describe-graph.ts";
import { getInfo } from "./get-info.ts";
import { queryRoutes } from "./query-routes.ts";
import { methodOf } from "./rpcs.ts";

const key = `02${"ab".repeat(32)}`;
const info = {
  identity_pubkey: key,
  alias: "test",
  block_height: 458,
  num_active_channels: 2,
  num_inactive_channels: 1,
};

let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00" });
});
beforeEach(() => {
  node.unary.GetInfo = () => ({
    ...info,
    synced_to_chain: true,
    best_header_timestamp: "1790000000",
    version: "0.20.3-beta",
    chains: [{ network: "simnet" }],
  });
});
afterAll(() => {
  closeLnd(client);
  node.kill();
});

test("getInfo reads who the node is", async () => {
  expect(await getInfo(client)).toEqual({
    nodePubkey: key,
    alias: "test",
    blockHeight: 458,
    bestHeaderAt: 1_790_000_000,
    syncedToChain: true,
    syncedToGraph: false,
    channelCount: 3,
    version: "0.20.3-beta",
    network: "simnet",
  });
});

test("getInfo refuses a node without a key", async () => {
  node.unary.GetInfo = () => ({ ...info, identity_pubkey: "" });
  await expect(getInfo(client)).rejects.toMatchObject({ message: expect.stringContaining("identity_pubkey") });
});

test("a graph larger than gRPC's own limit arrives byte for byte, without private channels asked for", async () => {
  const nodes = Array.from({ length: 40_000 }, (_, i) => ({
    pub_key: key,
    alias: `node ${i}`.padEnd(100),
    color: "#000000",
  }));
  let asked: object = {};
  node.unary.DescribeGraph = (request) => {
    asked = request;
    return { nodes };
  };
  const bytes = await describeGraphBytes(client);
  expect(bytes.length).toBeGreaterThan(4 * 1024 * 1024);
  expect(bytes.equals(methodOf("DescribeGraph").responseSerialize({ nodes }))).toBe(true);
  expect(asked).toEqual({ include_unannounced: false, include_auth_proof: false });
});

const hop = { chan_id: "7", pub_key: key, amt_to_forward_msat: "1000", fee_msat: "0", expiry: 538 };
const question = { target: key, amount: msat(1_000n) };

test("queryRoutes asks in msat and reads the route", async () => {
  let asked: object = {};
  node.unary.QueryRoutes = (request) => {
    asked = request;
    const route = { hops: [hop], total_amt_msat: "1000", total_fees_msat: "0", total_time_lock: 618 };
    return { routes: [route], success_prob: 0.57 };
  };
  const answer = await queryRoutes(client, {
    ...question,
    feeLimit: msat(9n),
    ignoredNodes: [key],
    lastHop: key,
    source: key,
  });
  expect(answer).toEqual({
    route: {
      hops: [{ channelId: 7n, nodeKey: key, amount: 1000n, fee: 0n, expiryHeight: 538 }],
      totalAmount: 1000n,
      totalFee: 0n,
      expiryHeight: 618,
    },
    probability: 0.57,
  });
  expect(asked).toMatchObject({ pub_key: key, amt_msat: "1000", fee_limit: { fixed_msat: "9" }, source_pub_key: key });
  expect(asked).toMatchObject({ use_mission_control: true, ignored_nodes: [Buffer.from(key, "hex")] });
});

test("no route is an answer: LND refuses, on a node that is ready, under a macaroon that may ask", async () => {
  node.unary.QueryRoutes = () => new Refusal(status.UNKNOWN, "unable to find a path to destination");
  expect(await queryRoutes(client, question)).toBeUndefined();
});

test("a refused macaroon and a node that starts are not taken for no route", async () => {
  node.unary.QueryRoutes = () => new Refusal(status.UNKNOWN, "unable to find a path to destination");
  node.unary.GetInfo = () => new Refusal(status.UNKNOWN, "permission denied");
  await expect(queryRoutes(client, question)).rejects.toMatchObject({ code: "LND_REFUSED" });

  node.unary.GetInfo = () => info;
  node.unary.GetState = () => ({ state: "RPC_ACTIVE" });
  await expect(queryRoutes(client, question)).rejects.toMatchObject({ code: "LND_UNAVAILABLE" });
  node.unary.GetState = () => ({ state: "SERVER_ACTIVE" });

  node.unary.QueryRoutes = () => new Refusal(status.INVALID_ARGUMENT);
  await expect(queryRoutes(client, question)).rejects.toMatchObject({ code: "LND_REFUSED" });
});

test.each([
  { name: "a target that is no key", change: { target: "zz" }, code: "SUBJECT_MALFORMED" },
  { name: "an upper-case key", change: { target: key.toUpperCase() }, code: "SUBJECT_MALFORMED" },
  { name: "nothing to carry", change: { amount: msat(0n) }, code: "AMOUNT_INVALID" },
])("$name is refused before LND could call it no route", async ({ change, code }) => {
  await expect(queryRoutes(client, { ...question, ...change })).rejects.toMatchObject({ code });
});

test.each([
  { name: "without hops", route: { hops: [] } },
  { name: "with too many hops", route: { hops: Array.from({ length: 28 }, () => hop) } },
  { name: "with a hop that is no node", route: { hops: [{ ...hop, pub_key: "02" }] } },
  { name: "with a negative fee", route: { hops: [{ ...hop, fee_msat: "-1" }] } },
])("a route $name is refused", async ({ route }) => {
  node.unary.QueryRoutes = () => ({ routes: [route], success_prob: 1 });
  await expect(queryRoutes(client, question)).rejects.toMatchObject({ code: "LND_REFUSED" });
});
