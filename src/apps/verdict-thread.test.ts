import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { errorCode } from "../core/errors.ts";
import { decodeSnapshot } from "../core/graph/snapshot.ts";
import { sampleWorlds, WORLD_SEED } from "../core/graph/worlds.ts";
import { createIntentWorld, resolveIntent } from "../core/intent/resolve-intent.ts";
import { msat, unixSeconds } from "../core/units.ts";
import { describeGraphMessage, loadGraphCodec } from "../testing/describe-graph.ts";
import { syntheticGraph } from "../testing/synthetic-graph.ts";
import { openGraphThread, type RatedGraph } from "./graph-thread.ts";
import { openVerdictThread } from "./verdict-thread.ts";

const takenAt = unixSeconds(1_770_000_000);
const graphThread = openGraphThread();
const verdictThread = openVerdictThread();
let rated: RatedGraph;

beforeAll(async () => {
  const { nodes, channels } = syntheticGraph({ nodes: 1500, channels: 4000, seed: 3 });
  rated = await graphThread.rate(loadGraphCodec().encode(describeGraphMessage(nodes, channels)), takenAt);
});
afterAll(() => Promise.all([graphThread.close(), verdictThread.close()]));

const ask = (target: string, caller?: string) => ({
  target,
  caller,
  amount: msat(50_000_000n),
  now: unixSeconds(takenAt + 60),
});

test("LND's bytes become a snapshot, its digest, and a row per node with a score where one can be given", () => {
  expect(rated).toMatchObject({ nodeCount: 1500, channelCount: 4000, rejectedCount: 0, takenAt, source: "lnd" });
  expect(rated.digest.length).toBe(32);
  expect(rated.nodes.length).toBe(1500);
  expect(rated.nodes.map(({ keyHex }) => keyHex)).toEqual(rated.nodes.map(({ keyHex }) => keyHex).sort());
  for (const { score, liveInCount } of rated.nodes) expect(score === undefined).toBe(liveInCount === 0);
  const scored = rated.nodes.find(({ score }) => score)!;
  expect(scored.score).toMatchObject({ scoredAt: takenAt, observations: scored.liveInCount });
  expect(scored.capacitySat).toBeGreaterThan(0n);
  expect(decodeSnapshot(rated.body).rows.inArc.length).toBe(rated.arcCount);
});

test("bytes that are no graph are refused by name, and the thread lives on", async () => {
  await expect(graphThread.rate(new Uint8Array([0x0a, 0xff]), takenAt)).rejects.toMatchObject({
    code: "GRAPH_MALFORMED",
  });
  expect((await graphThread.rate(new Uint8Array(), takenAt)).nodeCount).toBe(0);
});

test("the thread decides as the core does, from the graph loaded last", async () => {
  const [target, caller] = rated.nodes.filter(({ liveInCount }) => liveInCount > 3).map(({ keyHex }) => keyHex) as [
    string,
    string,
  ];
  expect(await verdictThread.decide(ask(target)).catch(errorCode)).toBe("GRAPH_NOT_READY");
  await expect(verdictThread.load(new Uint8Array(7), takenAt)).rejects.toMatchObject({ code: "GRAPH_MALFORMED" });

  const loaded = await verdictThread.load(rated.body, takenAt);
  expect(loaded).toMatchObject({ nodeCount: 1500, channelCount: 4000, arcCount: rated.arcCount });
  expect(Buffer.from(rated.digest).toString("hex")).toBe(loaded.digest);
  const worlds = sampleWorlds(decodeSnapshot(rated.body), WORLD_SEED);
  const world = createIntentWorld(worlds, loaded.digest, takenAt);
  for (const from of [caller, undefined]) {
    expect(await verdictThread.decide(ask(target, from))).toEqual(resolveIntent(world, ask(target, from)));
  }
});

test("while a newer graph is prepared, answers come from the one before", async () => {
  const target = rated.nodes.find(({ liveInCount }) => liveInCount > 0)!.keyHex;
  let ready = false;
  const later = unixSeconds(takenAt + 10);
  const load = verdictThread.load(rated.body, later).then(() => {
    ready = true;
  });
  const first = await verdictThread.decide(ask(target));
  expect([first.asOf, ready]).toEqual([takenAt, false]);
  await load;
  expect((await verdictThread.decide(ask(target))).asOf).toBe(later);
});

test("a crash costs one decision, and the graph is loaded again once for all who wait", async () => {
  const target = rated.nodes.find(({ liveInCount }) => liveInCount > 0)!.keyHex;
  const sent = recordThreads();
  const thread = openVerdictThread();
  await thread.load(rated.body, takenAt);
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
