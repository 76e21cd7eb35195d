/** Payments through hand-made networks, where every balance is known, and through a drawn one. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPathfinder, type RouteQuery } from "./find-route.ts";
import { emptyMemory, remember } from "./memory.ts";
import { buildNetwork, type ChannelDraft, type Network, type Policy } from "./network.ts";
import { placeNodes } from "./place-nodes.ts";
import type { Route } from "./route.ts";
import { drawSyntheticGraph } from "./synthetic-graph.ts";
import { lockLegs, settleLegs, walkRoute } from "./walk-route.ts";

const HEIGHT = 900_000;
const key = (name: string) => `02${name.charCodeAt(0).toString(16).padStart(64, "0")}`;
const policy: Policy = {
  feeBaseMsat: 1_000,
  feeRatePpm: 100,
  cltvDelta: 40,
  minHtlcMsat: 1_000,
  maxHtlcMsat: 990_000_000,
  disabled: false,
  lastUpdate: 1,
};

type Wish = { id: bigint; from: string; to: string; share?: number; policy?: Partial<Policy>; back?: Partial<Policy> };

/** `share` is what `from` holds; all nodes are ours, so nothing refuses by chance. */
function lay(channels: Wish[], offline: string[] = []): Network {
  const names = [...new Set(channels.flatMap(({ from, to }) => [from, to]))].sort();
  const draft = {
    nodes: names.map((name) => ({ key: key(name), alias: name, lastUpdate: 1, isOnline: !offline.includes(name) })),
    channels: channels.map(
      ({ id, from, to, share = 0.5, policy: changed, back }): ChannelDraft => ({
        channelId: id,
        channelPoint: "",
        capacitySat: 1_000_000,
        nodes: [key(from), key(to)],
        policies: [
          { ...policy, ...changed },
          { ...policy, ...back },
        ],
        share,
      }),
    ),
  };
  return buildNetwork(draft, 1, new Set(names.map(key)));
}

const line = (second: Omit<Wish, "id" | "from" | "to"> = {}, offline: string[] = []) =>
  lay(
    [
      { id: 1n, from: "A", to: "B" },
      { id: 2n, from: "B", to: "C", ...second },
    ],
    offline,
  );

const query = (network: Network, change: Partial<RouteQuery> = {}): RouteQuery => ({
  source: network.indexOfKey.get(key("A"))!,
  target: network.indexOfKey.get(key("C"))!,
  amountMsat: 100_000,
  feeLimitMsat: 1_000_000,
  height: HEIGHT,
  finalCltvDelta: 80,
  cltvLimit: 2_016,
  ownsSource: true,
  ...change,
});

const find = (network: Network, change: Partial<RouteQuery> = {}) => createPathfinder(network)(query(network, change));

describe("a route is found as LND finds it", () => {
  test("amounts and time locks grow towards the sender by what each hop announces", () => {
    const network = line();
    const { route } = find(network)!;
    expect(route).toEqual({
      hops: [
        { channelId: 1n, node: 1, forwardMsat: 100_000, feeMsat: 1_010, expiry: HEIGHT + 80 },
        { channelId: 2n, node: 2, forwardMsat: 100_000, feeMsat: 0, expiry: HEIGHT + 80 },
      ],
      totalMsat: 101_010,
      totalFeesMsat: 1_010,
      totalTimeLock: HEIGHT + 120,
    });
    expect(walkRoute(network, 0, route, HEIGHT).arrived).toBe(true);
  });

  test.each([
    { name: "the fee limit", change: { feeLimitMsat: 1_009 } },
    { name: "the time-lock limit", change: { cltvLimit: 119 } },
    { name: "less than a hop forwards", change: { amountMsat: 999 } },
    { name: "more than a hop forwards", change: { amountMsat: 990_000_001 } },
    { name: "more than the sender holds", change: { amountMsat: 495_000_001 } },
    { name: "a node to be avoided", change: { ignoredNodes: new Set([1]) } },
    { name: "another first channel", change: { outgoingChannels: new Set([9n]) } },
    { name: "another last hop", change: { lastHop: 0 } },
    { name: "a payee nobody knows", change: { target: -1 } },
  ])("no route: $name", ({ change }) => {
    expect(find(line(), change)).toBeUndefined();
  });

  test("of two ways the one that is cheaper, fees and likely failure together", () => {
    const ways = (dear: Partial<Policy>) =>
      lay([
        { id: 1n, from: "A", to: "B" },
        { id: 2n, from: "B", to: "C", policy: dear },
        { id: 3n, from: "A", to: "D" },
        { id: 4n, from: "D", to: "C" },
      ]);
    expect(find(ways({ feeBaseMsat: 900 }))!.route.hops[0]!.channelId).toBe(1n);
    expect(find(ways({ feeBaseMsat: 1_100 }))!.route.hops[0]!.channelId).toBe(3n);
  });

  test("what failed is not tried again, and what passed is trusted", () => {
    const network = line();
    const memory = emptyMemory();
    const { route, probability } = find(network, { memory })!;
    expect(probability).toBeCloseTo(0.95 * 0.6, 6);
    remember(memory, 0, route, { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 1 });
    expect(find(network, { memory })).toBeUndefined();
    expect(find(network, { memory, amountMsat: 99_999 })).toBeDefined();
    remember(memory, 0, route, { code: "UNKNOWN_NEXT_PEER", sourceIndex: 1 });
    expect(find(network, { memory, amountMsat: 99_999 })).toBeUndefined();
  });
});

