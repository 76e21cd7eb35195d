/** The suite's three nodes in a simulated network. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChannelDraft } from "../../apps/demo/lnd/network/network.ts";
import { startSimulatedNodes } from "../../apps/demo/lnd/start-nodes.ts";
import { type Nodes, openNode, type TestNode } from "./nodes.ts";

const names = ["payer", "hub", "payee", "locked"] as const;
const MPP_TIMEOUT_MS = 6_000;

export async function openSimulatedNodes(): Promise<Nodes> {
  const dataDir = await mkdtemp(join(tmpdir(), "conformance-"));
  const now = () => Date.now() / 1000;
  const { nodes, network, stop } = await startSimulatedNodes({
    dataDir,
    names,
    now,
    mppTimeoutMs: MPP_TIMEOUT_MS,
    draw: ({ payer, hub, payee, locked }) => ({
      nodes: [payer, hub, payee, locked].map((key, i) => ({ key, alias: names[i]!, lastUpdate: Math.floor(now()) })),
      channels: [
        draftChannel(1, [payer, hub], 5_000_000, 0.6),
        draftChannel(2, [hub, payee], 5_000_000, 0.6),
        draftChannel(3, [hub, payee], 1_500_000, 0.66),
      ],
    }),
  });
  const open = async (name: (typeof names)[number]) => {
    const { host, tlsCertPath, macaroonPaths } = nodes[name];
    const macaroon = (await readFile(macaroonPaths.admin)).toString("hex");
    return openNode(name, { host, cert: await readFile(tlsCertPath), macaroon });
  };
  const [payer, hub, payee, locked] = await Promise.all(names.map(open));
  nodes.locked.control.setWalletState("LOCKED");
  let opened = 3;
  const controlOf = (node: TestNode) => nodes[node.name as (typeof names)[number]].control;
  return {
    name: "simulated 0.20.3-beta",
    payer: payer!,
    hub: hub!,
    payee: payee!,
    mppTimeoutMs: MPP_TIMEOUT_MS,
    async openChannel(from, to, capacitySat) {
      network.openChannel(draftChannel(++opened, [from.key, to.key], capacitySat, 0.99));
    },
    async closeChannel(owner, channelPoint) {
      const { channel_id } = await owner.admin.call("lightning.GetChanInfo", { chan_point: channelPoint });
      network.closeChannel(BigInt(channel_id));
    },
    async stop(node, how) {
      if (how === "kill") controlOf(node).kill();
      else await controlOf(node).stop();
    },
    start: (node) => controlOf(node).restart(),
    locked: locked!.access,
    async close() {
      for (const node of [payer, hub, payee, locked]) node!.admin.close();
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** With what LND announces when nobody chooses. `share` is what the first node holds. */
function draftChannel(number: number, nodes: [string, string], capacitySat: number, share: number): ChannelDraft {
  const channelId = (BigInt(400 + number) << 40n) | (1n << 16n);
  const policy = {
    feeBaseMsat: 1_000,
    feeRatePpm: 1,
    cltvDelta: 80,
    minHtlcMsat: 1_000,
    maxHtlcMsat: capacitySat * 990,
    disabled: false,
    lastUpdate: Math.floor(Date.now() / 1000) - 60,
  };
  const channelPoint = `${number.toString(16).padStart(64, "c")}:0`;
  return { channelId, channelPoint, capacitySat, nodes, policies: [policy, policy], share };
}
