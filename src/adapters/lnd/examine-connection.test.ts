import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Permission as Baked, bakeMacaroon } from "../../apps/demo/lnd/grpc/permissions.ts";
import { unixSeconds } from "../../core/units.ts";
import { Refusal, startTestNode, type TestNode } from "../../testing/lnd-node.ts";
import { makeCertificate } from "../../testing/self-signed-certificate.ts";
import { closeLnd, connectLnd, type LndClient } from "./connect.ts";
import { examineConnection } from "./examine-connection.ts";
import type { Permission } from "./try-permissions.ts";

const NOW = unixSeconds(1_800_000_000);
const denied = new Refusal(status.UNKNOWN, "permission denied");
const info = {
  identity_pubkey: `02${"ab".repeat(32)}`,
  synced_to_chain: true,
  synced_to_graph: true,
  best_header_timestamp: String(NOW - 600),
};

let node: TestNode;
let client: LndClient;
beforeAll(async () => {
  node = await startTestNode();
});
beforeEach(() => {
  node.unary.GetState = () => ({ state: "SERVER_ACTIVE" });
  node.unary.GetInfo = () => info;
  node.unary.LookupInvoice = () => new Refusal(status.NOT_FOUND, "there are no existing invoices");
  node.unary.LookupInvoiceV2 = () => new Refusal(status.INVALID_ARGUMENT, "invoice ref must be set");
  node.stream.TrackPaymentV2 = (stream) =>
    stream.emit("error", { code: status.NOT_FOUND, details: "payment isn't initiated" });
});
afterEach(() => closeLnd(client));
afterAll(() => node.kill());

/** A connection whose macaroon says that it grants these. */
function dial(granted: Baked[], { host, certificate }: Pick<TestNode, "host" | "certificate"> = node): LndClient {
  const macaroonHex = Buffer.from(bakeMacaroon(Buffer.alloc(32), Buffer.alloc(16), granted)).toString("hex");
  client = connectLnd({ host, tlsCert: certificate.cert, macaroonHex, deadlineMs: 20_000 });
  return client;
}

const SELLING: Permission[] = ["invoices:read", "invoices:write"];
const READING: Permission[] = ["info:read", "invoices:read"];
const PAYING: Permission[] = ["offchain:read", "offchain:write"];
const troubles = async (asked: LndClient, needs: Permission[] = READING, now = NOW) =>
  (await examineConnection(asked, needs, now)).troubles.map(({ trouble }) => trouble);

test.each([{ needs: READING }, { needs: SELLING }, { needs: PAYING }])(
  "nothing is wrong with $needs",
  async ({ needs }) => {
    expect(await examineConnection(dial(needs), needs, NOW)).toMatchObject({ troubles: [], missing: [], excess: [] });
  },
);

test("what the node says of itself comes along", async () => {
  const { info: told } = await examineConnection(dial(READING), READING, NOW);
  expect(told).toMatchObject({ nodePubkey: info.identity_pubkey, bestHeaderAt: NOW - 600 });
});

test.each<{
  needs: Permission[];
  granted: Baked[];
  refuse: "LookupInvoice" | "LookupInvoiceV2" | "GetInfo";
  want: Permission;
}>([
  { needs: READING, granted: ["info:read"], refuse: "LookupInvoice", want: "invoices:read" },
  { needs: READING, granted: ["invoices:read"], refuse: "GetInfo", want: "info:read" },
  { needs: SELLING, granted: ["invoices:write"], refuse: "LookupInvoice", want: "invoices:read" },
  { needs: SELLING, granted: ["invoices:read"], refuse: "LookupInvoiceV2", want: "invoices:write" },
])("a macaroon of $granted lacks $want", async ({ needs, granted, refuse, want }) => {
  node.unary[refuse] = () => denied;
  expect(await examineConnection(dial(granted), needs, NOW)).toMatchObject({ troubles: [], missing: [want] });
});

test("that payments can be followed and not sent is read from the macaroon, once the node has accepted it", async () => {
  const found = await examineConnection(dial(["offchain:read"]), PAYING, NOW);
  expect(found).toMatchObject({ troubles: [], missing: ["offchain:write"] });
});

test("what is granted needlessly is named", async () => {
  const { excess } = await examineConnection(dial([...READING, "onchain:write", "offchain:read"]), READING, NOW);
  expect(excess.sort()).toEqual(["offchain:read", "onchain:write"]);
});

