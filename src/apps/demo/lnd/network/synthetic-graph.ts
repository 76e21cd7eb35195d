/**
 * The small network of a demo without a snapshot: about forty nodes drawn from the seed, in the roles a real
 * graph has (hubs, routers, shops, wallets), with some that nobody can reach, so that verdicts differ.
 */
import { createECDH, createHash } from "node:crypto";
import { uniform } from "./chance.ts";
import type { ChannelDraft, NetworkDraft, NodeDraft, Policy } from "./network.ts";

/** Role, how many, how many channels each opens and towards whom, and the capacities it chooses from. */
const ROLES = [
  { role: "hub", count: 5, peers: ["hub"], channels: 4, capacitiesSat: [20_000_000, 50_000_000, 100_000_000] },
  { role: "router", count: 10, peers: ["hub", "router"], channels: 4, capacitiesSat: [5_000_000, 10_000_000] },
  { role: "shop", count: 10, peers: ["hub", "router"], channels: 2, capacitiesSat: [1_000_000, 3_000_000, 5_000_000] },
  { role: "wallet", count: 10, peers: ["router"], channels: 1, capacitiesSat: [200_000, 500_000, 1_000_000] },
  { role: "silent", count: 3, peers: ["hub", "router"], channels: 1, capacitiesSat: [500_000, 2_000_000] },
  { role: "sleeper", count: 2, peers: ["router"], channels: 2, capacitiesSat: [1_000_000, 2_000_000] },
] as const;

/** Fees as a real graph spreads them: most forward for little, some ask for more. */
const FEES = [
  { feeBaseMsat: 0, feeRatePpm: 1 },
  { feeBaseMsat: 0, feeRatePpm: 100 },
  { feeBaseMsat: 1_000, feeRatePpm: 1 },
  { feeBaseMsat: 1_000, feeRatePpm: 569 },
  { feeBaseMsat: 33, feeRatePpm: 2_000 },
] as const;
const CLTV_DELTAS = [40, 40, 80, 80, 144] as const;
const SOME_BLOCK = 800_000n;

/**
 * Nobody can pay a `silent` node (its peers announce no way in), and a `sleeper` announces itself but is offline.
 * `updatedAt` is stamped on every announcement, in unix seconds.
 */
export function drawSyntheticGraph(seed: number, updatedAt: number): NetworkDraft {
  const nodes: NodeDraft[] = [];
  const members = new Map<string, string[]>();
  const channels: ChannelDraft[] = [];
  for (const { role, count, peers, channels: opened, capacitiesSat } of ROLES) {
    const keys: string[] = [];
    for (let i = 1; i <= count; i++) {
      const alias = `demo-${role}-${i}`;
      const key = keyOf(seed, alias);
      nodes.push({ key, alias, lastUpdate: updatedAt, isOnline: role !== "sleeper" });
      const candidates = [...peers.flatMap((peer) => members.get(peer) ?? []), ...(role === "hub" ? keys : [])];
      for (const peer of drawSome(seed, alias, candidates, opened)) {
        const label = `${alias} ${peer}`;
        channels.push({
          channelId: ((SOME_BLOCK + BigInt(channels.length)) << 40n) | (1n << 16n),
          channelPoint: `${createHash("sha256").update(`${seed} ${label}`).digest("hex")}:0`,
          capacitySat: pick(seed, `capacity ${label}`, capacitiesSat),
          nodes: [key, peer],
          policies: [
            drawPolicy(seed, `out ${label}`, updatedAt, false),
            drawPolicy(seed, `in ${label}`, updatedAt, role === "silent"),
          ],
        });
      }
      keys.push(key);
    }
    members.set(role, keys);
  }
  for (const channel of channels) limitPolicies(channel);
  return { nodes, channels };
}

function drawPolicy(seed: number, label: string, lastUpdate: number, disabled: boolean): Policy {
  const fee = pick(seed, `fee ${label}`, FEES);
  const cltvDelta = pick(seed, `cltv ${label}`, CLTV_DELTAS);
  return { ...fee, cltvDelta, minHtlcMsat: 1_000, maxHtlcMsat: 0, disabled, lastUpdate };
}

/** As LND announces by default: everything but the reserve. */
function limitPolicies(channel: ChannelDraft): void {
  for (const policy of channel.policies) if (policy) policy.maxHtlcMsat = channel.capacitySat * 990;
}

function drawSome(seed: number, label: string, from: string[], count: number): string[] {
  const ranked = from.map((key) => ({ key, rank: uniform(seed, `peer ${label} ${key}`) }));
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ key }) => key);
}

function pick<Item>(seed: number, label: string, items: readonly Item[]): Item {
  return items[Math.floor(uniform(seed, label) * items.length)]!;
}

/** A real secp256k1 key, so that whatever checks keys finds them on the curve. */
function keyOf(seed: number, alias: string): string {
  const curve = createECDH("secp256k1");
  curve.setPrivateKey(createHash("sha256").update(`${seed} ${alias}`).digest());
  return curve.getPublicKey("hex", "compressed");
}
