/** The table of docs/probing.md, code by code, and that nothing concluded is false where blame is honest. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hideNetwork, sendHtlc } from "../../testing/hidden-network.ts";
import { seededRandom, syntheticGraph } from "../../testing/synthetic-graph.ts";
import type { Observation } from "../evidence/observation.ts";
import { arcTail, type ChannelGraph, findNodeHex } from "../graph/channel-graph.ts";
import { graphFromRecords } from "../graph/records.ts";
import { drawMasks, sampleWorlds } from "../graph/worlds.ts";
import { msat, unixSeconds } from "../units.ts";
import { findArc } from "./believe.ts";
import { likeliestPaths } from "./likeliest-paths.ts";
import { readOutcome } from "./read-outcome.ts";
import { layRoute, type ProbeHop } from "./route.ts";

const [A, B, C, D] = ["a", "b", "c", "d"].map((digit) => `02${digit.repeat(64)}`) as [string, string, string, string];
const hop = (channelId: bigint, from: string, to: string, amount: bigint, others: bigint[] = []): ProbeHop => ({
  channelId,
  from,
  to,
  capacitySat: 100,
  amount: msat(amount),
  expiryHeight: 1_000,
  parallel: others,
  willing: others.slice(0, 1),
});
/** A, our node, to D. Between B and C lie two more channels, one of which takes what is offered. */
const hops = [hop(1n, A, B, 1_020n), hop(2n, B, C, 1_010n, [20n, 21n]), hop(3n, C, D, 1_000n)];
const policy = {
  feeBaseMsat: 1,
  feePpm: 2,
  cltvDelta: 40,
  minHtlc: msat(1n),
  maxHtlc: msat(999_999n),
  disabled: false,
  updatedAt: unixSeconds(1_700_000_000),
};

/** What the first `count` hops are credited with, in short. */
const CREDITS = [`${short(B)} online`, `${short(C)} online`, "b→c some ≥ 1010", `${short(D)} online`, "3 c→d ≥ 1000"];
const credit = (count: number) => CREDITS.slice(0, [0, 1, 3, 5][count]!);

function short(key: string): string {
  return key[2]!;
}

function say(seen: Observation): string {
  const way = "from" in seen ? `${short(seen.from)}→${short(seen.to)}` : "";
  switch (seen.kind) {
    case "holds-at-least":
      return `${seen.channelId} ${way} ≥ ${seen.amount}`;
    case "holds-below":
      return `${seen.channelId} ${way} < ${seen.amount}`;
    case "pair-holds-at-least":
      return `${way} some ≥ ${seen.amount}`;
    case "offline":
      return `${short(seen.node)} offline to ${short(seen.seenBy)}`;
    case "policy-stale":
      return `${seen.channelId} ${way} stale ${seen.fault}${seen.policy ? " with its policy" : ""}`;
    case "channel-gone":
      return `${seen.channelId} ${way} gone`;
    case "online":
      return `${short(seen.node)} online`;
    case "reached":
      return `${short(seen.node)} reached with ${seen.amount}`;
    case "node-fault":
      return `${short(seen.node)} cannot`;
    case "unattributed":
      return `counted${seen.node ? ` at ${short(seen.node)}` : ""}`;
    case "own-failure":
      return "ours";
  }
}