test("a macaroon that the node refuses for everything it grants is another node's", async () => {
  node.unary.LookupInvoice = () => denied;
  node.unary.LookupInvoiceV2 = () => denied;
  expect(await troubles(dial(SELLING), SELLING)).toEqual(["macaroon-refused"]);
});

test("a macaroon for something else lacks everything, and is not called another node's", async () => {
  node.unary.LookupInvoice = () => denied;
  node.unary.LookupInvoiceV2 = () => denied;
  const found = await examineConnection(dial(["info:read"]), SELLING, NOW);
  expect(found).toMatchObject({ troubles: [], missing: SELLING });
});

test.each([
  { state: "NON_EXISTING", want: "wallet-missing" },
  { state: "LOCKED", want: "wallet-locked" },
  { state: "RPC_ACTIVE", want: "starting" },
  { state: "WAITING_TO_START", want: "standby" },
])("a node in state $state is $want, whatever the macaroon", async ({ state, want }) => {
  node.unary.GetState = () => ({ state });
  node.unary.GetInfo = () => denied;
  node.unary.LookupInvoice = () => denied;
  expect(await troubles(dial(READING))).toEqual([want]);
});

test.each([
  { name: "not synced to the chain", change: { synced_to_chain: false }, want: ["not-synced-to-chain"] },
  { name: "not synced to the graph", change: { synced_to_graph: false }, want: ["not-synced-to-graph"] },
  { name: "a block two hours ahead", change: { best_header_timestamp: String(NOW + 7_200) }, want: [] },
  { name: "a block three hours ahead", change: { best_header_timestamp: String(NOW + 10_800) }, want: ["clock-skew"] },
  {
    name: "synced, with a block three hours old",
    change: { best_header_timestamp: String(NOW - 10_800) },
    want: ["clock-skew"],
  },
  {
    name: "not synced, with a block three hours old",
    change: { synced_to_chain: false, best_header_timestamp: String(NOW - 10_800) },
    want: ["not-synced-to-chain"],
  },
  { name: "no block at all", change: { best_header_timestamp: "-62135596800" }, want: [] },
  { name: "no public key", change: { identity_pubkey: "" }, want: ["failing"] },
])("$name: $want", async ({ change, want }) => {
  node.unary.GetInfo = () => ({ ...info, ...change });
  expect(await troubles(dial(READING))).toEqual(want);
});

test("a node that does not answer in time is silent, and one that fails is failing", async () => {
  node.unary.GetInfo = () => new Promise(() => {});
  const asked = dial(READING);
  const { troubles: found } = await examineConnection(asked, READING, NOW, { deadlineMs: 200 });
  expect(found.map(({ trouble }) => trouble)).toEqual(["silent"]);
  node.unary.GetInfo = () => new Refusal(status.INTERNAL, "panic");
  expect(await troubles(asked)).toEqual(["failing"]);
});

test.each([
  { name: "in 15 days", now: Date.UTC(2049, 11, 16) / 1_000, want: [] },
  { name: "in 13 days", now: Date.UTC(2049, 11, 18) / 1_000, want: ["certificate-expires-soon"] },
])("a certificate that expires $name: $want", async ({ now, want }) => {
  node.unary.GetInfo = () => ({ ...info, best_header_timestamp: String(now) });
  expect(await troubles(dial(READING), READING, unixSeconds(now))).toEqual(want);
});

test("a node that is gone, and one whose certificate has expired, are told apart", async () => {
  const gone = await startTestNode();
  gone.kill();
  expect(await troubles(dial(READING, gone))).toEqual(["not-listening"]);
  closeLnd(client);
  const expired = await startTestNode(makeCertificate("210101000000Z"));
  expect(await troubles(dial(READING, expired))).toEqual(["certificate-expired", "certificate-expires-soon"]);
  expired.kill();
});

test("bytes that are no macaroon of LND are judged by what the node lets them do", async () => {
  client = connectLnd({ host: node.host, tlsCert: node.certificate.cert, macaroonHex: "00", deadlineMs: 20_000 });
  expect(await examineConnection(client, PAYING, NOW)).toMatchObject({ troubles: [], missing: [], excess: [] });
  node.stream.TrackPaymentV2 = (stream) => stream.emit("error", { code: status.UNKNOWN, details: "cannot parse" });
  expect(await troubles(client, PAYING)).toEqual(["macaroon-refused"]);
});
