import fc from "fast-check";
import { expect, test } from "vitest";
import { diffGraphs, type GraphChange, policyOf, samePolicy } from "../../core/graph/change.ts";
import { type ChannelGraph, findChannel } from "../../core/graph/channel-graph.ts";
import { graphFromRecords } from "../../core/graph/records.ts";
import { graphDigest } from "../../core/graph/snapshot.ts";
import { type FollowStore, playScript, type Scene, type Stored, storedGraph } from "../../testing/followed.ts";
import { anyScript } from "../../testing/script.ts";

/** What the database does, in memory: versions that follow each other, with the history of each. */
function memoryStore() {
  let stored: Stored | undefined;
  const history: GraphChange[] = [];
  const write = async (after: Stored["position"] | undefined, pages: AsyncIterable<GraphChange[]>, next: Stored) => {
    const { snapshotId, number, digest } = next.position;
    const held = stored?.position;
    if (held?.snapshotId === snapshotId && held.number === number && held.digest.join() === digest.join()) return held;
    if (held?.snapshotId !== after?.snapshotId || held?.number !== after?.number) return undefined;
    for await (const page of pages) history.push(...page);
    stored = next;
    return next.position;
  };
  const store: FollowStore = {
    newest: async () => stored,
    append: ({ after, delta, digest, history: pages }) =>
      write(after, pages, {
        ...stored!,
        deltas: [...stored!.deltas, delta],
        position: { snapshotId: after!.snapshotId, number: after!.number + 1, digest },
      }),
    checkpoint: ({ after, reading, history: pages }) =>
      write(after, pages, {
        body: reading.body,
        deltas: [],
        position: { snapshotId: (after?.snapshotId ?? 0n) + 1n, number: 0, digest: reading.digest },
      }),
  };
  return { store, history, graph: () => storedGraph(stored) };
}

test("whatever happens to network, stream, process and database: what is stored becomes what LND has", async () => {
  await fc.assert(
    fc.asyncProperty(anyScript, async (script) => {
      const { store, graph, history } = memoryStore();
      const { graph: lnd, everPublic } = await playScript(script, store);
      expect(diffGraphs(graph(), lnd)).toEqual([]);
      expect(graphDigest(graph())).toBe(graphDigest(lnd));
      expect(told(history)).toEqual(said(lnd));
      // The node's own channels that nobody announced are nobody's business, not even for a moment.
      for (const change of history) if (change.kind === "opened") expect(everPublic).toContain(change.id);
    }),
    { numRuns: 60 },
  );
});

test("without a break every public change is stored as it is told, in whichever order", async () => {
  const policies = fc.record({
    kind: fc.constant("policy" as const),
    pick: fc.nat({ max: 5 }),
    first: fc.boolean(),
    feePpm: fc.nat({ max: 9 }),
    enabled: fc.boolean(),
  });
  const disorder = fc.record({ kind: fc.constantFrom("swap" as const, "double" as const, "deliver" as const) });
  const script = fc.array(fc.oneof(policies, disorder), { minLength: 5, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(script, async (changes) => {
      const { store, graph } = memoryStore();
      const opened = [0, 1, 2].map(
        (node): Scene => ({
          kind: "open",
          ends: { node, other: node + 1 },
          announced: true,
          policies: 2,
        }),
      );
      // Without another reading: what is stored follows from the stream and from questions about single channels.
      const { graph: lnd } = await playScript([...opened, ...changes], store, { readings: 1 });
      const undated = diffGraphs(graph(), lnd).filter((change) => change.kind !== "policy" || !isDate(graph(), change));
      expect(undated.filter(({ kind }) => kind !== "node")).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

type PolicyChange = Extract<GraphChange, { kind: "policy" }>;

/** Whether a policy differs from the stored one in its time only. */
function isDate(graph: ChannelGraph, { id, fromA, policy }: PolicyChange): boolean {
  return samePolicy(policyOf(graph, 2 * findChannel(graph, id) + (fromA ? 0 : 1)), policy);
}

/** The history, played back: what was open at the end, and the last policy of each direction. Refuses doubles. */
function told(history: readonly GraphChange[]): Map<string, unknown> {
  const state = new Map<string, unknown>();
  for (const change of history) {
    if (change.kind === "opened") {
      expect(state.has(`${change.id}`)).toBe(false);
      state.set(`${change.id}`, change.capacitySat);
    } else if (change.kind === "closed") {
      expect(state.delete(`${change.id}`)).toBe(true);
      for (const side of [true, false]) state.delete(`${change.id} ${side}`);
    } else if (change.kind === "policy") {
      const name = `${change.id} ${change.fromA}`;
      const { updatedAt: _, ...policy } = change.policy;
      expect(state.get(name)).not.toEqual(policy);
      state.set(name, policy);
    }
  }
  return state;
}

/** The same of a graph. */
function said(graph: ChannelGraph): Map<string, unknown> {
  const history = diffGraphs(graphFromRecords([], []).graph, graph);
  return told(history);
}
