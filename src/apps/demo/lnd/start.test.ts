/** The simulated nodes through a plain grpc-js client, as anybody would talk to LND. */
import { createHash, createHmac } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeInvoice } from "../../../core/bolt11/decode.ts";
import { encodeMacaroon } from "../../../core/macaroon/binary.ts";
import { attenuate } from "../../../core/macaroon/chain.ts";
import { decodeMacaroon } from "../../../core/macaroon/decode.ts";
import type { UnixSeconds } from "../../../core/units.ts";
import { type Answer, type Dialed, dial } from "../../../testing/conformance/dial.ts";
import { type SimulatedLightning, startSimulatedLightning } from "./start.ts";
import type { LndEndpoint } from "./start-nodes.ts";

const NOW = 1_770_000_000 as UnixSeconds;
const clock = { now: NOW };
const start = (dataDir: string) => startSimulatedLightning({ dataDir, seed: "test", now: () => clock.now });

type Access = keyof LndEndpoint["macaroonPaths"] | { hex: string } | "none";

async function open(endpoint: LndEndpoint, access: Access) {
  const cert = await readFile(endpoint.tlsCertPath);
  if (access === "none") return dial({ host: endpoint.host, cert });
  if (typeof access === "object") return dial({ host: endpoint.host, cert, macaroon: access.hex });
  const macaroon = (await readFile(endpoint.macaroonPaths[access])).toString("hex");
  return dial({ host: endpoint.host, cert, macaroon });
}

const refused = (code: number, details: string | RegExp) =>
  expect.objectContaining({ code, details: typeof details === "string" ? details : expect.stringMatching(details) });

let dataDir: string;
let world: SimulatedLightning;
let oracle: Dialed;
let payer: Dialed;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "simulated-lnd-"));
  world = await start(dataDir);
  oracle = await open(world.oracle, "admin");
  payer = await open(world.payer, "admin");
});

afterAll(async () => {
  oracle.close();
  payer.close();
  await world.stop();
  await rm(dataDir, { recursive: true, force: true });
});

describe("who may call what", () => {
  test.each([
    { name: "no macaroon", access: "none" as const, details: "expected 1 macaroon, got 0" },
    { name: "an empty one", access: { hex: "" }, details: "empty macaroon data" },
    { name: "not hex", access: { hex: "zz" }, details: "encoding/hex: invalid byte: U+007A 'z'" },
    { name: "not a macaroon", access: { hex: "ff".repeat(40) }, details: /^cannot determine data format/ },
  ])("$name: UNKNOWN, in LND's words", async ({ access, details }) => {
    const stranger = await open(world.oracle, access);
    await expect(stranger.call("lightning.GetInfo")).rejects.toEqual(refused(2, details));
    await expect(stranger.all("lightning.SubscribeInvoices")).rejects.toEqual(refused(2, details));
    expect(await stranger.call("state.GetState")).toEqual({ state: "SERVER_ACTIVE" });
    stranger.close();
  });

  test("another node's macaroon, or one with a bit flipped, does not verify", async () => {
    const ours = await readFile(world.oracle.macaroonPaths.admin);
    const flipped = Buffer.from(ours);
    flipped[flipped.length - 1]! ^= 1;
    const theirs = await readFile(world.payer.macaroonPaths.admin);
    for (const bytes of [flipped, theirs]) {
      const stranger = await open(world.oracle, { hex: bytes.toString("hex") });
      const details = "verification failed: signature mismatch after caveat verification";
      await expect(stranger.call("lightning.GetInfo")).rejects.toEqual(refused(2, details));
      stranger.close();
    }
  });

  test.each([
    { access: "readonly" as const, rpc: "lightning.AddInvoice" },
    { access: "readonly" as const, rpc: "router.SendToRouteV2" },
    { access: "invoice" as const, rpc: "lightning.DescribeGraph" },
    { access: "pay" as const, rpc: "lightning.AddInvoice" },
  ])("the $access macaroon does not open $rpc", async ({ access, rpc }) => {
    const client = await open(world.oracle, access);
    await expect(client.call(rpc)).rejects.toEqual(refused(2, "permission denied"));
    client.close();
  });

  test("a caveat narrows: time-before is kept, an unknown one opens nothing", async () => {
    const hmac = (key: Uint8Array, message: Uint8Array) => createHmac("sha256", key).update(message).digest();
    const macaroon = decodeMacaroon(await readFile(world.oracle.macaroonPaths.admin));
    const narrowed = async (caveat: string) => {
      const hex = Buffer.from(encodeMacaroon(attenuate(hmac, macaroon, caveat))).toString("hex");
      const client = await open(world.oracle, { hex });
      try {
        return await client.call("lightning.GetInfo").then(
          () => "opened",
          (error) => error.details,
        );
      } finally {
        client.close();
      }
    };
    expect(await narrowed("time-before 2099-01-01T00:00:00Z")).toBe("opened");
    expect(await narrowed("time-before 2020-01-01T00:00:00Z")).toMatch(/expired/);
    expect(await narrowed("sky blue")).toMatch(/not recognized/);
  });

  test("what is not simulated is UNIMPLEMENTED", async () => {
    await expect(oracle.call("lightning.WalletBalance")).rejects.toEqual(expect.objectContaining({ code: 12 }));
  });
});

