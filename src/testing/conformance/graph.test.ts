/** The public graph: described, asked for by channel, and followed. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer, Dialed } from "./dial.ts";
import { type Listened, listen } from "./listen.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { statusOf } from "./status.ts";

let nodes: Nodes;
let payer: Dialed;
let hub: Dialed;
beforeAll(async () => {
  nodes = await openNodes();
  payer = nodes.payer.admin;
  hub = nodes.hub.admin;
});
afterAll(() => nodes.close());

const ownChannels = async () =>
  (await hub.call("lightning.ListChannels", { peer: Buffer.from(nodes.payee.key, "hex") })).channels as Answer[];
const pointOf = (channel_point: string) => {
  const [funding_txid_str, output_index] = channel_point.split(":");
  return { funding_txid_str, output_index: Number(output_index) };
};
const hubsPolicy = (edge: Answer) => (edge.node1_pub === nodes.hub.key ? edge.node1_policy : edge.node2_policy);
/** Follows the graph from the payer; LND does not say when a subscription has begun, so a change is made until one comes. */
async function follow(channel: Answer): Promise<Listened> {
  const heard = listen(payer, "lightning.SubscribeChannelGraph");
  for (let rate = 1; heard.seen.length === 0; rate = (rate % 50) + 1) {
    await setRate(channel, 900 + rate);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await setRate(channel, 1);
  await expect.poll(() => rates(heard, channel).at(-1), POLL).toBe("1");
  return heard;
}
const POLL = { timeout: 120_000, interval: 100 };
const setRate = (channel: Answer, fee_rate_ppm: number) =>
  hub.call("lightning.UpdateChannelPolicy", {
    chan_point: pointOf(channel.channel_point),
    base_fee_msat: "1000",
    fee_rate_ppm,
    time_lock_delta: 80,
  });
const updatesOf = (heard: Listened, channel: Answer) =>
  heard.seen
    .flatMap((message) => message.channel_updates)
    .filter((row) => row.chan_id === channel.chan_id && row.advertising_node === nodes.hub.key);
const rates = (heard: Listened, channel: Answer) =>
  updatesOf(heard, channel).map(({ routing_policy }) => routing_policy.fee_rate_milli_msat);

describe("DescribeGraph and GetChanInfo", () => {
  test("say the same of every channel, with keys in order and a time on every policy", async () => {
    const { nodes: rows, edges } = await payer.call("lightning.DescribeGraph");
    const keys = rows.map((row: Answer) => row.pub_key);
    expect(keys).toEqual(expect.arrayContaining([nodes.payer.key, nodes.hub.key, nodes.payee.key]));
    for (const edge of edges) {
      expect(edge.node1_pub < edge.node2_pub).toBe(true);
      expect(edge.node1_policy.last_update).toBeGreaterThan(1_600_000_000);
      expect(edge.last_update).toBe(Math.max(edge.node1_policy.last_update, edge.node2_policy.last_update));
      expect(await payer.call("lightning.GetChanInfo", { chan_id: edge.channel_id })).toEqual(edge);
      expect(await payer.call("lightning.GetChanInfo", { chan_point: edge.chan_point })).toEqual(edge);
    }
  });

  test("GetChanInfo shows that a channel is announced, to who asks for it", async () => {
    const { edges } = await payer.call("lightning.DescribeGraph");
    for (const { channel_id } of edges) {
      const edge = await payer.call("lightning.GetChanInfo", { chan_id: channel_id, include_auth_proof: true });
      const { node_sig1, bitcoin_sig1, node_sig2, bitcoin_sig2 } = edge.auth_proof;
      for (const signature of [node_sig1, bitcoin_sig1, node_sig2, bitcoin_sig2]) {
        expect(signature.length).toBeGreaterThan(60);
      }
    }
  });

  test.each([
    { name: "an unknown id", request: { chan_id: "77" }, want: "5 edge not found" },
    {
      name: "an unknown point",
      request: { chan_point: `${"7".repeat(64)}:0` },
      want: `5 edge not found: op=${"7".repeat(64)}:0`,
    },
    { name: "nothing", request: {}, want: "2 specify either chan_id or chan_point" },
  ])("GetChanInfo of $name", async ({ request, want }) => {
    expect(await statusOf(payer.call("lightning.GetChanInfo", request))).toBe(want);
  });

  test("GetNodeInfo of an unknown node: NOT_FOUND", async () => {
    const pub_key = `02${randomBytes(32).toString("hex")}`;
    expect(await statusOf(payer.call("lightning.GetNodeInfo", { pub_key }))).toMatch(/^5 unable to find node/);
  });
});

describe("SubscribeChannelGraph", () => {
  test("tells of a policy's change, without the time it was announced, and the graph has it too", async () => {
    const [channel] = await ownChannels();
    const heard = await follow(channel);
    await setRate(channel, 321);
    await expect.poll(() => rates(heard, channel).at(-1), POLL).toBe("321");
    const update = updatesOf(heard, channel).at(-1);
    expect(update).toMatchObject({
      capacity: channel.capacity,
      connecting_node: nodes.payee.key,
      routing_policy: { fee_base_msat: "1000", time_lock_delta: 80, disabled: false, last_update: 0, min_htlc: "1000" },
    });
    const txid = Buffer.from(update.chan_point.funding_txid_bytes).reverse().toString("hex");
    expect(`${txid}:${update.chan_point.output_index}`).toBe(channel.channel_point);
    const edge = await payer.call("lightning.GetChanInfo", { chan_id: channel.chan_id });
    expect(hubsPolicy(edge)).toMatchObject({ fee_rate_milli_msat: "321" });
    await setRate(channel, 1);
    await expect.poll(() => rates(heard, channel).at(-1), POLL).toBe("1");
    heard.stop();
    expect(await heard.ended).toMatch(/^1 /);
  }, 300_000);

  test("tells when an end is disabled and enabled", async () => {
    const [channel] = await ownChannels();
    const heard = await follow(channel);
    const chan_point = pointOf(channel.channel_point);
    const disabled = () => updatesOf(heard, channel).at(-1).routing_policy.disabled;
    await hub.call("router.UpdateChanStatus", { chan_point, action: "DISABLE" });
    await expect.poll(disabled, POLL).toBe(true);
    const edge = await payer.call("lightning.GetChanInfo", { chan_id: channel.chan_id });
    expect(hubsPolicy(edge).disabled).toBe(true);
    await hub.call("router.UpdateChanStatus", { chan_point, action: "ENABLE" });
    await expect.poll(disabled, POLL).toBe(false);
    heard.stop();
    await heard.ended;
  }, 300_000);

  test("tells of a channel that opens by its two ends, and of one that closes by its id", async ({ skip }) => {
    const { openChannel, closeChannel } = nodes;
    if (!openChannel || !closeChannel) return skip("nobody can make blocks");
    const before = new Set((await hub.call("lightning.ListChannels")).channels.map((row: Answer) => row.chan_id));
    const [channel] = await ownChannels();
    const heard = await follow(channel);
    await openChannel(nodes.hub, nodes.payee, 400_000);
    const { channels } = await hub.call("lightning.ListChannels");
    const opened = channels.find((row: Answer) => !before.has(row.chan_id));
    const ends = () =>
      heard.seen
        .flatMap((message) => message.channel_updates)
        .filter((row) => row.chan_id === opened.chan_id)
        .map((row) => row.advertising_node);
    await expect.poll(() => [...new Set(ends())].sort(), POLL).toEqual([nodes.hub.key, nodes.payee.key].sort());
    const { edges } = await payer.call("lightning.DescribeGraph");
    expect(edges.map((edge: Answer) => edge.channel_id)).toContain(opened.chan_id);

    await closeChannel(nodes.hub, opened.channel_point);
    const closed = () => heard.seen.flatMap((message) => message.closed_chans);
    await expect.poll(() => closed().map((row) => row.chan_id), POLL).toEqual([opened.chan_id]);
    expect(closed()[0]).toMatchObject({ capacity: "400000", closed_height: expect.any(Number) });
    expect(await statusOf(payer.call("lightning.GetChanInfo", { chan_id: opened.chan_id }))).toBe("5 edge not found");
    heard.stop();
    await heard.ended;
  }, 300_000);
});