/** The route A → B → C for 100,000 msat, changed. */
function sent(network: Network, change: (route: Route) => void = () => undefined) {
  const { route } = find(line())!;
  change(route);
  return walkRoute(network, 0, route, HEIGHT);
}

describe("a payment fails where and how LND's would", () => {
  test.each([
    { name: "a forwarding node is drained", network: line({ share: 0 }), code: "TEMPORARY_CHANNEL_FAILURE", at: 1 },
    { name: "the payee is offline", network: line({}, ["C"]), code: "UNKNOWN_NEXT_PEER", at: 1 },
    { name: "the first peer is offline", network: line({}, ["B"]), code: "UNKNOWN_NEXT_PEER", at: 0 },
    { name: "a channel is disabled", network: line({ policy: { disabled: true } }), code: "UNKNOWN_NEXT_PEER", at: 1 },
    { name: "the fee has risen", network: line({ policy: { feeBaseMsat: 2_000 } }), code: "FEE_INSUFFICIENT", at: 1 },
    { name: "the delay has risen", network: line({ policy: { cltvDelta: 41 } }), code: "INCORRECT_CLTV_EXPIRY", at: 1 },
    {
      name: "the minimum has risen",
      network: line({ policy: { minHtlcMsat: 100_001 } }),
      code: "AMOUNT_BELOW_MINIMUM",
      at: 1,
    },
    {
      name: "the maximum has fallen",
      network: line({ policy: { maxHtlcMsat: 1 } }),
      code: "TEMPORARY_CHANNEL_FAILURE",
      at: 1,
    },
  ])("$name: $code from $at", ({ network, code, at }) => {
    expect(sent(network)).toMatchObject({ arrived: false, failure: { code, sourceIndex: at } });
  });

  test.each([
    {
      name: "a channel nobody has",
      change: (r: Route) => (r.hops[1]!.channelId = 9n),
      code: "UNKNOWN_NEXT_PEER",
      at: 1,
    },
    { name: "a hop to somewhere else", change: (r: Route) => (r.hops[1]!.node = 0), code: "UNKNOWN_NEXT_PEER", at: 1 },
    {
      name: "a lock that has run out",
      change: (r: Route) => (r.totalTimeLock = HEIGHT),
      code: "EXPIRY_TOO_SOON",
      at: 0,
    },
    {
      name: "a lock of a year",
      change: (r: Route) => (r.totalTimeLock = HEIGHT + 50_000),
      code: "EXPIRY_TOO_FAR",
      at: 0,
    },
    {
      name: "a last hop told to expect more",
      change: (r: Route) => (r.hops[1]!.forwardMsat = 100_001),
      code: "FINAL_INCORRECT_HTLC_AMOUNT",
      at: 2,
    },
    {
      name: "a last hop told another lock",
      change: (r: Route) => (r.hops[1]!.expiry += 1),
      code: "FINAL_INCORRECT_CLTV_EXPIRY",
      at: 2,
    },
  ])("$name: $code from $at", ({ change, code, at }) => {
    const walk = sent(line(), (route) => void change(route));
    expect(walk).toMatchObject({ arrived: false, failure: { code, sourceIndex: at } });
  });

  test("a node uses another channel with the same peer when the named one is drained", () => {
    const parallel = (spare: Partial<Wish>) =>
      lay([
        { id: 1n, from: "A", to: "B" },
        { id: 2n, from: "B", to: "C", share: 0 },
        { id: 3n, from: "B", to: "C", share: 1, ...spare },
      ]);
    const used = sent(parallel({}));
    expect(used.arrived && used.legs[1]).toEqual({ arc: 4, amountMsat: 100_000 });
    expect(sent(parallel({ share: 0 }))).toMatchObject({ failure: { code: "TEMPORARY_CHANNEL_FAILURE" } });
    expect(sent(parallel({ policy: { feeBaseMsat: 5_000 } })).arrived).toBe(false);
  });

  test("a route that goes back over the channel it came from: TEMPORARY_CHANNEL_FAILURE", () => {
    const walk = sent(line(), (route) => Object.assign(route.hops[1]!, { channelId: 1n, node: 0 }));
    expect(walk).toMatchObject({ failure: { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 1 } });
  });

  test("a route that comes back to a channel cannot spend its balance twice", () => {
    const free = { feeBaseMsat: 0, feeRatePpm: 0, cltvDelta: 0 };
    const circle = (amountMsat: number) => {
      const network = lay([
        { id: 1n, from: "A", to: "B", share: 0.6, policy: free, back: free },
        { id: 2n, from: "A", to: "B", share: 0, policy: free, back: free },
      ]);
      const hops = [1, 0, 1].map((node) => ({
        channelId: node === 1 ? 1n : 2n,
        node,
        forwardMsat: amountMsat,
        feeMsat: 0,
        expiry: HEIGHT + 80,
      }));
      const route = { hops, totalMsat: amountMsat, totalFeesMsat: 0, totalTimeLock: HEIGHT + 80 };
      return walkRoute(network, 0, route, HEIGHT);
    };
    expect(circle(297_000_000).arrived).toBe(true);
    expect(circle(297_000_001)).toMatchObject({ failure: { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 2 } });
  });
});

