import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { toHex } from "../core/bytes.ts";
import { errorCode } from "../core/errors.ts";
import { diffGraphs, type GraphChange } from "../core/graph/change.ts";
import type { ChannelGraph } from "../core/graph/channel-graph.ts";
import { digestAfter, encodeDelta } from "../core/graph/delta.ts";
import { type ChannelRecord, graphFromRecords } from "../core/graph/records.ts";
import { decodeSnapshot, snapshotDigest } from "../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../core/graph/worlds.ts";
import { createIntentWorld, resolveIntent } from "../core/intent/resolve-intent.ts";
import { msat, unixSeconds } from "../core/units.ts";
import { syntheticGraph } from "../testing/synthetic-graph.ts";
import { type RatedGraph, rateGraph } from "./rate-graph.ts";
import { openVerdictThread } from "./verdict-thread.ts";

const takenAt = unixSeconds(1_770_000_000);
const { nodes, channels } = syntheticGraph({ nodes: 1500, channels: 4000, seed: 3 });
const verdictThread = openVerdictThread();
let rated: RatedGraph;

beforeAll(() => {
  rated = rateGraph(graphFromRecords(nodes, channels).graph, takenAt);
});
afterAll(() => verdictThread.close());

const stored = (at = takenAt) => ({ body: rated.body, deltas: [], takenAt: at });

const ask = (target: string, caller?: string) => ({
  target,
  caller,
  amount: msat(50_000_000n),
  now: unixSeconds(takenAt + 60),
});

test("a graph becomes a snapshot, its digest, and a row per node with a score where one can be given", () => {
  expect(rated).toMatchObject({ nodeCount: 1500, channelCount: 4000, takenAt, source: "lnd" });
  expect(toHex(rated.digest)).toBe(snapshotDigest(rated.body));
  expect(rated.nodes.length).toBe(1500);
  expect(rated.nodes.map(({ keyHex }) => keyHex)).toEqual(rated.nodes.map(({ keyHex }) => keyHex).sort());
  for (const { score, liveInCount } of rated.nodes) expect(score === undefined).toBe(liveInCount === 0);
  const scored = rated.nodes.find(({ score }) => score)!;
  expect(scored.score).toMatchObject({ scoredAt: takenAt, observations: scored.liveInCount });
  expect(scored.capacitySat).toBeGreaterThan(0n);
  expect(decodeSnapshot(rated.body).rows.inArc.length).toBe(rated.arcCount);
});

test("the thread decides as the core does, from the graph loaded last", async () => {
  const [target, caller] = rated.nodes.filter(({ liveInCount }) => liveInCount > 3).map(({ keyHex }) => keyHex) as [
    string,
    string,
  ];
  expect(await verdictThread.decide(ask(target)).catch(errorCode)).toBe("GRAPH_NOT_READY");
  await expect(verdictThread.load({ ...stored(), body: new Uint8Array(7) })).rejects.toMatchObject({
    code: "GRAPH_MALFORMED",
  });

  const loaded = await verdictThread.load(stored());
  expect(loaded).toMatchObject({ nodeCount: 1500, channelCount: 4000, arcCount: rated.arcCount });
  expect(Buffer.from(rated.digest).toString("hex")).toBe(loaded.digest);
  const worlds = sampleWorlds(decodeSnapshot(rated.body), WORLD_SEED);
  const world = createIntentWorld(worlds, loaded.digest, takenAt);
  for (const from of [caller, undefined]) {
    expect(await verdictThread.decide(ask(target, from))).toEqual(resolveIntent(world, ask(target, from)));
  }
  const inParts = { ...ask(target, caller), amount: msat(5_000_000_000n), maxParts: 3 };
  const [split, meanwhile] = [verdictThread.decide(inParts), verdictThread.decide(ask(target, caller))];
  expect(await Promise.race([split.then(() => "split"), meanwhile.then(() => "meanwhile")])).toBe("meanwhile");
  expect(await split).toEqual(resolveIntent(world, inParts));
  // A change of the graph waits for a few of them at most.
  const many = await Promise.allSettled(Array.from({ length: 6 }, () => verdictThread.decide(inParts)));
  expect(many.map(({ status }) => status)).toEqual([...Array(4).fill("fulfilled"), "rejected", "rejected"]);
});

test("while a newer graph is prepared, answers come from the one before", async () => {
  const target = rated.nodes.find(({ liveInCount }) => liveInCount > 0)!.keyHex;
  let ready = false;
  const later = unixSeconds(takenAt + 10);
  const load = verdictThread.load(stored(later)).then(() => {
    ready = true;
  });
  const first = await verdictThread.decide(ask(target));
  expect([first.asOf, ready]).toEqual([takenAt, false]);
  await load;
  expect((await verdictThread.decide(ask(target))).asOf).toBe(later);
});