const CODES = {
  RESERVED: { hop: ["counted at c"], target: ["counted at d"] },
  INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  INCORRECT_PAYMENT_AMOUNT: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  FINAL_INCORRECT_CLTV_EXPIRY: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  FINAL_INCORRECT_HTLC_AMOUNT: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  FINAL_EXPIRY_TOO_SOON: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  INVALID_REALM: { hop: [...credit(2), "counted at c"], target: [...credit(3), "counted at d"] },
  EXPIRY_TOO_SOON: { hop: ["counted at c"], target: ["counted at d"] },
  INVALID_ONION_VERSION: { hop: ["counted at c"], target: ["counted at d"] },
  INVALID_ONION_HMAC: { hop: ["counted at c"], target: ["counted at d"] },
  INVALID_ONION_KEY: { hop: ["counted at c"], target: ["counted at d"] },
  AMOUNT_BELOW_MINIMUM: { hop: [...credit(2), "3 c→d stale minimum"], target: ["counted at d"] },
  FEE_INSUFFICIENT: { hop: [...credit(2), "3 c→d stale fee"], target: ["counted at d"] },
  INCORRECT_CLTV_EXPIRY: { hop: [...credit(2), "3 c→d stale time-lock"], target: ["counted at d"] },
  CHANNEL_DISABLED: { hop: [...credit(2), "3 c→d stale disabled"], target: ["counted at d"] },
  TEMPORARY_CHANNEL_FAILURE: { hop: [...credit(2), "3 c→d < 1000"], target: ["counted at d"] },
  REQUIRED_NODE_FEATURE_MISSING: { hop: [...credit(2), "c cannot"], target: [...credit(3), "d cannot"] },
  REQUIRED_CHANNEL_FEATURE_MISSING: { hop: [...credit(2), "c cannot"], target: [...credit(3), "d cannot"] },
  UNKNOWN_NEXT_PEER: { hop: [...credit(2), "d offline to c"], target: ["counted at d"] },
  TEMPORARY_NODE_FAILURE: { hop: [...credit(2), "c cannot"], target: [...credit(3), "d cannot"] },
  PERMANENT_NODE_FAILURE: { hop: [...credit(2), "c cannot"], target: [...credit(3), "d cannot"] },
  PERMANENT_CHANNEL_FAILURE: { hop: [...credit(2), "3 c→d gone"], target: ["counted at d"] },
  EXPIRY_TOO_FAR: { hop: [...credit(2), "c cannot"], target: [...credit(3), "d cannot"] },
  MPP_TIMEOUT: { hop: ["counted at c"], target: [...credit(3), "d reached with 1000"] },
  INVALID_ONION_PAYLOAD: { hop: [...credit(2), "counted at c"], target: [...credit(3), "counted at d"] },
  INVALID_ONION_BLINDING: { hop: ["counted at c"], target: ["counted at d"] },
  INTERNAL_FAILURE: { hop: ["counted at c"], target: ["counted at d"] },
  UNKNOWN_FAILURE: { hop: ["counted at c"], target: ["counted at d"] },
  UNREADABLE_FAILURE: { hop: ["counted at c"], target: ["counted at d"] },
  CODE_77: { hop: ["counted at c"], target: ["counted at d"] },
} satisfies Record<string, { hop: string[]; target: string[] }>;

describe.each(Object.entries(CODES))("%s", (code, want) => {
  test("from a node on the way", () => {
    expect(readOutcome(hops, { code, sourceIndex: 2 }).map(say)).toEqual(want.hop);
  });
  test("from the target", () => {
    expect(readOutcome(hops, { code, sourceIndex: 3 }).map(say)).toEqual(want.target);
  });
  test("from ourselves says nothing about anybody else", () => {
    expect(readOutcome(hops, { code, sourceIndex: 0 })).toEqual([{ kind: "own-failure", code }]);
  });
});

test.each([
  {
    name: "too little over a pair is too little over each of its channels that would have taken it",
    failure: { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 1 },
    want: [...credit(1), "2 b→c < 1010", "20 b→c < 1010"],
  },
  {
    name: "a maximum below the amount is no want of liquidity",
    failure: {
      code: "TEMPORARY_CHANNEL_FAILURE",
      sourceIndex: 2,
      update: { channelId: 3n, policy: { ...policy, maxHtlc: msat(999n) } },
    },
    want: [...credit(2), "3 c→d stale maximum with its policy"],
  },
  {
    name: "nor is a direction that has been disabled",
    failure: {
      code: "TEMPORARY_CHANNEL_FAILURE",
      sourceIndex: 2,
      update: { channelId: 3n, policy: { ...policy, disabled: true } },
    },
    want: [...credit(2), "3 c→d stale disabled with its policy"],
  },
  {
    name: "a policy that admits the amount leaves the want of liquidity",
    failure: { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 2, update: { channelId: 3n, policy } },
    want: [...credit(2), "3 c→d < 1000"],
  },
  {
    name: "a new fee comes along",
    failure: { code: "FEE_INSUFFICIENT", sourceIndex: 2, update: { channelId: 3n, policy } },
    want: [...credit(2), "3 c→d stale fee with its policy"],
  },
  {
    name: "an update of another channel is not believed",
    failure: { code: "FEE_INSUFFICIENT", sourceIndex: 2, update: { channelId: 99n, policy } },
    want: [...credit(2), "3 c→d stale fee"],
  },
])("$name", ({ failure, want }) => {
  expect(readOutcome(hops, failure).map(say)).toEqual(want);
});

