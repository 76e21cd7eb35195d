/** Probes on ports in memory: limits before hashes, rows before HTLCs, an honest end for each, and errands that stop. */
import { describe, expect, test } from "vitest";
import type { AnnouncedPolicy, Evidence } from "../../core/evidence/observation.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import type { Override, ProbeHop } from "../../core/probe/route.ts";
import { SIMULATED_POLICY } from "../../core/spend/policy.ts";
import { msat, type UnixSeconds, unixSeconds } from "../../core/units.ts";
import { forgetProbes } from "./forget-probes.ts";
import { type OpenProbe, resolveProbes } from "./resolve-probes.ts";
import { type ErrandPorts, runErrand } from "./run-errand.ts";
import type { Forecast, ProbeAnswer, ProbeLimit, ProbeResult, ProbeWish } from "./send-probe.ts";

const [A, B, C] = ["a", "b", "c"].map((digit) => `02${digit.repeat(64)}`) as [string, string, string];
const NOW = unixSeconds(1_790_000_000);
const NODE = { nodePubkey: A, blockHeight: 900_000 };
const LIMITS = SIMULATED_POLICY.probes;
const WISH: ProbeWish = { purpose: "asked", arcs: [0, 2], amount: msat(100_000_000n) };
const REACHED = { status: "failed", code: "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS", sourceIndex: 2 } as const;
const SHORT = { status: "failed", code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex: 1 } as const;
const POLICY: AnnouncedPolicy = {
  feeBaseMsat: 9,
  feePpm: 9,
  cltvDelta: 40,
  minHtlc: msat(1n),
  maxHtlc: msat(0n),
  disabled: false,
  updatedAt: NOW,
};

type Row = {
  hops: readonly ProbeHop[];
  follows?: string;
  prediction?: Prediction;
  state: string;
  code?: string;
  evidence: readonly Evidence[];
};