test("what changes is worked in: answers are those of the changed graph, under its digest", async () => {
  const thread = openVerdictThread();
  await thread.load(stored());
  const [target, caller] = rated.nodes.filter(({ liveInCount }) => liveInCount > 3).map(({ keyHex }) => keyHex) as [
    string,
    string,
  ];
  let graph = graphFromRecords(nodes, channels).graph;
  let digest = rated.digest;
  const altered = (alter: (channel: ChannelRecord, i: number) => ChannelRecord[]) =>
    graphFromRecords(nodes, channels.flatMap(alter)).graph;
  const dearer = altered((channel) => [{ ...channel, policy1: { ...channel.policy1!, minHtlcMsat: 60_000_000 } }]);
  const smaller = altered((channel, i) => (i % 5 === 0 ? [] : [channel]));
  for (const [i, to] of [dearer, smaller, graph].entries()) {
    const steps = stepsTo(graph, to, digest, unixSeconds(takenAt + i));
    graph = to;
    digest = steps.at(-1)!.digest;
    const loaded = await thread.follow(steps);
    expect(loaded).toMatchObject({ channelCount: to.channelCount, digest: toHex(digest) });
    const world = createIntentWorld(sampleWorlds(to, WORLD_SEED), loaded.digest, unixSeconds(takenAt + i));
    for (const from of [caller, undefined]) {
      expect(await thread.decide(ask(target, from))).toEqual(resolveIntent(world, ask(target, from)));
    }
  }
  await thread.close();
});

test("a change that was made for another graph is refused, and the graph stays", async () => {
  const { graph } = graphFromRecords(nodes, channels);
  const other = graphFromRecords(nodes, channels.slice(1)).graph;
  const thread = openVerdictThread();
  await thread.load(stored());
  const steps = stepsTo(graph, other, new Uint8Array(32), takenAt);
  await expect(thread.follow(steps)).rejects.toMatchObject({ code: "GRAPH_MALFORMED" });
  expect((await thread.follow([])).digest).toBe(toHex(rated.digest));
  await thread.close();
});

/** What leads from one graph to another, in two versions. */
function stepsTo(from: ChannelGraph, to: ChannelGraph, digest: Uint8Array, at: typeof takenAt) {
  const changes: GraphChange[] = diffGraphs(from, to);
  let named = digest;
  return [changes.slice(0, 30), changes.slice(30)].map((part) => {
    const delta = encodeDelta(part);
    named = digestAfter(named, delta);
    return { delta, digest: named, takenAt: at };
  });
}

test("a crash costs one decision, and the graph is loaded again once for all who wait", async () => {
  const target = rated.nodes.find(({ liveInCount }) => liveInCount > 0)!.keyHex;
  const sent = recordThreads();
  const thread = openVerdictThread();
  await thread.load(stored());
  sent.endAt = "decide";
  const decisions = Array.from({ length: 20 }, () => thread.decide(ask(target)).then(({ asOf }) => asOf, errorCode));
  expect(await Promise.all(decisions)).toEqual(["INTERNAL", ...Array.from({ length: 19 }, () => takenAt)]);
  const again = ["load", ...Array.from({ length: 19 }, () => "decide")];
  expect(sent.byThread()).toEqual([["load", "decide"], again]);
  sent.stop();
  await thread.close();
});

test("a hundred decisions may wait; the next is refused at once, and there is room again when they are done", async () => {
  const target = rated.nodes.find(({ liveInCount }) => liveInCount > 0)!.keyHex;
  const accepted = Array.from({ length: 101 }, () => verdictThread.decide(ask(target)));
  expect(verdictThread.overloaded()).toBe(true);
  await expect(verdictThread.decide(ask(target))).rejects.toMatchObject({ code: "OVERLOADED" });
  await expect(Promise.all(accepted)).resolves.toHaveLength(101);
  expect(verdictThread.overloaded()).toBe(false);
  await verdictThread.decide(ask(target));
});

/** Notes the methods sent to each thread from now on. The next `endAt` ends its thread, as a crash would. */
function recordThreads() {
  const threads = new Map<Worker, string[]>();
  const post = Worker.prototype.postMessage;
  const spy = vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, message) {
    threads.set(this, [...(threads.get(this) ?? []), message.method]);
    if (message.method !== sent.endAt) return post.call(this, message);
    sent.endAt = "";
    void this.terminate();
  });
  const sent = { byThread: () => [...threads.values()], endAt: "", stop: () => spy.mockRestore() };
  return sent;
}
