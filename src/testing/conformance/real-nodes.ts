/** The suite's three nodes where somebody runs them: what `CONFORMANCE_NODES` says of them (docs/lnd.md). */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Answer } from "./dial.ts";
import { type Nodes, openNode, type TestNode } from "./nodes.ts";

/** Paths of files; commands are run by `sh -c` and have done their work when they end. */
type NodeFile = { host: string; cert: string; macaroon: string; stop?: string; kill?: string; start?: string };
type NodesFile = {
  payer: NodeFile;
  hub: NodeFile;
  payee: NodeFile;
  locked?: { host: string; cert: string };
  /** Makes a block. */
  mine?: string;
};

const BLOCKS_TO_CONFIRM = 6;

export async function openRealNodes(file: NodesFile): Promise<Nodes> {
  const open = (name: "payer" | "hub" | "payee") => {
    const { host, cert, macaroon } = file[name];
    return openNode(name, { host, cert: readFileSync(cert), macaroon: readFileSync(macaroon).toString("hex") });
  };
  const [payer, hub, payee] = [await open("payer"), await open("hub"), await open("payee")];
  for (const node of [payer, hub, payee]) await enableChannels(node);
  await until(async () => (await payer.admin.call("lightning.DescribeGraph")).edges.every(isEnabled));
  const { mine, locked } = file;
  const blocks = async (count: number) => {
    for (let i = 0; i < count; i++) await run(mine!);
  };
  const commands = (node: TestNode) => file[node.name as "payer" | "hub" | "payee"];
  const canStop = [file.payer, file.hub, file.payee].every(({ stop, kill, start }) => stop && kill && start);
  const { version } = await payer.admin.call("lightning.GetInfo");
  return {
    name: version.split(" ")[0],
    payer,
    hub,
    payee,
    mppTimeoutMs: 120_000,
    openChannel: mine === undefined ? undefined : (from, to, capacitySat) => openChannel(from, to, capacitySat, blocks),
    closeChannel: mine === undefined ? undefined : (owner, point) => closeChannel(owner, point, blocks),
    stop: canStop ? (node, how) => run(commands(node)[how === "kill" ? "kill" : "stop"]!) : undefined,
    start: canStop ? (node) => start(node, commands(node).start!) : undefined,
    locked: locked && { host: locked.host, cert: readFileSync(locked.cert) },
    async close() {
      for (const node of [payer, hub, payee]) node.admin.close();
    },
  };
}

async function run(command: string): Promise<void> {
  await promisify(execFile)("sh", ["-c", command]);
}

async function start(node: TestNode, command: string): Promise<void> {
  await run(command);
  await until(async () => (await node.admin.call("state.GetState")).state === "SERVER_ACTIVE");
  await until(async () => {
    const { channels } = await node.admin.call("lightning.ListChannels", { inactive_only: true });
    return channels.length === 0;
  });
  await enableChannels(node);
}

/** Peers that were away for a while are shown as disabled until they have been back for 19 minutes. */
async function enableChannels(node: TestNode): Promise<void> {
  const { channels } = await node.admin.call("lightning.ListChannels", { active_only: true });
  for (const { channel_point } of channels) {
    const [funding_txid_str, output_index] = channel_point.split(":");
    const chan_point = { funding_txid_str, output_index: Number(output_index) };
    await node.admin.call("router.UpdateChanStatus", { chan_point, action: "ENABLE" });
  }
}

function isEnabled({ node1_policy, node2_policy }: Answer): boolean {
  return node1_policy?.disabled === false && node2_policy?.disabled === false;
}

async function openChannel(
  from: TestNode,
  to: TestNode,
  capacitySat: number,
  blocks: (count: number) => Promise<void>,
): Promise<void> {
  const request = { node_pubkey: Buffer.from(to.key, "hex"), local_funding_amount: capacitySat, sat_per_vbyte: 5 };
  const point = await from.admin.call("lightning.OpenChannelSync", request);
  await blocks(BLOCKS_TO_CONFIRM);
  const txid = Buffer.from(point.funding_txid_bytes).reverse().toString("hex");
  await until(async () => {
    const { channels } = await from.admin.call("lightning.ListChannels", { active_only: true });
    return channels.some((channel: Answer) => channel.channel_point === `${txid}:${point.output_index}`);
  });
}

async function closeChannel(
  owner: TestNode,
  channelPoint: string,
  blocks: (count: number) => Promise<void>,
): Promise<void> {
  const [funding_txid_str, output_index] = channelPoint.split(":");
  const stream = owner.admin.open("lightning.CloseChannel", {
    channel_point: { funding_txid_str, output_index: Number(output_index) },
    sat_per_vbyte: 5,
  });
  stream.on("error", () => undefined);
  await new Promise((resolve) => stream.once("data", resolve));
  await blocks(1);
  stream.cancel();
}

/** Asks again until it is so. @throws after five minutes */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_500; i++) {
    if (await isSo().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("the node did not come to it within five minutes");
}