describe("money is neither made nor lost", () => {
  const ours = [
    { key: `02${"1".repeat(64)}`, alias: "oracle", ownShare: 0.5 },
    { key: `02${"2".repeat(64)}`, alias: "payer", ownShare: 0.9 },
  ] as const;
  const drawn = (seed: number) =>
    buildNetwork(
      placeNodes(drawSyntheticGraph(seed, 1), ours[0], ours[1], 1),
      seed,
      new Set(ours.map((node) => node.key)),
    );

  test("by any sequence of payments: channels keep their sum, nodes gain just what they were told to keep", () => {
    const payment = fc.record({
      from: fc.nat(41),
      to: fc.nat(41),
      exponent: fc.double({ min: 3, max: 10, noNaN: true }),
    });
    let settled = 0;
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(payment, { minLength: 20, maxLength: 60 }), (seed, payments) => {
        const network = drawn(seed);
        const findRoute = createPathfinder(network);
        const sums = channelSums(network);
        for (const { from, to, exponent } of payments) {
          if (from === to) continue;
          const amountMsat = Math.floor(10 ** exponent);
          const found = findRoute(query(network, { source: from, target: to, amountMsat, feeLimitMsat: amountMsat }));
          if (!found) continue;
          const before = nodeSums(network);
          const walk = walkRoute(network, from, found.route, HEIGHT);
          if (walk.arrived) {
            lockLegs(network, walk.legs);
            settleLegs(network, walk.legs);
          }
          settled += walk.arrived ? 1 : 0;
          const kept = new Map(found.route.hops.map((hop) => [hop.node, hop.feeMsat]));
          nodeSums(network).forEach((sum, node) => {
            const gain = node === from ? -found.route.totalMsat : node === to ? amountMsat : (kept.get(node) ?? 0);
            expect(sum - before[node]!).toBe(walk.arrived ? gain : 0);
          });
        }
        expect(channelSums(network)).toEqual(sums);
        expect(network.balanceMsat.every((balance) => Number.isInteger(balance) && balance >= 0)).toBe(true);
      }),
      { numRuns: 25 },
    );
    expect(settled).toBeGreaterThan(100);
  });

  test("the same seed draws the same world, another seed another one", () => {
    expect(drawn(3)).toEqual(drawn(3));
    expect(drawn(3).balanceMsat).not.toEqual(drawn(4).balanceMsat);
  });

  test("another channel in the draft redraws no other", () => {
    const draft = drawSyntheticGraph(3, 1);
    const extra = { ...draft.channels[0]!, channelId: 1n };
    const one = buildNetwork(draft, 3, new Set());
    const two = buildNetwork({ ...draft, channels: [...draft.channels, extra] }, 3, new Set());
    expect([...two.balanceMsat.subarray(0, one.balanceMsat.length)]).toEqual([...one.balanceMsat]);
  });

  test("a silent node has no way in, a sleeper is offline, everybody else is there", () => {
    const network = drawn(3);
    network.aliases.forEach((alias, node) => {
      const waysIn = network.inStart[node + 1]! - network.inStart[node]!;
      if (alias.startsWith("demo-silent")) expect(waysIn).toBe(0);
      else expect(waysIn).toBeGreaterThan(0);
      expect(network.online[node]).toBe(alias.startsWith("demo-sleeper") ? 0 : 1);
    });
  });
});

function channelSums(network: Network): number[] {
  return Array.from(
    { length: network.channelCount },
    (_, c) => network.balanceMsat[2 * c]! + network.balanceMsat[2 * c + 1]!,
  );
}

function nodeSums(network: Network): number[] {
  const sums = new Array<number>(network.nodeCount).fill(0);
  network.balanceMsat.forEach((balance, arc) => {
    sums[network.ends[arc]!]! += balance;
  });
  return sums;
}