/** A world with one route A–B–C. `answers` are what LND says, one after the other; `balance` is what B holds towards C. */
function world(
  options: { answers?: (ProbeAnswer | Error)[]; balance?: bigint; refusal?: ProbeLimit; cltv?: number } = {},
) {
  const rows = new Map<string, Row>();
  const log: string[] = [];
  const overrides: (Override | undefined)[] = [];
  const results: ProbeResult[] = [];
  const answers = [...(options.answers ?? [])];
  const ports: ErrandPorts = {
    async lay(_arcs, { amount, expiryHeight }, override) {
      overrides.push(override);
      const hop = { capacitySat: 1_000_000, amount, parallel: [], willing: [] };
      return [
        { channelId: 1n, from: A, to: B, ...hop, expiryHeight: expiryHeight + (options.cltv ?? 40) },
        { channelId: 2n, from: B, to: C, ...hop, expiryHeight },
      ];
    },
    async claim({ paymentHash, hops, follows, prediction }) {
      if (options.refusal) return options.refusal;
      log.push(`row ${paymentHash.slice(-1)}`);
      const said = { ...(follows !== undefined && { follows }), ...(prediction && { prediction }) };
      rows.set(paymentHash, { hops, ...said, state: "sent", evidence: [] });
      return undefined;
    },
    async send(paymentHash, hops) {
      log.push(`send ${paymentHash.slice(-1)}`);
      if (options.balance !== undefined) return hops[1]!.amount <= options.balance ? REACHED : SHORT;
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async answer(paymentHash, { code }, evidence) {
      Object.assign(rows.get(paymentHash) ?? {}, { state: "answered", code, evidence });
      return true;
    },
    async markUnknown(paymentHash) {
      rows.get(paymentHash)!.state = "unknown";
    },
    async markUnsent(paymentHash) {
      rows.get(paymentHash)!.state = "unsent";
    },
    randomHash: () => String(rows.size).padStart(64, "0"),
    random: () => 0.5,
    now: () => NOW,
    onResult: (result) => results.push(result),
    pause: async () => void log.push("pause"),
  };
  const run = (wish = WISH, limits = LIMITS, signal = new AbortController().signal) =>
    runErrand(ports, NODE, wish, limits, signal);
  return { rows: () => [...rows.values()], log, overrides, results, ports, run };
}

describe("a probe", () => {
  test("is written down before it is sent, and its answer proves what it proves", async () => {
    const { rows, log, run } = world({ answers: [{ ...SHORT, resolvedAt: unixSeconds(NOW - 3) }] });
    await run({ ...WISH, purpose: "explore" });
    expect(log).toEqual(["row 0", "send 0"]);
    expect(rows()).toMatchObject([{ state: "answered", code: "TEMPORARY_CHANNEL_FAILURE" }]);
    const origin = { observedAt: NOW - 3, source: "probe", attempt: "0".repeat(64), vantage: A };
    const { evidence } = rows()[0]!;
    expect(evidence).toEqual([
      { ...origin, observation: { kind: "online", node: B } },
      { ...origin, observation: { kind: "holds-below", channelId: 2n, from: B, to: C, amount: 100_000_000n } },
    ]);
  });

  test("has its forecast written down with it; what follows it has none", async () => {
    const { rows, run } = world({ balance: 50_000_000n });
    const forecast: Forecast = {
      probability: 0.7,
      interval: { low: 0.5, high: 0.8 },
      lndApriori: 0.6,
      model: "m",
      graphDigest: "aa",
      evidence: { position: 1n, head: "bb", at: NOW },
      seed: 1,
    };
    await run({ ...WISH, forecast });
    const about = { predictionId: "0".repeat(64), kind: "probe-asked", at: NOW, target: C, amount: WISH.amount };
    expect(rows()[0]!.prediction).toEqual({ ...forecast, ...about });
    expect(rows().length).toBeGreaterThan(1);
    for (const row of rows().slice(1)) expect(row.prediction).toBeUndefined();
  });

  test("is never seen in the future", async () => {
    const { rows, run } = world({ answers: [{ ...SHORT, resolvedAt: unixSeconds(NOW + 60) }] });
    await run({ ...WISH, purpose: "explore" });
    expect(rows()[0]!.evidence.map(({ observedAt }) => observedAt)).toEqual([NOW, NOW]);
  });

  test.each([
    { name: "the amount is above the limit", more: { maxAmountMsat: msat(99_999_999n) }, limit: "amount" },
    { name: "the route locks our money for too long", more: { maxCltvBlocks: 134 }, limit: "route" },
    { name: "the route has too many hops", more: { maxHops: 1 }, limit: "route" },
  ])("takes no hash when $name", async ({ more, limit }) => {
    const { log, run } = world();
    expect(await run(WISH, { ...LIMITS, ...more })).toEqual([{ status: "refused", limit }]);
    expect(log).toEqual([]);
  });

  test("the longest lock that is allowed is taken", async () => {
    const { log, run } = world({ answers: [SHORT] });
    await run({ ...WISH, purpose: "explore" }, { ...LIMITS, maxCltvBlocks: 135 });
    expect(log).toEqual(["row 0", "send 0"]);
  });

  test("is not sent when a limit of others is in the way", async () => {
    const { log, run } = world({ refusal: "in-flight" });
    expect(await run()).toEqual([{ status: "refused", limit: "in-flight" }]);
    expect(log).toEqual([]);
  });

  test.each([
    { name: "that LND refused never left", answers: [new Error("no")], state: "unsent", status: "unsent" },
    {
      name: "without an answer stays open",
      answers: [{ status: "unknown", cause: new Error("late") } as const],
      state: "unknown",
      status: "unknown",
    },
    {
      name: "that was settled is told",
      answers: [{ status: "succeeded" } as const],
      state: "answered",
      status: "settled",
    },
  ])("$name, and nothing follows it", async ({ answers, state, status }) => {
    const { rows, results, run } = world({ answers });
    await run();
    expect(rows()).toMatchObject([{ state, evidence: [] }]);
    expect(results).toMatchObject([{ status }]);
  });
});

describe("an errand", () => {
  test("tries again once under the policy that came back", async () => {
    const stale = {
      status: "failed",
      code: "FEE_INSUFFICIENT",
      sourceIndex: 1,
      update: { channelId: 2n, policy: POLICY },
    } as const;
    const { rows, overrides, run } = world({ answers: [stale, stale] });
    await run();
    expect(overrides).toEqual([undefined, { channelId: 2n, from: B, policy: POLICY }]);
    expect(rows().map(({ follows }) => follows)).toEqual([undefined, "0".repeat(64)]);
  });

  test("does not try a direction again that is disabled", async () => {
    const policy = { ...POLICY, disabled: true };
    const answers = [
      { status: "failed", code: "CHANNEL_DISABLED", sourceIndex: 1, update: { channelId: 2n, policy } } as const,
    ];
    const { rows, run } = world({ answers });
    await run();
    expect(rows()).toHaveLength(1);
  });

  test.each([
    { name: "a failure asks for less", balance: 60_000_000n, amounts: [100_000_000n, 33_500_000n, 59_400_000n] },
    { name: "an arrival asks for more", balance: 700_000_000n, amounts: [100_000_000n, 758_000_000n, 397_000_000n] },
  ])("$name, and stops after two more", async ({ balance, amounts }) => {
    const { rows, run, log } = world({ balance });
    await run();
    expect(rows().map(({ hops }) => hops[1]!.amount)).toEqual(amounts);
    expect(log.filter((entry) => entry === "pause")).toHaveLength(2);
  });

  test("that chance drew is one probe", async () => {
    const { rows, run } = world({ balance: 60_000_000n });
    await run({ ...WISH, purpose: "explore" });
    expect(rows()).toHaveLength(1);
  });

  test("asks no more when our own channel could not send", async () => {
    const { rows, run } = world({ answers: [{ ...SHORT, sourceIndex: 0 }] });
    await run();
    expect(rows()).toMatchObject([{ evidence: [{ observation: { kind: "own-failure" } }] }]);
  });

  test("does not begin when the process stops", async () => {
    const { rows, run } = world({ balance: 1n });
    await run(WISH, LIMITS, AbortSignal.abort());
    expect(rows()).toEqual([]);
  });
});

describe("a probe that was left open", () => {
  const open = (more: Partial<OpenProbe> = {}): OpenProbe => ({
    paymentHash: "f".repeat(64),
    nodePubkey: A,
    state: "sent",
    hops: [
      { channelId: 1n, from: A, to: B, capacitySat: 1, amount: msat(1n), expiryHeight: 1, parallel: [], willing: [] },
      { channelId: 2n, from: B, to: C, capacitySat: 1, amount: msat(1n), expiryHeight: 1, parallel: [], willing: [] },
    ],
    lockHeight: 900_100,
    ...more,
  });
  type Booked = Awaited<ReturnType<Parameters<typeof resolveProbes>[0]["track"]>>;

  test.each<{ name: string; probe?: Partial<OpenProbe>; booked: Booked; height?: number; want: string[] }>([
    { name: "never began", booked: undefined, want: ["unsent"] },
    { name: "ended, and LND remembers how", booked: REACHED, want: ["answered REACHED 4", "told"] },
    { name: "ended, and LND has forgotten how", booked: { status: "forgotten" }, want: ["answered"] },
    { name: "is under way", booked: { status: "in-flight" }, want: ["unknown"] },
    { name: "is known to be under way", probe: { state: "unknown" }, booked: { status: "in-flight" }, want: [] },
    { name: "is past its lock", booked: { status: "in-flight" }, height: 900_245, want: ["expired"] },
    { name: "is another node's", probe: { nodePubkey: B, state: "unknown" }, booked: undefined, want: [] },
    {
      name: "is another node's, and past its lock",
      probe: { nodePubkey: B },
      booked: undefined,
      height: 900_245,
      want: ["expired"],
    },
  ])("and $name: $want", async ({ probe, booked, height, want }) => {
    const did: string[] = [];
    await resolveProbes(
      {
        open: async (sentBefore) => (sentBefore < NOW - 60 ? [open(probe)] : []),
        track: async () => booked,
        async answer(_hash, { code }, evidence) {
          did.push(["answered", code && "REACHED", evidence.length || undefined].filter(Boolean).join(" "));
          return true;
        },
        markUnknown: async () => void did.push("unknown"),
        markUnsent: async () => void did.push("unsent"),
        markExpired: async () => void did.push("expired"),
        onResult: () => void did.push("told"),
        now: () => NOW,
      },
      { nodePubkey: A, blockHeight: height ?? 900_000 },
      new AbortController().signal,
    );
    expect(did).toEqual(want);
  });
});

test("what has ended a while ago is deleted by hash, and what the node still has under way is kept", async () => {
  const deleted: string[] = [];
  const marked: string[] = [];
  const count = await forgetProbes(
    {
      kept: async (nodePubkey: string, endedBefore: UnixSeconds) =>
        nodePubkey === A && endedBefore === NOW - 600 ? ["one", "held", "two"] : [],
      async delete(hash) {
        deleted.push(hash);
        return hash !== "held";
      },
      markDeleted: async (hash) => void marked.push(hash),
      now: () => NOW,
    },
    A,
    new AbortController().signal,
  );
  expect({ count, deleted, marked }).toEqual({ count: 2, deleted: ["one", "held", "two"], marked: ["one", "two"] });
});
