/** Who may call what, and what everybody else hears. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dial } from "./dial.ts";
import { type Nodes, openNodes, type TestNode } from "./nodes.ts";
import { statusOf } from "./status.ts";

let nodes: Nodes;
let node: TestNode;
beforeAll(async () => {
  nodes = await openNodes();
  node = nodes.payer;
});
afterAll(() => nodes.close());

const hash = randomBytes(32);
/** Each call with the one permission it needs. The requests do nothing, or fail after the permission was checked. */
const CALLS = [
  { rpc: "lightning.GetInfo", permission: "info:read" },
  { rpc: "lightning.DescribeGraph", permission: "info:read" },
  { rpc: "lightning.GetChanInfo", permission: "info:read", request: { chan_id: "1" } },
  { rpc: "lightning.GetNodeInfo", permission: "info:read", request: { pub_key: "02".padEnd(66, "0") } },
  { rpc: "lightning.QueryRoutes", permission: "info:read", request: { pub_key: "02".padEnd(66, "0"), amt: "1" } },
  { rpc: "version.GetVersion", permission: "info:read" },
  { rpc: "lightning.AddInvoice", permission: "invoices:write", request: { value: "-1" } },
  { rpc: "invoices.AddHoldInvoice", permission: "invoices:write", request: { hash: Buffer.alloc(1) } },
  { rpc: "invoices.SettleInvoice", permission: "invoices:write", request: { preimage: Buffer.alloc(1) } },
  { rpc: "invoices.CancelInvoice", permission: "invoices:write", request: { payment_hash: hash } },
  { rpc: "invoices.LookupInvoiceV2", permission: "invoices:write", request: {} },
  { rpc: "lightning.LookupInvoice", permission: "invoices:read", request: { r_hash: hash } },
  { rpc: "lightning.ListInvoices", permission: "invoices:read" },
  { rpc: "lightning.DecodePayReq", permission: "offchain:read", request: { pay_req: "x" } },
  { rpc: "lightning.ListPayments", permission: "offchain:read" },
  { rpc: "lightning.ListChannels", permission: "offchain:read" },
  { rpc: "lightning.ChannelBalance", permission: "offchain:read" },
  { rpc: "router.BuildRoute", permission: "offchain:read" },
  { rpc: "router.SendToRouteV2", permission: "offchain:write" },
  { rpc: "lightning.DeletePayment", permission: "offchain:write", request: { payment_hash: Buffer.alloc(1) } },
  { rpc: "lightning.DeleteAllPayments", permission: "offchain:write" },
  { rpc: "lightning.UpdateChannelPolicy", permission: "offchain:write" },
  { rpc: "router.UpdateChanStatus", permission: "offchain:write" },
  { rpc: "lightning.BakeMacaroon", permission: "macaroon:generate" },
] as const;
const STREAMS = [
  { rpc: "lightning.SubscribeInvoices", permission: "invoices:read" },
  { rpc: "lightning.SubscribeChannelGraph", permission: "info:read" },
  { rpc: "router.TrackPaymentV2", permission: "offchain:read" },
  { rpc: "router.SendPaymentV2", permission: "offchain:write" },
] as const;
const ALL = ["info:read", "invoices:read", "invoices:write", "offchain:read", "offchain:write", "macaroon:generate"];
const DENIED = "2 permission denied";

describe.each(CALLS)("$rpc", ({ rpc, permission, ...rest }) => {
  const request = "request" in rest ? rest.request : {};

  test(`opens with ${permission} alone`, async () => {
    const client = await node.as(permission);
    expect(await statusOf(client.call(rpc, request))).not.toBe(DENIED);
    client.close();
  });

  test(`is UNKNOWN with everything but ${permission}`, async () => {
    const client = await node.as(...ALL.filter((other) => other !== permission));
    expect(await statusOf(client.call(rpc, request))).toBe(DENIED);
    client.close();
  });

  test("opens with the permission for just this method", async () => {
    const [service, method] = rpc.split(".");
    const names = {
      lightning: "lnrpc.Lightning",
      router: "routerrpc.Router",
      invoices: "invoicesrpc.Invoices",
      version: "verrpc.Versioner",
    };
    const client = await node.as(`uri:/${names[service as keyof typeof names]}/${method}`);
    expect(await statusOf(client.call(rpc, request))).not.toBe(DENIED);
    client.close();
  });
});

test.each(STREAMS)("$rpc is UNKNOWN with everything but $permission", async ({ rpc, permission }) => {
  const client = await node.as(...ALL.filter((other) => other !== permission));
  expect(await statusOf(client.all(rpc))).toBe(DENIED);
  client.close();
});

describe("a macaroon that is none", () => {
  test.each([
    { name: "absent", macaroon: undefined, want: "2 expected 1 macaroon, got 0" },
    { name: "not a macaroon", macaroon: "ff".repeat(40), want: /^2 cannot determine data format/ },
    { name: "not hex", macaroon: "zz", want: "2 encoding/hex: invalid byte: U+007A 'z'" },
  ])("$name: UNKNOWN for calls and streams, and GetState answers all the same", async ({ macaroon, want }) => {
    const stranger = dial({ ...node.access, macaroon });
    expect(await statusOf(stranger.call("lightning.GetInfo"))).toMatch(want);
    expect(await statusOf(stranger.all("lightning.SubscribeInvoices"))).toMatch(want);
    expect(await stranger.call("state.GetState")).toEqual({ state: "SERVER_ACTIVE" });
    stranger.close();
  });

  test("another node's, and one with a bit flipped: UNKNOWN", async () => {
    const own = Buffer.from(node.access.macaroon!, "hex");
    own[own.length - 1]! ^= 1;
    for (const macaroon of [own.toString("hex"), nodes.hub.access.macaroon]) {
      const stranger = dial({ ...node.access, macaroon });
      expect(await statusOf(stranger.call("lightning.GetInfo"))).toMatch(
        /^2 (verification failed|cannot get macaroon)/,
      );
      stranger.close();
    }
  });
});

test("a locked wallet answers GetState, and UNKNOWN to everything else, macaroon or not", async ({ skip }) => {
  if (!nodes.locked) return skip("no node with a locked wallet is at hand");
  for (const macaroon of [undefined, "ff"]) {
    const client = dial({ ...nodes.locked, macaroon });
    expect(await client.call("state.GetState")).toEqual({ state: "LOCKED" });
    const words = "2 wallet locked, unlock it to enable full RPC access";
    expect(await statusOf(client.call("lightning.GetInfo"))).toBe(words);
    expect(await statusOf(client.all("lightning.SubscribeInvoices"))).toBe(words);
    client.close();
  }
});