describe("the node and its graph", () => {
  test("GetInfo says who it is", async () => {
    const info = await oracle.call("lightning.GetInfo");
    expect(info).toMatchObject({
      identity_pubkey: world.oracle.nodePubkey,
      alias: "satrank-oracle",
      synced_to_graph: true,
    });
    expect(info.chains).toEqual([{ chain: "bitcoin", network: "regtest" }]);
    expect(info.num_active_channels).toBeGreaterThan(3);
  });

  test("GetVersion lets lndclient in, which refuses a node older than 0.19 or built without a service it uses", async () => {
    const version = await oracle.call("version.GetVersion");
    expect(version).toMatchObject({ version: "0.20.3-beta", app_major: 0, app_minor: 20, app_patch: 3 });
    expect(version.build_tags).toEqual(expect.arrayContaining(["signrpc", "walletrpc", "chainrpc", "invoicesrpc"]));
    const seller = await open(world.oracle, "invoice");
    await expect(seller.call("version.GetVersion")).rejects.toEqual(refused(2, "permission denied"));
    seller.close();
  });

  test("DescribeGraph's ready-made bytes say the same as GetNodeInfo and GetChanInfo", async () => {
    const graph = await oracle.call("lightning.DescribeGraph");
    expect(graph.nodes.length).toBe(44);
    const hub = graph.nodes.find((node: Answer) => node.alias === "demo-hub-1");
    const info = await oracle.call("lightning.GetNodeInfo", { pub_key: hub.pub_key, include_channels: true });
    expect(info.node).toEqual(hub);
    expect(info.num_channels).toBe(info.channels.length);
    for (const channel of info.channels) {
      const same = graph.edges.find((edge: Answer) => edge.channel_id === channel.channel_id);
      expect(same).toEqual(channel);
      expect(await oracle.call("lightning.GetChanInfo", { chan_id: channel.channel_id })).toEqual(channel);
    }
    await expect(oracle.call("lightning.GetNodeInfo", { pub_key: `02${"0".repeat(64)}` })).rejects.toMatchObject({
      code: 5,
    });
    await expect(oracle.call("lightning.GetChanInfo", { chan_id: "1" })).rejects.toMatchObject({ code: 5 });
  });

  test("a node keeps its graph stream open and silent", async () => {
    const stream = oracle.open("lightning.SubscribeChannelGraph");
    let ended = false;
    stream.on("error", () => undefined);
    stream.on("end", () => {
      ended = true;
    });
    await oracle.call("lightning.GetInfo");
    expect(ended).toBe(false);
    stream.cancel();
  });
});

