/** Probes in Postgres: limits that hold whoever claims, a first answer that counts, and nothing lost in between. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../core/bytes.ts";
import type { Evidence, Observation } from "../../core/evidence/observation.ts";
import type { Prediction } from "../../core/prediction/prediction.ts";
import type { ProbeHop } from "../../core/probe/route.ts";
import type { ProbeLimits } from "../../core/spend/policy.ts";
import { msat, unixSeconds } from "../../core/units.ts";
import { openTestDatabase, type TestDatabase } from "../../testing/database.ts";
import { evidenceTable } from "./evidence.ts";
import { predictionTable } from "./prediction.ts";
import { type ProbeDraft, probeTable } from "./probe.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
beforeEach(() => database.pool.query("DELETE FROM probe"));
afterAll(() => database.close());

const node = (i: number) => `02${i.toString(16).padStart(64, "0")}`;
const OURS = node(1);
const START = 1_790_000_000;
const at = (second: number) => unixSeconds(START + second);
const LIMITS: ProbeLimits = {
  mode: "auto",
  maxAmountMsat: msat(1_000_000_000n),
  perHour: 1_000,
  perTarget24h: 1_000,
  perPeerInFlight: 1_000,
  perPeerPerHour: 1_000,
  maxHops: 8,
  maxCltvBlocks: 1_000,
  exploreRatio: 0,
};

function hopsTo(target: number, peer: number): ProbeHop[] {
  const hop = {
    capacitySat: 100,
    amount: msat(21_000n),
    expiryHeight: 900_000,
    parallel: [2n ** 64n - 1n],
    willing: [],
  };
  return [
    { channelId: 1n, from: OURS, to: node(peer), ...hop },
    { channelId: 2n, from: node(peer), to: node(target), ...hop },
  ];
}

function draft(target = 7, peer = 3, more: Partial<ProbeDraft> = {}): ProbeDraft {
  return {
    paymentHash: toHex(randomBytes(32)),
    nodePubkey: OURS,
    purpose: "asked",
    hops: hopsTo(target, peer),
    ...more,
  };
}

const probes = () => probeTable(database.pool);
const evidence = (attempt: string): Evidence => ({
  observedAt: at(5),
  source: "probe",
  attempt,
  vantage: OURS,
  observation: { kind: "online", node: node(7) },
});
/** A probe sent and answered by the node at `sourceIndex`; 2 is the target. */
async function done(wish: ProbeDraft, second: number, sourceIndex: number): Promise<void> {
  expect(await probes().claim(wish, LIMITS, at(second))).toBeUndefined();
  await probes().answer(wish.paymentHash, { code: "TEMPORARY_CHANNEL_FAILURE", sourceIndex, at: at(second) }, []);
}

describe("a prediction", () => {
  const predicted = (target: number): ProbeDraft => {
    const wish = draft(target, target + 50);
    const prediction: Prediction = {
      predictionId: wish.paymentHash,
      kind: "probe-asked",
      at: at(0),
      target: node(target),
      amount: msat(21_000n),
      probability: 0.5,
      interval: { low: 0.2, high: 0.9 },
      lndApriori: 0.6,
      model: "m",
      graphDigest: "aa".repeat(32),
      evidence: { position: 0n, head: "00".repeat(32), at: at(0) },
      seed: 1,
    };
    return { ...wish, prediction };
  };
  const seen = (attempt: string, observation: Observation): Evidence => ({ ...evidence(attempt), observation });
  const head = async () => (await predictionTable(database.pool).head()).position;

  test("is committed with the probe's place under the limits, and not without it", async () => {
    const before = await head();
    expect(await probes().claim(predicted(20), LIMITS, at(0))).toBeUndefined();
    expect(await head()).toBe(before + 1n);
    expect(await probes().claim(predicted(21), { ...LIMITS, perHour: 0 }, at(0))).toBe("hour");
    expect(await head()).toBe(before + 1n);
  });

  test("is joined with what the answer proves, and with nothing where that is not known", async () => {
    const since = at(1_000);
    const reached: Observation = { kind: "reached", node: node(30), amount: msat(21_000n), code: "MPP_TIMEOUT" };
    const below: Observation = { kind: "holds-below", channelId: 2n, from: node(3), to: node(7), amount: msat(1n) };
    const told: Observation[] = [
      reached,
      below,
      { kind: "own-failure", code: "X" },
      { kind: "unattributed", code: "X" },
    ];
    for (const [i, observation] of told.entries()) {
      const wish = predicted(30 + i);
      await probes().claim(wish, LIMITS, since);
      const proved = [seen(wish.paymentHash, observation)];
      await probes().answer(wish.paymentHash, { code: "X", sourceIndex: 1, at: since }, proved);
      await probes().answer(wish.paymentHash, { code: "X", sourceIndex: 1, at: since }, [
        seen(wish.paymentHash, reached),
      ]);
    }
    const judged = await predictionTable(database.pool).judged(since, 10);
    expect(judged.map(({ happened }) => happened).sort()).toEqual([false, true]);
  });
});