describe("on random networks with honest blame", () => {
  const seeds = fc.integer({ min: 1, max: 1_000_000 });

  test("no observation contradicts the truth", () => {
    let bounds = 0;
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = seededRandom(seed);
        const records = syntheticGraph({ nodes: 40, channels: 110, seed });
        const { graph } = graphFromRecords(records.nodes, records.channels);
        const network = hideNetwork(graph, { seed, offlineRatio: 0.1, changedRatio: 0.08 });
        for (const sent of routes(graph, random, 12)) {
          const outcome = sendHtlc(network, sent);
          for (const seen of readOutcome(sent, outcome)) {
            expect(contradiction(network, seen)).toBeUndefined();
            if (seen.kind.startsWith("holds") || seen.kind.startsWith("pair")) bounds++;
          }
          if (outcome.sourceIndex === 0) {
            expect(readOutcome(sent, outcome).every(({ kind }) => kind === "own-failure")).toBe(true);
          }
        }
      }),
      { numRuns: 60, seed: 7 },
    );
    expect(bounds).toBeGreaterThan(300);
  });
});

/** Routes from random sources to random targets, of random amounts. */
function* routes(graph: ChannelGraph, random: () => number, count: number): Generator<ProbeHop[]> {
  const worlds = sampleWorlds(graph, 1);
  for (let i = 0; i < count; i++) {
    const amount = [1e6, 1e7, 1e8][i % 3]!;
    const masks = drawMasks(worlds, amount);
    const source = arcTail(graph, graph.rows.inArc[Math.floor(random() * graph.rows.inArc.length)]!);
    const ownArcs = [...graph.rows.outArc.subarray(graph.rows.outStart[source]!, graph.rows.outStart[source + 1]!)];
    const paths = likeliestPaths(graph, masks, { source, ownArcs }, { maxHops: 8, maxCltvBlocks: 2_000 });
    const arcs = paths.to(Math.floor(random() * graph.nodeCount));
    const sent = arcs && layRoute(graph, arcs, { amount: msat(BigInt(amount)), expiryHeight: 800_080 });
    if (sent && sent.length > 0) yield sent;
  }
}

type Network = ReturnType<typeof hideNetwork>;

/** What is wrong with an observation, in the light of the truth. */
function contradiction({ graph, balanceMsat, online, changed }: Network, seen: Observation): string | undefined {
  switch (seen.kind) {
    case "holds-at-least":
      return balanceMsat[findArc(graph, seen)]! >= Number(seen.amount) ? undefined : say(seen);
    case "holds-below":
      return balanceMsat[findArc(graph, seen)]! < Number(seen.amount) || changed.has(findArc(graph, seen))
        ? undefined
        : say(seen);
    case "pair-holds-at-least": {
      const arcs = [...graph.rows.inArc].filter(
        (arc) =>
          arcTail(graph, arc) === findNodeHex(graph, seen.from) &&
          arcTail(graph, arc ^ 1) === findNodeHex(graph, seen.to),
      );
      return arcs.some((arc) => balanceMsat[arc]! >= Number(seen.amount)) ? undefined : say(seen);
    }
    case "online":
      return online[findNodeHex(graph, seen.node)] === 1 ? undefined : say(seen);
    case "reached":
      return online[findNodeHex(graph, seen.node)] === 1 ? undefined : say(seen);
    case "offline":
      return online[findNodeHex(graph, seen.node)] === 0 ? undefined : say(seen);
    case "policy-stale":
      return changed.has(findArc(graph, seen)) && seen.policy ? undefined : say(seen);
    default:
      return seen.kind === "own-failure" ? undefined : say(seen);
  }
}