describe("an invoice, from its making to its proof", () => {
  test("is made by the oracle, paid by the payer, and seen by everybody", async () => {
    const seen: Answer[] = [];
    const stream = oracle.open("lightning.SubscribeInvoices");
    stream.on("data", (invoice) => seen.push(invoice));
    stream.on("error", () => undefined);
    let hasBegun = false;
    stream.on("metadata", () => {
      hasBegun = true;
    });
    await oracle.call("lightning.GetInfo");
    expect(hasBegun).toBe(false);

    const made = await oracle.call("lightning.AddInvoice", { value_msat: "21000", memo: "one call", expiry: "600" });
    const invoice = decodeInvoice(made.payment_request);
    expect(invoice).toMatchObject({ network: "bcrt", amount: 21_000n, description: "one call", expirySec: 600 });
    expect(Buffer.from(invoice.payee).toString("hex")).toBe(world.oracle.nodePubkey);
    expect(Buffer.from(invoice.paymentHash)).toEqual(made.r_hash);
    expect(await oracle.call("lightning.LookupInvoice", { r_hash: made.r_hash })).toMatchObject({ state: "OPEN" });

    const told = await payer.call("lightning.DecodePayReq", { pay_req: made.payment_request });
    expect(told).toMatchObject({ destination: world.oracle.nodePubkey, num_msat: "21000", cltv_expiry: "80" });
    expect(told.features["14"]).toEqual({ name: "payment-addr", is_required: true, is_known: true });

    const updates = await payer.all("router.SendPaymentV2", { payment_request: made.payment_request });
    expect(updates.map((payment) => payment.status)).toEqual(["IN_FLIGHT", "IN_FLIGHT", "SUCCEEDED"]);
    const proof = updates.at(-1).payment_preimage;
    expect(createHash("sha256").update(proof, "hex").digest()).toEqual(made.r_hash);
    expect(world.preimageOf(made.r_hash.toString("hex"))).toBe(proof);

    const settled = await oracle.call("lightning.LookupInvoice", { r_hash: made.r_hash });
    expect(settled).toMatchObject({
      state: "SETTLED",
      settled: true,
      amt_paid_msat: "21000",
      settle_date: String(NOW),
    });
    await expect.poll(() => seen.map((row) => row.state)).toEqual(["OPEN", "SETTLED"]);
    stream.cancel();

    const again = payer.all("router.SendPaymentV2", { payment_request: made.payment_request });
    await expect(again).rejects.toEqual(refused(6, "invoice is already paid"));
    const tracked = await payer.all("router.TrackPaymentV2", { payment_hash: made.r_hash });
    expect(tracked.map((payment) => payment.payment_preimage)).toEqual([proof]);
  });

  test("a given preimage is kept, and only once", async () => {
    const preimage = Buffer.alloc(32, 9);
    const wish = { value: "5", r_preimage: preimage };
    const [first, second] = await Promise.allSettled([
      oracle.call("lightning.AddInvoice", wish),
      oracle.call("lightning.AddInvoice", wish),
    ]);
    expect(first.status === "fulfilled" && first.value.r_hash).toEqual(createHash("sha256").update(preimage).digest());
    expect(second.status).toBe("rejected");
  });

  test("a subscription picks up after the index it names", async () => {
    const made = [];
    for (let i = 0; i < 3; i++) made.push(await oracle.call("lightning.AddInvoice", { value: "1", memo: `nr ${i}` }));
    const stream = oracle.open("lightning.SubscribeInvoices", { add_index: made[0].add_index });
    stream.on("error", () => undefined);
    const seen: Answer[] = [];
    stream.on("data", (invoice) => seen.push(invoice.memo));
    await expect.poll(() => seen).toEqual(["nr 1", "nr 2"]);
    stream.cancel();
  });

  test("a canceled or an expired invoice cannot be paid", async () => {
    const canceled = await oracle.call("lightning.AddInvoice", { value: "1" });
    await oracle.call("invoices.CancelInvoice", { payment_hash: canceled.r_hash });
    expect(await oracle.call("lightning.LookupInvoice", { r_hash: canceled.r_hash })).toMatchObject({
      state: "CANCELED",
    });
    const [failed] = (await payer.all("router.SendPaymentV2", { payment_request: canceled.payment_request })).slice(-1);
    expect(failed).toMatchObject({ status: "FAILED", failure_reason: "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" });
    expect(failed.htlcs[0].failure).toMatchObject({
      code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS",
      failure_source_index: failed.htlcs[0].route.hops.length,
    });

    const dying = await oracle.call("lightning.AddInvoice", { value: "1", expiry: "60" });
    clock.now = (NOW + 60) as UnixSeconds;
    const late = payer.all("router.SendPaymentV2", { payment_request: dying.payment_request });
    await expect(late).rejects.toEqual(refused(2, /^invoice expired\. Valid until 2026-02-0\d/));
    expect(await oracle.call("lightning.LookupInvoice", { r_hash: dying.r_hash })).toMatchObject({ state: "CANCELED" });
    clock.now = NOW;
  });

  test.each([
    { name: "a negative value", wish: { value_msat: "-1" }, details: "amount cannot be negative" },
    { name: "two values", wish: { value: "1", value_msat: "1000" }, details: /mutually exclusive/ },
    { name: "more than there is", wish: { value: "9000000000000000" }, details: /too large/ },
    { name: "a memo of 640 bytes", wish: { value: "1", memo: "x".repeat(640) }, details: /10 bits: 1024/ },
    { name: "a year and a second", wish: { value: "1", expiry: "31536001" }, details: /greater than max expiry/ },
    { name: "half a preimage", wish: { value: "1", r_preimage: Buffer.alloc(16) }, details: /preimage/ },
  ])("refused: $name", async ({ wish, details }) => {
    await expect(oracle.call("lightning.AddInvoice", wish)).rejects.toEqual(refused(2, details));
  });

  test.each([
    { name: "an unknown hash", hash: Buffer.alloc(32), code: 5, details: "unable to locate invoice" },
    { name: "31 bytes", hash: Buffer.alloc(31), code: 2, details: /exactly 32 bytes, is instead 31/ },
  ])("LookupInvoice refuses $name", async ({ hash, code, details }) => {
    await expect(oracle.call("lightning.LookupInvoice", { r_hash: hash })).rejects.toEqual(refused(code, details));
  });
});