describe("limits", () => {
  test.each([
    { name: "of the hour", limits: { perHour: 3 }, want: "hour", wish: (i: number) => draft(10 + i, 40 + i) },
    { name: "of a target's day", limits: { perTarget24h: 3 }, want: "target", wish: (i: number) => draft(7, 40 + i) },
    { name: "of a peer's hour", limits: { perPeerPerHour: 3 }, want: "peer", wish: (i: number) => draft(10 + i, 3) },
    {
      name: "in flight through a peer",
      limits: { perPeerInFlight: 3 },
      want: "in-flight",
      wish: (i: number) => draft(10 + i, 3),
    },
    {
      name: "in flight to a target",
      limits: { perPeerInFlight: 3 },
      want: "in-flight",
      wish: (i: number) => draft(7, 40 + i),
    },
  ])("$name hold for any number of claims at once", async ({ limits, want, wish }) => {
    const claims = Array.from({ length: 12 }, (_, i) =>
      probes().claim({ ...wish(i), purpose: "manual" }, { ...LIMITS, ...limits }, at(0)),
    );
    const outcomes = await Promise.all(claims);
    expect(outcomes.filter((each) => each === undefined)).toHaveLength(3);
    expect(outcomes.filter((each) => each === want)).toHaveLength(9);
  });

  test("an hour later there is room again, and a probe that never left took none", async () => {
    const limits = { ...LIMITS, perHour: 1 };
    const first = draft(10);
    expect(await probes().claim(first, limits, at(0))).toBeUndefined();
    expect(await probes().claim(draft(11), limits, at(3_599))).toBe("hour");
    expect(await probes().claim(draft(11), limits, at(3_600))).toBeUndefined();
    await database.pool.query("DELETE FROM probe");
    expect(await probes().claim(first, limits, at(0))).toBeUndefined();
    await probes().markUnsent(first.paymentHash, at(1));
    expect(await probes().claim(draft(11), limits, at(2))).toBeUndefined();
  });

  test("a probe that hangs counts until it is resolved, however long that takes", async () => {
    const limits = { ...LIMITS, perPeerInFlight: 1 };
    const hanging = draft(7, 3);
    expect(await probes().claim(hanging, limits, at(0))).toBeUndefined();
    await probes().markUnknown(hanging.paymentHash);
    expect(await probes().claim(draft(8, 3), limits, at(86_400))).toBe("in-flight");
    expect(await probes().claim(draft(8, 4), limits, at(86_400))).toBeUndefined();
    await probes().markExpired(hanging.paymentHash, at(90_000));
    expect(await probes().claim(draft(9, 3), limits, at(90_000))).toBeUndefined();
  });

  test("a target that was not reached is left alone, twice as long each time, until it is", async () => {
    await done(draft(), 0, 1);
    expect(await probes().claim(draft(), LIMITS, at(59))).toBe("backoff");
    await done(draft(), 60, 1);
    expect(await probes().claim(draft(), LIMITS, at(179))).toBe("backoff");
    expect(await probes().claim(draft(8), LIMITS, at(179))).toBeUndefined();
    await done(draft(), 180, 2);
    await done(draft(), 181, 1);
    expect(await probes().claim(draft(), LIMITS, at(240))).toBe("backoff");
    expect(await probes().claim(draft(), LIMITS, at(241))).toBeUndefined();
  });

  test("a second step, and an operator's wish, need not wait", async () => {
    const first = draft();
    await done(first, 0, 1);
    expect(await probes().claim(draft(7, 3, { follows: first.paymentHash }), LIMITS, at(1))).toBeUndefined();
    expect(await probes().claim(draft(7, 3, { purpose: "manual" }), LIMITS, at(1))).toBeUndefined();
  });
});

describe("a probe", () => {
  test("is there before it is sent, with what its answer must be read with", async () => {
    const wish = draft();
    await probes().claim(wish, LIMITS, at(0));
    const { paymentHash, hops } = wish;
    const want = { paymentHash, nodePubkey: OURS, state: "sent", hops, lockHeight: 900_000, sentAt: at(0) };
    expect(await probes().open(at(1))).toEqual([want]);
    expect(await probes().open(at(0))).toEqual([]);
    await probes().markUnknown(paymentHash);
    expect(await probes().open(at(1))).toEqual([{ ...want, state: "unknown" }]);
    expect(await probes().counts(at(10))).toEqual({ inFlight: 1, unknown: 1, sentLastHour: 1 });
  });

  test("never takes a hash a second time", async () => {
    const wish = draft();
    await done(wish, 0, 2);
    await expect(probes().claim(wish, LIMITS, at(5))).rejects.toMatchObject({ code: "23505" });
  });

  test("has one answer, and its evidence with it", async () => {
    const { paymentHash, ...wish } = draft();
    await probes().claim({ paymentHash, ...wish }, LIMITS, at(0));
    const answer = { code: "UNKNOWN_NEXT_PEER", sourceIndex: 1, at: at(5) };
    const answers = await Promise.all(
      [1, 2, 3].map(() => probes().answer(paymentHash, answer, [evidence(paymentHash)])),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await evidenceTable(database.pool).ofAttempt(paymentHash)).toEqual([evidence(paymentHash)]);
    await probes().markUnknown(paymentHash);
    expect(await probes().open(at(100))).toEqual([]);
  });

  test("is taken out of LND's book once, by the node that has it there", async () => {
    const wish = draft();
    await done(wish, 0, 2);
    expect(await probes().kept(OURS, at(0), 10)).toEqual([]);
    expect(await probes().kept(node(99), at(60), 10)).toEqual([]);
    expect(await probes().kept(OURS, at(60), 10)).toEqual([wish.paymentHash]);
    await probes().markDeleted(wish.paymentHash, at(61));
    expect(await probes().kept(OURS, at(600), 10)).toEqual([]);
  });
});