describe("payments that do not arrive", () => {
  test.each([
    { name: "garbage", request: { payment_request: "lnbcrt1garbage" }, code: 2, details: /checksum/ },
    {
      name: "no amount",
      request: { dest: Buffer.alloc(33, 2), payment_hash: Buffer.alloc(32) },
      code: 2,
      details: /amount must be/,
    },
    { name: "a negative fee limit", request: { fee_limit_msat: "-1" }, code: 2, details: "amount cannot be negative" },
  ])("refused: $name", async ({ request, code, details }) => {
    await expect(payer.all("router.SendPaymentV2", request)).rejects.toEqual(refused(code, details));
  });

  test("paying oneself is refused", async () => {
    const own = await payer.call("lightning.AddInvoice", { value: "1" });
    const attempt = payer.all("router.SendPaymentV2", { payment_request: own.payment_request });
    await expect(attempt).rejects.toEqual(refused(2, "self-payments not allowed"));
  });

  test("an amount left open must be given, and is what arrives", async () => {
    const open = await oracle.call("lightning.AddInvoice", { memo: "what you like" });
    const bare = payer.all("router.SendPaymentV2", { payment_request: open.payment_request });
    await expect(bare).rejects.toEqual(refused(2, /amount must be specified/));
    const request = { payment_request: open.payment_request, amt_msat: "1234", no_inflight_updates: true };
    const updates = await payer.all("router.SendPaymentV2", request);
    expect(updates.map((payment) => payment.status)).toEqual(["SUCCEEDED"]);
    expect(await oracle.call("lightning.LookupInvoice", { r_hash: open.r_hash })).toMatchObject({
      amt_paid_msat: "1234",
    });
  });

  test("more than the payer holds", async () => {
    const dear = await oracle.call("lightning.AddInvoice", { value: "1000000000" });
    const updates = await payer.all("router.SendPaymentV2", { payment_request: dear.payment_request });
    expect(updates.at(-1)).toMatchObject({ status: "FAILED", failure_reason: "FAILURE_REASON_INSUFFICIENT_BALANCE" });
    await expect(
      payer.call("lightning.QueryRoutes", { pub_key: world.oracle.nodePubkey, amt: "1000000000" }),
    ).rejects.toEqual(refused(2, "insufficient local balance"));
  });

  test("a node nobody can reach, and one that sleeps", async () => {
    const graph = await payer.call("lightning.DescribeGraph");
    const key = (alias: string) => graph.nodes.find((node: Answer) => node.alias === alias).pub_key;
    const pay = async (alias: string) => {
      const request = {
        dest: Buffer.from(key(alias), "hex"),
        amt: "1000",
        payment_hash: createHash("sha256").update(alias).digest(),
        payment_addr: Buffer.alloc(32, 1),
        fee_limit_sat: "1000",
      };
      return (await payer.all("router.SendPaymentV2", request)).at(-1);
    };
    expect(await pay("demo-silent-1")).toMatchObject({ failure_reason: "FAILURE_REASON_NO_ROUTE", htlcs: [] });
    const asleep = await pay("demo-sleeper-1");
    expect(asleep).toMatchObject({ failure_reason: "FAILURE_REASON_NO_ROUTE" });
    expect(asleep.htlcs.map((htlc: Answer) => htlc.failure.code)).toContain("UNKNOWN_NEXT_PEER");
  });
});

describe("a route of one's own", () => {
  test("QueryRoutes plans it, SendToRouteV2 carries it to an unknown payment and back", async () => {
    const graph = await payer.call("lightning.DescribeGraph");
    const { pub_key } = graph.nodes.find((node: Answer) => node.alias === "demo-hub-2");
    const { routes, success_prob } = await payer.call("lightning.QueryRoutes", {
      pub_key,
      amt_msat: "10000",
      use_mission_control: true,
    });
    const [route] = routes;
    const last = route.hops.at(-1);
    expect(last).toMatchObject({ pub_key, amt_to_forward_msat: "10000", fee_msat: "0" });
    expect(success_prob).toBeGreaterThan(0);
    const hash = createHash("sha256").update("nobody knows").digest();
    const attempt = await payer.call("router.SendToRouteV2", { payment_hash: hash, route });
    expect(attempt).toMatchObject({
      status: "FAILED",
      failure: { code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", failure_source_index: route.hops.length },
    });
  });

  test("BuildRoute and the invoice's secret pay it", async () => {
    const made = await oracle.call("lightning.AddInvoice", { value: "3" });
    const { route } = await payer.call("router.BuildRoute", {
      amt_msat: "3000",
      hop_pubkeys: [Buffer.from(world.oracle.nodePubkey, "hex")],
      payment_addr: made.payment_addr,
    });
    const attempt = await payer.call("router.SendToRouteV2", { payment_hash: made.r_hash, route });
    expect(attempt.status).toBe("SUCCEEDED");
    expect(createHash("sha256").update(attempt.preimage).digest()).toEqual(made.r_hash);
    const again = payer.call("router.SendToRouteV2", { payment_hash: made.r_hash, route });
    await expect(again).rejects.toEqual(refused(6, "invoice is already paid"));
  });

  test.each([
    { name: "no route", request: {}, details: "unable to send, no routes provided" },
    { name: "no hops", request: { route: { hops: [] } }, details: "empty route hops provided" },
  ])("refused: $name", async ({ request, details }) => {
    await expect(payer.call("router.SendToRouteV2", request)).rejects.toEqual(refused(2, details));
  });
});

test("what was acknowledged is there after the process dies, also behind a torn last line", async () => {
  const home = await mkdtemp(join(tmpdir(), "simulated-lnd-"));
  const before = await start(home);
  const seller = await open(before.oracle, "invoice");
  const buyer = await open(before.payer, "pay");
  const paid = await seller.call("lightning.AddInvoice", { value: "7", memo: "paid" });
  const unpaid = await seller.call("lightning.AddInvoice", { value: "8", memo: "open" });
  const updates = await buyer.all("router.SendPaymentV2", { payment_request: paid.payment_request });
  // Nothing is closed in order: the journal is only what its fsync has left on the disk.
  const journal = join(home, "journal.jsonl");
  await appendFile(journal, '{"type":"invoice","node":"oracle","ha');

  const after = await start(home);
  expect(after.oracle.nodePubkey).toBe(before.oracle.nodePubkey);
  const sellerAgain = await open(after.oracle, "invoice");
  const buyerAgain = await open(after.payer, "pay");
  expect(await sellerAgain.call("lightning.LookupInvoice", { r_hash: paid.r_hash })).toMatchObject({
    state: "SETTLED",
    amt_paid_msat: "7000",
  });
  expect(await sellerAgain.call("lightning.LookupInvoice", { r_hash: unpaid.r_hash })).toMatchObject({ state: "OPEN" });
  const [tracked] = await buyerAgain.all("router.TrackPaymentV2", { payment_hash: paid.r_hash });
  expect(tracked.payment_preimage).toBe(updates.at(-1).payment_preimage);
  expect(tracked.htlcs[0].route.hops).toHaveLength(updates.at(-1).htlcs[0].route.hops.length);
  const next = await sellerAgain.call("lightning.AddInvoice", { value: "9" });
  expect(Number(next.add_index)).toBe(Number(unpaid.add_index) + 1);

  for (const client of [seller, buyer, sellerAgain, buyerAgain]) client.close();
  await before.stop();
  await after.stop();
  await rm(home, { recursive: true, force: true });
});
